"""Export a release compiled for a stemcell (``bosh export-release``; bosh: jobs/export_release.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.export import export_release, export_request


async def run(context: TaskContext) -> str:
    """``Exported release: …``; one row ``{blobstore_id, sha1}`` in the result output. Raises what ``export_release`` raises."""
    request = export_request(context.task.arguments)
    blob = await export_release(context, request)
    context.log.result({"blobstore_id": blob.id, "sha1": blob.sha1})
    return f"Exported release: {request.release_name} for {request.stemcell_name}"
