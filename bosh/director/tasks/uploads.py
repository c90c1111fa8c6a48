"""What uploads of releases and stemcells have in common: fetch, check the digest, stages of one step."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bosh.director.tasks.contract import TaskContext
from bosh.state import records
from bosh.wire import digest
from bosh.wire.errors import BoshError, NotEnoughDiskSpace, ValidationInvalidValue

UPLOADING = "uploading"
"""Type of a blob row written before its bytes are: what is left over when the task dies is found by it."""


T = TypeVar("T")


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await what goes on in a thread. When cancelled meanwhile, wait for its end first: what it writes can be taken back only then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@asynccontextmanager
async def uploaded(context: TaskContext) -> AsyncIterator[Path]:
    """The file that the task is about: the body that was sent, or where the remote one is to be stored. Removed afterwards."""
    given = context.task.arguments.get("path")
    path = Path(given) if given else context.work_dir / "upload"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


async def fetch(context: TaskContext, url: str, path: Path) -> None:
    """Download. Raises ResourceNotFound, NotEnoughDiskSpace, SystemFailure."""
    from bosh.clients.remote_files import download

    with disk_space(f"cannot store what {url.rpartition('@')[2]} gave"):
        await download(url, path, clock=context.clock, max_bytes=context.config.max_upload_bytes)


async def check_digest(path: Path, text: str, refusal: type[BoshError]) -> None:
    """Compare a file with a digest text.

    Raises:
        ``refusal``: it is another file. ValidationInvalidValue: the text is no digest.
    """
    try:
        wanted = digest.strongest(text)
    except ValueError as error:
        raise ValidationInvalidValue(f"cannot read the digest '{text}'", details=str(error)) from error
    actual = await to_its_end(asyncio.to_thread(digest.of_file, path, wanted.algorithm))
    if actual != str(wanted):
        raise refusal(f"Expected stream to have digest '{wanted}' but was '{actual}'")


@contextmanager
def disk_space(brief: str) -> Iterator[None]:
    """Turn the system's "disk full" into the error that clients know."""
    try:
        yield
    except (OSError, BoshError) as error:
        # A reader of archives tells of it as an archive it cannot read.
        reason = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(reason, OSError) or reason.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise NotEnoughDiskSpace(
            brief, details=str(reason), resolution="Free space on the director's disk, then upload again."
        ) from None


class NewBlobs:
    """Blobs of an upload that counts only as a whole: each is written down before it is stored, and all go when the upload fails."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._ids: list[str] = []

    async def put(self, path: Path) -> str:
        """Store a file; the blob's id. Raises NotEnoughDiskSpace."""
        context, blob_id = self._context, self._context.ids.uuid()
        context.store.blobs.insert(records.Blob(blob_id, "", UPLOADING, context.clock.now()))
        self._ids.append(blob_id)
        await to_its_end(_stored(context, path, blob_id))
        return blob_id

    def keep(self) -> None:
        """They belong to somebody now; call inside the transaction that says to whom."""
        self._context.store.blobs.delete(blobstore_id=self._ids)

    async def discard(self) -> None:
        """The upload failed."""
        await discard(self._context, self._ids)


async def _stored(context: TaskContext, path: Path, blob_id: str) -> None:
    await context.blobs.put_file(path, blob_id)


async def discard(context: TaskContext, blob_ids: list[str]) -> None:
    """Delete blobs and what was written down of them; one that cannot be deleted stays written down for the next clean-up."""
    for blob_id in blob_ids:
        await context.blobs.delete(blob_id)
        context.store.blobs.delete(blobstore_id=blob_id, type=UPLOADING)
