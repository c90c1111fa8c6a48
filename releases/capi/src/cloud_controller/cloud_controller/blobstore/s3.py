"""Blobs in one bucket of an S3 service, below a folder for each of our buckets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from minio import Minio
from minio.error import S3Error

from cloud_controller.blobstore.contract import MissingBlob
from cloud_controller.config import BlobstoreConfig


class S3Blobstore:
    """See :class:`contract.Blobstore`."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @staticmethod
    def _name(bucket: str, key: str) -> str:
        return f"{bucket}/{key[:2]}/{key[2:4]}/{key}"

    def put(self, bucket: str, key: str, source: Path) -> None:
        """See :class:`contract.Blobstore`."""
        self._client.fput_object(self._bucket, self._name(bucket, key), str(source))

    def exists(self, bucket: str, key: str) -> bool:
        """See :class:`contract.Blobstore`."""
        try:
            self._client.stat_object(self._bucket, self._name(bucket, key))
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchObject"}:
                return False
            raise
        return True

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """See :class:`contract.Blobstore`."""
        try:
            self._client.fget_object(self._bucket, self._name(bucket, key), str(target))
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchObject"}:
                raise MissingBlob(f"{bucket}/{key}") from error
            raise

    def local(self, bucket: str, key: str) -> Path | None:
        """See :class:`contract.Blobstore`: the files are elsewhere."""
        return None

    def delete(self, bucket: str, key: str) -> None:
        """See :class:`contract.Blobstore`."""
        self._client.remove_object(self._bucket, self._name(bucket, key))

    def link(self, bucket: str, key: str, lifetime_seconds: int) -> str | None:
        """See :class:`contract.Blobstore`."""
        name = self._name(bucket, key)
        return str(self._client.presigned_get_object(self._bucket, name, expires=timedelta(seconds=lifetime_seconds)))


def connect(config: BlobstoreConfig) -> S3Blobstore:
    """The blobstore the configuration names."""
    endpoint = urlsplit(config.s3_endpoint or f"https://s3.{config.s3_region}.amazonaws.com")
    client = Minio(
        endpoint=endpoint.netloc,
        access_key=config.s3_access_key,
        secret_key=config.s3_secret_key,
        region=config.s3_region,
        secure=endpoint.scheme == "https",
    )
    return S3Blobstore(client, config.s3_bucket)
