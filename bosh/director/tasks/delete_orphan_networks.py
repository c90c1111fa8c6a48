"""Delete networks that belong to nobody (``bosh delete-network``; bosh: jobs/delete_orphan_networks.rb).

Only networks that a director made (``managed: true``) can be orphaned, and manifests with those are refused here: there are none.
"""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.wire.errors import BoshError


class NetworkNotFound(BoshError):
    """The original's number has a digit less than its neighbours'."""

    code = 16012


async def run(context: TaskContext) -> str:
    """Raises NetworkNotFound for the first of the names."""
    names = [str(name) for name in context.task.arguments["networks"]]
    for name in names:
        raise NetworkNotFound(
            f"Deleting non-existing network {name}",
            resolution="'bosh networks --orphaned' lists those that can be deleted.",
        )
    return f"orphaned network(s) {', '.join(names)} deleted"
