"""The blobstores an agent can be given (bosh-agent: bosh-utils blobstore; the external ones are programs on the stemcell)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bosh.agent.blobs import http
from bosh.agent.machine.commands import Commands
from bosh.wire.errors import BoshError


class BlobStore(Protocol):
    async def get(self, blob_id: str, target: Path) -> None:
        """Copy a blob into a file.

        Raises:
            BoshError: there is none of that id, or the store does not answer.
        """
        ...

    async def put(self, source: Path, blob_id: str) -> None:
        """Raises BoshError when the store does not take it."""
        ...


class LocalStore:
    """Provider ``local``: a directory (``blobstore_path``), flat."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._directory = Path(str(options.get("blobstore_path") or ""))

    async def get(self, blob_id: str, target: Path) -> None:
        await self._copy(self._path(blob_id), target)

    async def put(self, source: Path, blob_id: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        await self._copy(source, self._path(blob_id))

    def _path(self, blob_id: str) -> Path:
        return self._directory / safe_id(blob_id)

    @staticmethod
    async def _copy(source: Path, target: Path) -> None:
        try:
            await asyncio.to_thread(shutil.copyfile, source, target)
        except OSError as error:
            raise BoshError(f"cannot copy blob {source.name}", details=str(error)) from error


class DavStore:
    """Provider ``dav``: ``endpoint``, ``user``, ``password``, ``tls.cert.ca``.

    A blob lies under the first byte of its id's SHA-1 in hex (bosh-davcli: client.createReq).
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._endpoint = str(options.get("endpoint") or "").rstrip("/")
        self._headers = http.basic(str(options.get("user") or ""), str(options.get("password") or ""))
        self._ca = authority(options)

    async def get(self, blob_id: str, target: Path) -> None:
        await asyncio.to_thread(http.download, self._url(blob_id), target, self._headers, ca=self._ca)

    async def put(self, source: Path, blob_id: str) -> None:
        await asyncio.to_thread(http.upload, self._url(blob_id), source, self._headers, ca=self._ca)

    def _url(self, blob_id: str) -> str:
        prefix = hashlib.sha1(blob_id.encode(), usedforsecurity=False).hexdigest()[:2]
        return f"{self._endpoint}/{prefix}/{safe_id(blob_id)}"


class ExternalStore:
    """Any other provider: ``bosh-blobstore-<provider> -c CONFIG get|put`` beside the agent or in PATH."""

    def __init__(self, provider: str, options: Mapping[str, Any], commands: Commands, programs: Path) -> None:
        name = f"bosh-blobstore-{provider}"
        self._program = shutil.which(str(programs / name)) or shutil.which(name)
        self._name = name
        self._options = options
        self._commands = commands

    async def get(self, blob_id: str, target: Path) -> None:
        await self._call("get", blob_id, str(target))

    async def put(self, source: Path, blob_id: str) -> None:
        await self._call("put", str(source), blob_id)

    async def _call(self, *arguments: str) -> None:
        if self._program is None:
            raise BoshError(
                f"cannot use blobstore: {self._name} is not installed",
                resolution="Use a stemcell that has it, or signed URLs.",
            )
        with tempfile.NamedTemporaryFile("w", prefix="blobstore-", suffix=".json") as config:
            json.dump(dict(self._options), config)
            config.flush()
            await self._commands.check([self._program, "-c", config.name, *arguments])


class NoStore:
    """No blobstore was named: signed URLs are all there is."""

    async def get(self, blob_id: str, target: Path) -> None:
        raise BoshError(f"cannot get blob {blob_id}: this agent was given no blobstore")

    async def put(self, source: Path, blob_id: str) -> None:
        raise BoshError(f"cannot put blob {blob_id}: this agent was given no blobstore")


def build(settings: Mapping[str, Any], commands: Commands, programs: Path) -> BlobStore:
    """The store that ``{provider, options}`` describes."""
    provider, options = str(settings.get("provider") or ""), settings.get("options") or {}
    match provider:
        case "":
            return NoStore()
        case "local":
            return LocalStore(options)
        case "dav" | "davcli":
            return DavStore(options)
        case _:
            return ExternalStore(provider, options, commands, programs)


def authority(options: Mapping[str, Any]) -> str:
    """PEM text of ``tls.cert.ca``, empty when absent."""
    certificate = (options.get("tls") or {}).get("cert") or {}
    return str(certificate.get("ca") or "")


def safe_id(blob_id: str) -> str:
    """The id when it is one file name.

    Raises:
        BoshError: it would lead elsewhere.
    """
    if not blob_id or blob_id in {".", ".."} or "/" in blob_id or "\0" in blob_id:
        raise BoshError(f"cannot use blob id {blob_id!r}")
    return blob_id
