"""Blobs in a directory: ``<bucket>/<first two>/<next two>/<key>``."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from cloud_controller.blobstore.contract import MissingBlob


class LocalBlobstore:
    """See :class:`contract.Blobstore`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, bucket: str, key: str) -> Path:
        if not key or key.startswith(".") or "/" in key or "\\" in key or "\0" in key:
            raise MissingBlob(f"cannot use the key {key!r}")
        return self._root / bucket / key[:2] / key[2:4] / key

    def put(self, bucket: str, key: str, source: Path) -> None:
        """See :class:`contract.Blobstore`."""
        path = self._path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as sink, source.open("rb") as stream:
                shutil.copyfileobj(stream, sink, 1 << 20)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def exists(self, bucket: str, key: str) -> bool:
        """See :class:`contract.Blobstore`."""
        return self._path(bucket, key).is_file()

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """See :class:`contract.Blobstore`."""
        try:
            shutil.copyfile(self._path(bucket, key), target)
        except FileNotFoundError as error:
            raise MissingBlob(f"{bucket}/{key}") from error

    def local(self, bucket: str, key: str) -> Path | None:
        """See :class:`contract.Blobstore`."""
        path = self._path(bucket, key)
        return path if path.is_file() else None

    def delete(self, bucket: str, key: str) -> None:
        """See :class:`contract.Blobstore`."""
        self._path(bucket, key).unlink(missing_ok=True)

    def link(self, bucket: str, key: str, lifetime_seconds: int) -> str | None:
        """See :class:`contract.Blobstore`: a directory hands nothing out."""
        return None
