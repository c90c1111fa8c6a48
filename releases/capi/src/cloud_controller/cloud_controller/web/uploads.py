"""Receives uploads into temporary files: multipart forms with their fields and files, or a raw body."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from cloud_controller import errors
from cloud_controller.web.call import Upload

RAW = "bits"
"""The field name under which a raw body is found."""

_FIELD_LIMIT_BYTES = 64 << 20


@asynccontextmanager
async def received(request: Request, limit_bytes: int) -> AsyncIterator[Upload]:
    """The request's upload; its files go away afterwards.

    Raises:
        ApiError: too large, or no readable form.
    """
    folder = Path(await run_in_threadpool(tempfile.mkdtemp, prefix="upload-"))
    try:
        yield await _receive(request, folder, limit_bytes)
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


async def _receive(request: Request, folder: Path, limit_bytes: int) -> Upload:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit_bytes:
        raise errors.bits_invalid(f"the upload exceeds {limit_bytes} bytes")
    if request.headers.get("content-type", "").startswith("multipart/"):
        return await _form(request, folder, limit_bytes)
    return await _raw(request, folder, limit_bytes)


async def _raw(request: Request, folder: Path, limit_bytes: int) -> Upload:
    target, size = folder / RAW, 0
    with target.open("wb") as sink:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise errors.bits_invalid(f"the upload exceeds {limit_bytes} bytes")
            sink.write(chunk)
    return Upload({}, {RAW: target} if size else {})


async def _form(request: Request, folder: Path, limit_bytes: int) -> Upload:
    fields: dict[str, str] = {}
    files: dict[str, Path] = {}
    try:
        async with request.form(max_part_size=_FIELD_LIMIT_BYTES) as form:
            for number, (name, value) in enumerate(form.multi_items()):
                if isinstance(value, UploadFile):
                    files[name] = await run_in_threadpool(_keep, value, folder / str(number), limit_bytes)
                    fields[f"{name}_name"] = value.filename or ""
                else:
                    fields[name] = value
    except MultiPartException as error:
        raise errors.bits_invalid(error.message) from error
    return Upload(fields, files)


def _keep(part: UploadFile, target: Path, limit_bytes: int) -> Path:
    if part.size is not None and part.size > limit_bytes:
        raise errors.bits_invalid(f"the upload exceeds {limit_bytes} bytes")
    with target.open("wb") as sink:
        shutil.copyfileobj(part.file, sink, 1 << 20)
    return target
