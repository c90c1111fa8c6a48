"""Delete a stemcell from every cloud that has it (``bosh delete-stemcell``; bosh: jobs/delete_stemcell.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.deletions import delete_stemcell
from bosh.wire.errors import StemcellNotFound


async def run(context: TaskContext) -> str:
    """``/stemcells/NAME/VERSION``. Raises StemcellNotFound, StemcellInUse, CloudError, LockTimeout."""
    arguments = context.task.arguments
    name, version = arguments["name"], arguments["version"]
    rows = context.store.stemcells.list(name=name, version=version)
    if not rows:
        raise StemcellNotFound(f"Stemcell '{name}/{version}' doesn't exist")
    stage = context.log.stage("Deleting stemcells", total=len(rows))
    for row in rows:
        async with stage.step(f"{name}/{version}" + (f" (cpi: {row.cpi})" if row.cpi else "")):
            context.control.checkpoint()
            await delete_stemcell(context, row, force=bool(arguments["force"]))
    context.store.stemcell_uploads.delete(name=name, version=version)
    return f"/stemcells/{name}/{version}"
