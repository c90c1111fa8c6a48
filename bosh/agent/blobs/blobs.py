"""Blobs for the actions: from the bus, a blobstore or a signed address, always checked against their digest.

Sources: bosh-agent agent/blobstore (delivered blobs first), agent/httpblobprovider (signed URLs).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bosh.agent.blobs import http
from bosh.agent.blobs.stores import BlobStore, safe_id
from bosh.agent.paths import Paths
from bosh.agent.spec import Source
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire import digest
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)

TRIES = 3
PAUSE_S = 2.0
"""Between tries; the original waits 5 s for signed addresses, whose outages are as short."""


class Blobs:
    """All that actions need to know of blobs."""

    def __init__(self, store: BlobStore, signed_ca: str, paths: Paths, clock: Clock, ids: Ids) -> None:
        """``signed_ca`` is the PEM text of who signs the hosts of signed addresses; empty means the system's."""
        self._store = store
        self._paths = paths
        self._clock = clock
        self._ids = ids
        self._signed_ca = signed_ca

    def use(self, store: BlobStore, signed_ca: str) -> None:
        """Change the store: the director has rotated its credentials."""
        self._store = store
        self._signed_ca = signed_ca

    async def get(self, source: Source) -> Path:
        """The blob in a temporary file that the caller removes.

        Raises:
            BoshError: not obtainable in several tries, or its digest is another.
        """
        target = self.temporary_file("blob")
        try:
            await self._fetch(source, target)
            if not await asyncio.to_thread(digest.file_matches, target, source.digest):
                raise BoshError(
                    f"cannot accept blob {source.blob_id or 'at its signed address'}",
                    details=f"expected digest {source.digest}, got {await asyncio.to_thread(digest.of_file, target)}",
                )
        except ValueError as error:
            target.unlink(missing_ok=True)
            raise BoshError(f"cannot check blob {source.blob_id}", details=str(error)) from error
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    async def put(self, path: Path, signed_url: str = "", headers: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Deliver a file: (id, digest text ``sha1;sha512:…``). With a signed address the id is empty.

        Raises:
            BoshError: not deliverable in several tries.
        """
        text = await asyncio.to_thread(multiple_digest, path)
        if signed_url:
            await self._retried(lambda: self._upload(signed_url, path, headers or {}))
            return "", text
        blob_id = self._ids.uuid()
        await self._retried(lambda: self._store.put(path, blob_id))
        return blob_id, text

    # ---- blobs that came over the bus

    def keep_delivered(self, blob_id: str, content: bytes) -> None:
        """Of ``upload_blob``: in the directory for secrets, until a job is made of it."""
        target = self._paths.sensitive_blobs / safe_id(blob_id)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)

    def delete_delivered(self, blob_id: str) -> None:
        """Nothing when it was not delivered: blobs of the blobstore are the director's."""
        for directory in self._delivered_directories():
            (directory / safe_id(blob_id)).unlink(missing_ok=True)

    def _delivered_directories(self) -> tuple[Path, Path]:
        return self._paths.sensitive_blobs, self._paths.blobs

    def temporary_file(self, label: str) -> Path:
        """A fresh name in the agent's own directory for large temporary files."""
        self._paths.temporary.mkdir(parents=True, exist_ok=True)
        return self._paths.temporary / f"{label}-{self._ids.uuid()}"

    # ---- one try

    async def _fetch(self, source: Source, target: Path) -> None:
        if not source.blob_id and not source.signed_url:
            raise BoshError("cannot get a blob that has neither id nor signed address")
        if source.signed_url:
            await self._retried(lambda: self._download(source, target))
            return
        for directory in self._delivered_directories():
            if (delivered := directory / safe_id(source.blob_id)).exists():
                await asyncio.to_thread(shutil.copyfile, delivered, target)
                return
        await self._retried(lambda: self._store.get(source.blob_id, target))

    async def _download(self, source: Source, target: Path) -> None:
        await asyncio.to_thread(http.download, source.signed_url, target, source.headers, ca=self._signed_ca)

    async def _upload(self, url: str, path: Path, headers: Mapping[str, str]) -> None:
        await asyncio.to_thread(http.upload, url, path, headers, ca=self._signed_ca)

    async def _retried(self, attempt: Callable[[], Awaitable[None]]) -> None:
        for number in range(1, TRIES + 1):
            try:
                await attempt()
            except BoshError as error:
                if number == TRIES:
                    raise
                log.warning("try %d of %d: %s", number, TRIES, error)
                await self._clock.sleep_s(PAUSE_S)
            else:
                return


def multiple_digest(path: Path) -> str:
    """``<sha1>;sha512:<hex>``, as the original writes of what it makes (bosh-agent: httpblobprovider)."""
    first, second = hashlib.sha1(usedforsecurity=False), hashlib.sha512()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            first.update(piece)
            second.update(piece)
    return f"{first.hexdigest()};sha512:{second.hexdigest()}"
