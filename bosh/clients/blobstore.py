"""The embedded blobstore: a directory that the director's DAV service serves to agents.

Layout and signed URLs are bosh-davcli's (``client/client.go``, ``signer/signer.go``): a blob lies at ``<xx>/<id>`` where ``xx`` is the
first byte of the SHA-1 of its id in hex; a signed URL is ``/signed/<xx>/<id>?e=…&st=…&ts=…``.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import hmac
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bosh.clients.contract import BlobRef
from bosh.director.config import BlobstoreConfig
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import NotEnoughDiskSpace, ResourceNotFound

SIGNED_URL_LIFE_S = 24 * 3600
"""How long a signed URL works (bosh: blobstore clients sign for 24 hours)."""

_CHUNK_BYTES = 1 << 20
_INLINE_BYTES = 1 << 18
"""Up to here a write is quicker than a change of thread."""
_BLOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def relative_path(blob_id: str) -> str:
    """Where a blob lies below the root and in URLs: ``<xx>/<id>``.

    Raises:
        ResourceNotFound: no blob can have this id.
    """
    if not _BLOB_ID.fullmatch(blob_id):
        raise ResourceNotFound(f"cannot use blob id {blob_id[:100]!r}", details="it is not a plain name")
    return f"{hashlib.sha1(blob_id.encode(), usedforsecurity=False).hexdigest()[:2]}/{blob_id}"


def blob_path(root: Path, blob_id: str) -> Path:
    """The file of a blob. Raises ResourceNotFound when no blob can have this id."""
    return root / relative_path(blob_id)


def url_signature(secret: str, *, verb: str, path: str, signed_at_s: int, life_s: int) -> str:
    """HMAC-SHA256 of verb, ``<xx>/<id>``, Unix time and life in seconds; base64 for URLs without padding."""
    text = f"{verb.upper()}{path}{signed_at_s}{life_s}"
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def signature_holds(secret: str, query: Mapping[str, str], *, verb: str, path: str, now: datetime) -> bool:
    """Whether the query (``st``, ``ts``, ``e``) of a signed URL allows this verb on this path at this moment."""
    try:
        signed_at_s, life_s = int(query["ts"]), int(query["e"])
    except (KeyError, ValueError):
        return False
    wanted = url_signature(secret, verb=verb, path=path, signed_at_s=signed_at_s, life_s=life_s)
    in_time = signed_at_s <= now.timestamp() + SIGNED_URL_LIFE_S and now.timestamp() <= signed_at_s + life_s
    return bool(secret) and in_time and hmac.compare_digest(wanted, query.get("st", ""))


class LocalBlobstore:
    """Bytes by id in a directory; keeps the ``Blobstore`` contract. Writes are atomic: a blob is whole or absent."""

    def __init__(self, root: Path, *, config: BlobstoreConfig, ca: str, ids: Ids, clock: Clock) -> None:
        self._root = root
        self._config = config
        self._ca = ca
        self._ids = ids
        self._clock = clock
        (root / "incoming").mkdir(parents=True, exist_ok=True)

    async def put_file(self, path: Path, blob_id: str = "") -> BlobRef:
        """Store a file's content. Raises NotEnoughDiskSpace."""
        return await asyncio.to_thread(self._put_file, path, blob_id or self._ids.uuid())

    async def put_bytes(self, content: bytes, blob_id: str = "") -> BlobRef:
        """Store some bytes. Raises NotEnoughDiskSpace."""
        name = blob_id or self._ids.uuid()
        if len(content) <= _INLINE_BYTES:
            return self._put_bytes(content, name)
        return await asyncio.to_thread(self._put_bytes, content, name)

    async def get_file(self, blob_id: str, target: Path) -> None:
        """Copy a blob into a file. Raises ResourceNotFound."""
        source = self._existing(blob_id)
        await asyncio.to_thread(shutil.copyfile, source, target)

    async def get_bytes(self, blob_id: str) -> bytes:
        """A blob's content. Raises ResourceNotFound."""
        return await asyncio.to_thread(self._existing(blob_id).read_bytes)

    async def exists(self, blob_id: str) -> bool:
        return blob_path(self._root, blob_id).is_file()

    async def delete(self, blob_id: str) -> None:
        blob_path(self._root, blob_id).unlink(missing_ok=True)

    def agent_options(self) -> Mapping[str, Any]:
        """What agents are given (bosh: jobs/director/templates, blobstore provider ``dav``)."""
        options = {
            "endpoint": self._endpoint(),
            "user": self._config.agent_user,
            "password": self._config.agent_password,
            "tls": {"cert": {"ca": self._ca}},
        }
        return {"provider": "dav", "options": options}

    def signed_get_url(self, blob_id: str) -> str:
        return self._signed_url("GET", blob_id)

    def signed_put_url(self, blob_id: str) -> str:
        return self._signed_url("PUT", blob_id)

    def _endpoint(self) -> str:
        address = self._config.address
        host = f"[{address}]" if ":" in address else address
        return f"https://{host}:{self._config.port}"

    def _signed_url(self, verb: str, blob_id: str) -> str:
        path = relative_path(blob_id)
        now_s = int(self._clock.now().timestamp())
        signature = url_signature(
            self._config.secret, verb=verb, path=path, signed_at_s=now_s, life_s=SIGNED_URL_LIFE_S
        )
        query = urlencode({"e": SIGNED_URL_LIFE_S, "st": signature, "ts": now_s})
        return f"{self._endpoint()}/signed/{path}?{query}"

    def _existing(self, blob_id: str) -> Path:
        path = blob_path(self._root, blob_id)
        if not path.is_file():
            raise ResourceNotFound(f"cannot find blob {blob_id}", resolution="Upload what it belongs to again.")
        return path

    def _put_bytes(self, content: bytes, blob_id: str) -> BlobRef:
        incoming = self._incoming(blob_id)
        try:
            incoming.write_bytes(content)
            self._publish(incoming, blob_id)
        except OSError as error:
            incoming.unlink(missing_ok=True)
            raise _storage_error(error, blob_id) from error
        return BlobRef(blob_id, f"sha256:{hashlib.sha256(content).hexdigest()}")

    def _put_file(self, path: Path, blob_id: str) -> BlobRef:
        incoming = self._incoming(blob_id)
        state = hashlib.sha256()
        try:
            with path.open("rb") as source, incoming.open("wb") as sink:
                while piece := source.read(_CHUNK_BYTES):
                    state.update(piece)
                    sink.write(piece)
            self._publish(incoming, blob_id)
        except OSError as error:
            incoming.unlink(missing_ok=True)
            raise _storage_error(error, blob_id) from error
        return BlobRef(blob_id, f"sha256:{state.hexdigest()}")

    def _incoming(self, blob_id: str) -> Path:
        relative_path(blob_id)
        return self._root / "incoming" / f"{blob_id}.{self._ids.uuid()}"

    def _publish(self, incoming: Path, blob_id: str) -> None:
        target = blob_path(self._root, blob_id)
        target.parent.mkdir(exist_ok=True)
        incoming.replace(target)


def _storage_error(error: OSError, blob_id: str) -> Exception:
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return error
    return NotEnoughDiskSpace(
        f"cannot store blob {blob_id}", details=str(error), resolution="Free space in the blobstore, or run clean-up."
    )
