"""Prometheus text: what the director counts of its tasks and addresses, and what the health monitor counts of the agents.

Names are the original's (bosh: metrics_collector.rb).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

import httpx
from starlette.responses import Response

from bosh.director import config_sets
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call
from bosh.director.api.information import is_resurrection_paused
from bosh.manifest import documents
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.model import Network
from bosh.manifest.networks import networks
from bosh.manifest.reading import Findings, Node
from bosh.plan.dns import canonical
from bosh.state.contract import Store

_WITHIN_S = 1.0
AGENTS = {
    "unresponsive_agents": "bosh_unresponsive_agents",
    "unhealthy_agents": "bosh_unhealthy_agents",
    "total_available_agents": "bosh_total_available_agents",
    "failing_instances": "bosh_failing_instances",
    "stopped_instances": "bosh_stopped_instances",
    "unknown_instances": "bosh_unknown_instances",
}
"""Path of the health monitor → name of the metric, by deployment."""

Samples = Mapping[tuple[tuple[str, str], ...], int]
"""Labels → value."""


def gauge(name: str, samples: Samples) -> list[str]:
    """Lines of one metric."""
    lines = [f"# TYPE {name} gauge"]
    for labels, value in sorted(samples.items()):
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        lines.append(f"{name}{{{inside}}} {value}" if labels else f"{name} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _by_name(counts: Mapping[str, int]) -> Samples:
    return {(("name", name),): count for name, count in counts.items()}


def task_counts(store: Store) -> Samples:
    """Tasks that run or wait; every type that there was has a number, so that none vanishes when it falls to nothing."""
    counts: dict[tuple[tuple[str, str], ...], int] = {
        (("state", state), ("type", kind)): 0
        for kind in {task.type for task in store.tasks.list()}
        for state in ("processing", "queued")
    }
    for task in store.tasks.list(state=["processing", "queued"]):
        key = (("state", task.state), ("type", task.type))
        counts[key] = counts.get(key, 0) + 1
    return counts


def address_counts(found: Iterable[Network], used: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """(all, free) addresses that may be given to VMs, by network.

    Args:
        used: how many are given, by network.
    """
    total, free = {"no_networks": 0}, {"no_networks": 0}
    for network in found:
        if network.type != "manual":
            continue
        size = 0
        for subnet in network.subnets:
            size += ip_network(subnet.range, strict=False).num_addresses if subnet.range else 0
            size -= sum(last - first + 1 for first, last in (*subnet.reserved, *subnet.static))
        name = canonical(network.name).replace("-", "_")
        total[name], free[name] = size, size - used.get(network.name, 0)
    return total, free


def known_networks(store: Store) -> list[Network]:
    """The networks of the newest cloud configs; none of a config that cannot be read."""
    found: dict[str, Network] = {}
    for config in config_sets.newest(store.configs.list(type="cloud")):
        findings = Findings()
        try:
            document = documents.load(config.content, f'cloud config "{config.name}"')
            root = Node(document, (), document.value, findings)
            azs = [str(node.raw("name")) for node in root.maps("azs", ())]
            found |= networks(root.maps("networks", ()), azs, gateway_optional=True)
        except ManifestFaults:
            continue
    return list(found.values())


async def agent_counts(port: int) -> dict[str, Mapping[str, int]]:
    """Metric → deployment → count, as far as the health monitor answers; it may not run."""
    counts: dict[str, Mapping[str, int]] = {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_WITHIN_S, trust_env=False) as client:
        for path, name in AGENTS.items():
            try:
                reply = await client.get(f"/{path}")
            except httpx.HTTPError:
                break
            if reply.status_code == httpx.codes.OK:
                counts[name] = reply.json()
    return counts


async def metrics(call: Call) -> Response:
    store = call.store
    used: dict[str, int] = {}
    for row in store.ips.list():
        if row.kind == "automatic":
            used[row.network] = used.get(row.network, 0) + 1
    total, free = address_counts(known_networks(store), used)
    has_deploy_config = bool(config_sets.newest(store.configs.list(type="deploy")))
    lines = [
        *gauge("bosh_resurrection_enabled", {(): 0 if is_resurrection_paused(call) else 1}),
        *gauge("bosh_deploy_config_enabled", {(): int(has_deploy_config)}),
        *gauge("bosh_tasks_total", task_counts(store)),
        *gauge("bosh_networks_dynamic_ips_total", _by_name(total)),
        *gauge("bosh_networks_dynamic_free_ips_total", _by_name(free)),
    ]
    counts = await agent_counts(call.desk.config.health_monitor.port)
    for name in AGENTS.values():
        lines += gauge(name, _by_name(counts.get(name, {})))
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


ENDPOINTS: list[Endpoint] = [endpoint("GET", "/metrics", metrics, "read")]
