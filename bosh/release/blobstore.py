"""Where a release keeps its blobs and final builds: a directory, or a public bucket that is only read.

Sources: bosh-cli `releasedir/provider.go`, bosh-utils `blobstore/local_blobstore.go`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from bosh.release.config import ReleaseConfig
from bosh.system.ids import Ids
from bosh.wire import digest
from bosh.wire.errors import BoshError

_DOWNLOAD_TIMEOUT_S = 60.0
"""Between two pieces of a download, not for all of it."""


class ReleaseBlobstore(Protocol):
    """Files by id."""

    def get(self, blob_id: str, target: Path) -> None:
        """Fetch into a file. Raises BoshError."""
        ...

    def create(self, source: Path) -> str:
        """Store a file; its new id. Raises BoshError."""
        ...


class LocalBlobstore:
    """A directory with one file per blob."""

    def __init__(self, root: Path, ids: Ids) -> None:
        self._root = root
        self._ids = ids

    def get(self, blob_id: str, target: Path) -> None:
        source = self._root / blob_id
        if "/" in blob_id or not source.is_file():
            raise BoshError(f"cannot find blob '{blob_id}'", details=f"it is not in '{self._root}'")
        shutil.copyfile(source, target)

    def create(self, source: Path) -> str:
        self._root.mkdir(mode=0o770, parents=True, exist_ok=True)
        blob_id = self._ids.uuid()
        partial = self._root / f".{blob_id}.partial"
        shutil.copyfile(source, partial)
        partial.rename(self._root / blob_id)
        return blob_id


class PublicBucket:
    """Plain HTTPS downloads, as most public releases allow."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def get(self, blob_id: str, target: Path) -> None:
        import httpx  # here because every command line start would pay for it

        url = f"{self._base_url}/{blob_id}"
        try:
            with (
                httpx.stream("GET", url, follow_redirects=True, timeout=_DOWNLOAD_TIMEOUT_S) as response,
                target.open("wb") as file,
            ):
                response.raise_for_status()
                for piece in response.iter_bytes():
                    file.write(piece)
        except httpx.HTTPError as error:
            raise BoshError(f"cannot download '{url}'", details=str(error)) from error

    def create(self, source: Path) -> str:
        raise BoshError(
            f"cannot upload '{source.name}' to '{self._base_url}'",
            details="buckets are only read",
            resolution="set blobstore.provider to 'local' in config/final.yml, or upload with the provider's own tool",
        )


class NoBlobstore:
    """A release without a configured blobstore: says so when one is needed, not before."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def get(self, blob_id: str, target: Path) -> None:
        raise BoshError(f"cannot fetch blob '{blob_id}' to '{target}'", details=self._reason)

    def create(self, source: Path) -> str:
        raise BoshError(f"cannot upload '{source}'", details=self._reason)


def of(config: ReleaseConfig, directory: Path, ids: Ids) -> ReleaseBlobstore:
    """The blobstore that ``config/final.yml`` names."""
    options = config.options
    if config.provider == "local":
        path = options.get("blobstore_path")
        if not isinstance(path, str) or not path:
            return NoBlobstore(f"blobstore_path must be a string in '{config.path}'")
        return LocalBlobstore(directory / path, ids)
    if config.provider in {"s3", "gcs"}:
        bucket = options.get("bucket_name")
        if not bucket:
            return NoBlobstore(f"blobstore.options.bucket_name is missing in '{config.path}'")
        return PublicBucket(_s3_url(options) if config.provider == "s3" else _gcs_url(options))
    return NoBlobstore(f"Expected non-empty 'blobstore.provider' in config '{config.path}'")


def _s3_url(options: dict[str, object]) -> str:
    folder = f"/{options['folder_name']}" if options.get("folder_name") else ""
    host = options.get("host")
    if host:
        scheme = "http" if options.get("use_ssl") is False else "https"
        port = f":{options['port']}" if options.get("port") else ""
        return f"{scheme}://{host}{port}/{options['bucket_name']}{folder}"
    region = f".{options['region']}" if options.get("region") not in {None, "us-east-1"} else ""
    return f"https://s3{region}.amazonaws.com/{options['bucket_name']}{folder}"


def _gcs_url(options: dict[str, object]) -> str:
    folder = f"/{options['folder_name']}" if options.get("folder_name") else ""
    return f"https://storage.googleapis.com/{options['bucket_name']}{folder}"


def fetch(store: ReleaseBlobstore, blob_id: str, digest_text: str, target: Path) -> None:
    """Fetch a blob into place, whole and verified or not at all.

    Raises:
        BoshError: it cannot be fetched, or is not what the digest says.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".fetch-", delete=False) as file:
        partial = Path(file.name)
    try:
        store.get(blob_id, partial)
        if not digest.file_matches(partial, digest_text):
            found = digest.of_file(partial, digest.strongest(digest_text).algorithm)
            raise BoshError(f"cannot use blob '{blob_id}'", details=f"expected digest '{digest_text}', got '{found}'")
        partial.chmod(0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
