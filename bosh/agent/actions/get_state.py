"""``get_state("full"?)``: the applied spec with how the jobs are (action/get_state.go)."""

from __future__ import annotations

from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.wire.heartbeat import processes_to_json


async def run(agent: Agent, call: Call) -> dict[str, Any]:
    settings = agent.settings.current
    state: dict[str, Any] = {
        **DEFAULTS,
        **agent.specs.get().raw,
        "agent_id": settings.agent_id,
        "job_state": await agent.supervisor.status(),
        "vm": {"name": settings.vm_name},
    }
    if processes := await agent.supervisor.processes():
        state["processes"] = processes_to_json(processes)
    if call.arguments.has(0) and call.arguments.any(0) == "full":
        state["vitals"] = agent.machine.vitals.read().to_json()
    return state


DEFAULTS: dict[str, Any] = {
    "properties": {"logging": {"max_log_file_size": ""}},
    "job": {"name": None, "release": "", "template": "", "version": "", "templates": None},
    "packages": {},
    "configuration_hash": "",
    "networks": {},
    "resource_pool": {},
    "deployment": "",
    "name": "",
    "index": None,
    "id": "",
    "az": "",
    "persistent_disk": 0,
    "rendered_templates_archive": None,
}
"""What a VM answers before its first apply."""

ACTION = Action("get_state", run)
