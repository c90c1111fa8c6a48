"""``apply(spec)``: make this spec what the VM is (action/apply.go).

Without a configuration hash nothing is rendered yet, and only the spec is stored: the first of the two applies of a new VM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.paths import Paths
from bosh.agent.spec import Spec
from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> str:
    wanted = Spec(with_addresses(call.arguments.mapping(0), agent.settings.current.networks))
    if wanted.configuration_hash:
        await agent.installer.apply(wanted, agent.specs.get())
    agent.specs.set(wanted)
    write_instance_files(wanted, agent.paths)
    return "applied"


def with_addresses(spec: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The spec with the addresses that dynamic networks gave this VM.

    Raises:
        BoshError: the spec names a network that the VM does not have.
    """
    resolved = {}
    for name, network in (spec.get("networks") or {}).items():
        known = networks.get(name)
        if known is None:
            if name == "local" and network.get("ip") == "127.0.0.1":
                resolved[name] = network
                continue
            raise BoshError(f"Resolving dynamic networks: Network '{name}' is not found in settings")
        addresses = {key: known.get(key) or "" for key in ("ip", "netmask", "gateway")}
        resolved[name] = {**network, **addresses} if _is_dynamic(known) else network
    return {**spec, "networks": resolved} if "networks" in spec else dict(spec)


def _is_dynamic(network: Mapping[str, Any]) -> bool:
    """Not a VIP, and either said to be dynamic or without a full static address (settings.go Network.IsDHCP)."""
    if network.get("type") == "vip":
        return False
    static = network.get("ip") and network.get("netmask")
    return bool(network.get("type") == "dynamic" or network.get("use_dhcp") or network.get("resolved") or not static)


def write_instance_files(spec: Spec, paths: Paths) -> None:
    """``instance/{id,az,name,deployment}``, readable by every job."""
    values = {"id": spec.id, "az": spec.az, "name": spec.name, "deployment": spec.deployment}
    for name, value in values.items():
        write_atomically(paths.instance / name, value.encode(), mode=0o644, durable=False)
    paths.instance.chmod(0o755)


ACTION = Action("apply", run, Trait(asynchronous=True))
