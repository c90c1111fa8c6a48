"""``ssh("setup", {user, public_key})`` and ``ssh("cleanup", {user_regex})`` (action/ssh.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.machine.users import SSH_GROUPS
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> dict[str, str]:
    match call.arguments.text(0):
        case "setup":
            return await _setup(agent, call.arguments.mapping(1))
        case "cleanup":
            await agent.machine.users.delete_ephemeral(str(call.arguments.mapping(1).get("user_regex") or ""))
            return {"command": "cleanup", "status": "success"}
        case _:
            raise BoshError("Unknown command for SSH method")


async def _setup(agent: Agent, asked: Mapping[str, Any]) -> dict[str, str]:
    user, users = str(asked.get("user") or ""), agent.machine.users
    host_key = users.host_public_key()
    address = agent.settings.default_ip
    if not address:
        raise BoshError("No default ip could be found")
    await users.create(user, agent.paths.ssh_homes)
    await users.set_groups(user, SSH_GROUPS)
    await users.authorize(user, [str(asked.get("public_key") or "")])
    return {"command": "setup", "status": "success", "ip": address, "host_public_key": host_key}


ACTION = Action("ssh", run)
