"""``remove_file(path)``: what ``bundle_logs`` left (action/remove_file.go). Only within the agent's own temporary directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> str:
    return remove(Path(call.arguments.text(0)), agent.paths.temporary)


def remove(path: Path, directory: Path) -> str:
    """Remove a file or tree below the directory; fine when it is gone.

    Raises:
        BoshError: it lies elsewhere.
    """
    allowed = directory.resolve()
    if allowed not in path.resolve().parents:
        raise BoshError(f"cannot remove {path}", details=f"it does not lie below {allowed}")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return str(path)


ACTION = Action("remove_file", run)
