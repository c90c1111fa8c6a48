"""Bodies of releases and stemcells: streamed to a file, never held in memory.

The original's nginx turns such a body into a form field before the director sees it; here the raw body is taken.
"""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

from bosh.director.api.calls import Answer, Call
from bosh.wire.errors import NotEnoughDiskSpace

BODY = (
    "application/x-compressed",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "application/x-tar",
)
_FLUSH_BYTES = 4 << 20


async def receive(call: Call) -> Path:
    """Store the request's body; the file is the caller's to remove.

    Raises:
        Answer: 413, longer than ``max_upload_bytes``.
        NotEnoughDiskSpace: the disk is full. Nothing of the body stays.
    """
    path = call.desk.places.uploads / call.desk.ids.uuid()
    limit = call.desk.config.max_upload_bytes
    length = call.request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    try:
        await _store(call, path, limit)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NotEnoughDiskSpace(
                "cannot store the upload", details=str(error), resolution="Free space on the director's disk."
            ) from error
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


async def _store(call: Call, path: Path, limit: int) -> None:
    received, waiting = 0, bytearray()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        async for piece in call.request.stream():
            received += len(piece)
            if received > limit:
                raise _too_large(limit)
            waiting += piece
            if len(waiting) >= _FLUSH_BYTES:
                full, waiting = waiting, bytearray()
                await asyncio.to_thread(sink.write, full)
        sink.write(waiting)


def _too_large(limit: int) -> Answer:
    return Answer(413, f"The upload is larger than {limit} bytes\n")
