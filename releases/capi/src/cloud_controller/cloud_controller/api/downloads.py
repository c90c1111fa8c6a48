"""``/blobs``: files for whoever has a signed link, and the way there."""

from __future__ import annotations

from cloud_controller import errors
from cloud_controller.blobstore import contract as blobs
from cloud_controller.web.call import Call, Reply, Route, get


def redirect(call: Call, bucket: str, key: str) -> Reply:
    """Where a client finds a blob: at the store itself if it hands files out, otherwise straight from here."""
    where = call.services.blobs.link(bucket, key, call.config.blobstore.link_lifetime_seconds)
    return Reply(302, headers={"Location": where}) if where else _file(call, bucket, key)


def _file(call: Call, bucket: str, key: str) -> Reply:
    path = call.services.blobs.local(bucket, key)
    if path is None:
        raise errors.blob_missing("The file is not here.")
    return Reply(file=path, content_type="application/octet-stream")


def blob(call: Call) -> Reply:
    """``GET /blobs/:bucket/:key``."""
    bucket = call.params["bucket"]
    if bucket not in blobs.BUCKETS:
        raise errors.unknown_request()
    return redirect(call, bucket, call.params["key"])


ROUTES: list[Route] = [get("/blobs/{bucket}/{key}", blob, "signed")]
