"""Files in a VM's root, reached from outside without ever following a link out of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

_MOST_LINKS = 40
_RESOLV_CONF = Path("/etc/resolv.conf")
_SYSTEMD_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


def inside(root: Path, path: str) -> Path:
    """Where ``path`` leads for a process whose root is ``root``; the last component may be missing.

    Raises:
        ValueError: links in a circle.
    """
    current = root
    left = [part for part in path.split("/") if part not in {"", "."}]
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            current = current.parent if current != root else root
            continue
        step = current / part
        if not step.is_symlink():
            current = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise ValueError(f"too many links in {path}")
        target = str(step.readlink())
        left = [piece for piece in target.split("/") if piece not in {"", "."}] + left
        if target.startswith("/"):
            current = root
    return current


def write_file(root: Path, path: str, content: str, *, mode: int) -> None:
    """Replace a file; directories on the way are made, and a link in its place goes."""
    directory = inside(root, path.rpartition("/")[0])
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    file = directory / path.rpartition("/")[2]
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)


def pick_init(root: Path) -> tuple[str, ...]:
    """systemd where the stemcell's agent is a systemd unit or nothing else is known; runit where the agent is a runit service.

    Stemcells for warden before Noble start their agent by runit (bosh-warden-cpi: ``start_containers_with_systemd``).
    """
    runit_service = any(os.path.lexists(inside(root, path)) for path in ("/etc/service/agent", "/etc/sv/agent"))
    systemd_unit = any(
        os.path.lexists(inside(root, f"{directory}/bosh-agent.service"))
        for directory in ("/etc/systemd/system", "/lib/systemd/system")
    )
    runsvdir = "/usr/sbin/runsvdir-start"
    if runit_service and not systemd_unit and os.path.lexists(inside(root, runsvdir)):
        return (runsvdir,)
    return ("/sbin/init",)


def wants_directory_disks(root: Path) -> bool:
    """Whether the stemcell's agent binds a mounted directory as its persistent disk (bosh-agent: platform/provider.go)."""
    file = inside(root, "/var/vcap/bosh/agent.json")
    try:
        settings = json.loads(file.read_bytes())
        return bool(settings["Platform"]["Linux"]["BindMountPersistentDisk"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def resolv_conf(dns: Sequence[str]) -> str:
    """For the VM; the machine's own name servers when ``dns`` is empty."""
    return "".join(f"nameserver {server}\n" for server in dns) or _machines_resolv_conf()


def _machines_resolv_conf() -> str:
    """A name server on the machine's loopback is out of a VM's reach; systemd-resolved keeps the real ones in a second file."""
    for file in (_RESOLV_CONF, _SYSTEMD_RESOLVED):
        lines = file.read_text().splitlines() if file.exists() else []
        servers = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
        reachable = [server for server in servers if not server.startswith("127.") and server != "::1"]
        if reachable:
            return "".join(f"nameserver {server}\n" for server in reachable)
    return ""


def hosts(hostname: str) -> str:
    return f"127.0.0.1 localhost {hostname}\n::1 localhost ip6-localhost ip6-loopback\n"
