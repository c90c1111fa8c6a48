"""What the acting rooms may ask of the outside: clouds, agents, blobs. Real clients and fakes both keep these promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Where a blob is and what it must contain."""

    id: str
    sha1: str
    """Digest text."""


class Blobstore(Protocol):
    """Bytes by id. Local directory, DAV or S3."""

    async def put_file(self, path: Path, blob_id: str = "") -> BlobRef:
        """Store a file's content under a new (or the given) id. Raises NotEnoughDiskSpace."""
        ...

    async def put_bytes(self, content: bytes, blob_id: str = "") -> BlobRef: ...

    async def get_file(self, blob_id: str, target: Path) -> None:
        """Fetch into a file. Raises ResourceNotFound."""
        ...

    async def get_bytes(self, blob_id: str) -> bytes:
        """Raises ResourceNotFound."""
        ...

    async def exists(self, blob_id: str) -> bool: ...

    async def delete(self, blob_id: str) -> None:
        """Gone afterwards, and no error when it was gone before."""
        ...

    def agent_options(self) -> Mapping[str, Any]:
        """The ``{provider, options}`` map that agents are given, in ``env.bosh.blobstores``."""
        ...

    def signed_get_url(self, blob_id: str) -> str: ...

    def signed_put_url(self, blob_id: str) -> str: ...


class Cpi(Protocol):
    """One cloud. ``call`` speaks CPI API v2 (bosh.wire.cpi)."""

    async def call(self, method: str, *arguments: Any) -> Any:
        """The result. Raises CloudError (with ``kind``, ``ok_to_retry``, the CPI's log in ``details``)."""
        ...


class Cpis(Protocol):
    """All clouds of this director, by the name in the CPI config; the empty name is the default CPI."""

    def named(self, name: str, *, stemcell_api_version: int | None = None) -> Cpi:
        """The cloud, for VMs of stemcells with this API version where that matters. Raises CpiNotFound."""
        ...

    def names(self) -> Sequence[str]: ...


class Agents(Protocol):
    """Requests to agents over the bus."""

    async def call(self, agent_id: str, method: str, *arguments: Any, timeout_s: float = 45.0) -> Any:
        """One request, one bare value. Raises RpcTimeout, RpcRemoteException."""
        ...

    async def run(self, agent_id: str, method: str, *arguments: Any) -> Any:
        """A long action: sent once, then ``get_task`` polled (20 ms growing to 1 s) until its bare result.

        Cancelling the awaiting task sends ``cancel_task``. Raises RpcTimeout, RpcRemoteException.
        """
        ...

    async def wait_until_ready(self, agent_id: str, *, timeout_s: float) -> None:
        """``ping`` until it answers. Raises RpcTimeout."""
        ...

    async def alert(self, alert: Mapping[str, Any]) -> None:
        """Tell whoever monitors: ``{id, severity, title, summary, created_at}``. Nobody answers."""
        ...
