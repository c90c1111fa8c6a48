"""What no record tells of any more, found by the marks it carries: the end of everything, also where the state directory is lost or damaged."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from container_cpi import kernel, links, loops, neighbours
from container_cpi.config import Config
from container_cpi.fabric_plan import table_name

_END_WITHIN_S = 5.0
_ROUNDS = 3
"""A container that is being started may bring another process while the first ones are ended."""


def sweep(config: Config) -> list[str]:
    """Remove processes, mounts, devices, interfaces, routes, rules and control groups of one state directory; what resists, a line each."""
    failures: list[str] = []
    for work in (_end_processes, _remove_interfaces, _unmount, _release_loops, _remove_rules, _remove_guards):
        try:
            work(config)
        except Exception as error:  # noqa: BLE001 - one failure does not keep the others from their turn
            failures.append(f"{work.__name__.strip('_').replace('_', ' ')}: {error}")
    kernel.remove_cgroups(config.cgroup)
    return failures + list(_left(config))


def _left(config: Config) -> Iterator[str]:
    """What is still there, for a person."""
    yield from (f"process {pid} of a VM does not end" for pid in kernel.processes_in(config.cgroup))
    yield from (f"{point} is still mounted" for point in _mounts(config))
    for number, image in loops.below(config.state_dir):
        yield f"loop device {number} is still in use for {image}"


def _end_processes(config: Config) -> None:
    until_s = time.monotonic() + _END_WITHIN_S
    for _ in range(_ROUNDS):
        for pid in kernel.processes_in(config.cgroup):
            kernel.kill_and_wait(pid, kernel.started_ticks(pid), timeout_s=max(0.1, until_s - time.monotonic()))


def _remove_interfaces(config: Config) -> None:
    with links.netlink() as ip:
        for name, alias in links.aliases(ip).items():
            if alias == config.owner or alias.startswith(f"{config.owner} "):
                links.remove_device(ip, name)


def _mounts(config: Config) -> list[str]:
    """The latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [
        point for point in (line.split(" ")[4] for line in reversed(lines)) if point.startswith(f"{config.state_dir}/")
    ]


def _unmount(config: Config) -> None:
    for point in _mounts(config):
        kernel.unmount(Path(point))


def _release_loops(config: Config) -> None:
    for _, image in loops.below(config.state_dir):
        loops.detach(image, timeout_s=_END_WITHIN_S)


def _remove_rules(config: Config) -> None:
    table = table_name(config)
    rules = f"table ip {table} {{ }}\ndelete table ip {table}\n"
    subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True, capture_output=True, timeout=30)
    neighbours.make_way(config, ())


def _remove_guards(config: Config) -> None:
    """Unless another state directory has machines in the range: the guard is theirs then."""
    with links.netlink() as ip:
        taken = [address.ip for address in links.addresses(ip) if address.ip not in config.host_addresses]
        for route in links.routes(ip):
            if route.is_guard and route.range in config.ranges and not any(address in route.range for address in taken):
                links.remove_guard(ip, route.range)
