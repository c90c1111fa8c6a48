"""Delete a release or one version of it (``bosh delete-release``; bosh: jobs/delete_release.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.deletions import RELEASE_LOCK_TIMEOUT_S, delete_release_version, users_of_release
from bosh.wire.errors import ReleaseInUse, ReleaseNotFound, ReleaseVersionNotFound


async def run(context: TaskContext) -> str:
    """``/release/NAME``.

    Raises:
        ReleaseNotFound, ReleaseVersionNotFound, ReleaseInUse, ReleaseVersionInUse, LockTimeout.
    """
    arguments = context.task.arguments
    name, version, force = arguments["name"], arguments["version"], bool(arguments["force"])
    async with context.control.lock(f"lock:release:{name}", timeout_s=RELEASE_LOCK_TIMEOUT_S):
        if context.store.releases.get(name=name) is None:
            raise ReleaseNotFound(f"Release '{name}' doesn't exist")
        wanted = {"version": version} if version else {}
        rows = context.store.release_versions.list(release=name, **wanted)
        if version and not rows:
            raise ReleaseVersionNotFound(f"Release version '{name}/{version}' doesn't exist")
        users = users_of_release(context, name)
        if not version and users:
            raise ReleaseInUse(f"Release '{name}' is still in use by: {', '.join(users)}")
        for row in rows:
            context.control.checkpoint()
            await delete_release_version(context, row, force=force)
        if not version:
            # A release without any version may be left over by the deletion of its last one.
            context.store.releases.delete(name=name)
    return f"/release/{name}"
