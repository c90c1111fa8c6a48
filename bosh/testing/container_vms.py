"""The container cloud as a process, a look into its VMs, and a count of what it has on this machine. For tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from container_cpi.config import parse_config

from bosh.wire import cpi as wire

RANGE = "10.245.77.0/24"
GATEWAY = "10.245.77.1"


def manual(ip: str, **more: Any) -> dict[str, Any]:
    return {"type": "manual", "ip": ip, "netmask": "255.255.255.0", "gateway": GATEWAY, "cloud_properties": {}, **more}


def machine_state(config: Mapping[str, Any]) -> list[str]:
    """Everything on this machine that belongs to one state directory."""
    own = parse_config(config)
    found = []
    for interface in Path("/sys/class/net").iterdir():
        try:
            if (interface / "ifalias").read_text().startswith(own.owner):
                found.append(f"interface {interface.name}")
        except FileNotFoundError:
            continue
    routes = subprocess.run(["ip", "route", "show"], capture_output=True, text=True, check=True).stdout
    found += [f"route {line}" for line in routes.splitlines() if any(str(item) in line for item in own.ranges)]
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    found += [line for line in tables.splitlines() if f"bosh_{own.id}" in line]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if f"{own.state_dir}/" in line]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        if str(own.state_dir) in backing.read_text():
            found.append(f"loop {backing}")
    found += [f"cgroup {group}" for group in Path("/sys/fs/cgroup").glob(f"**/{own.cgroup}")]
    return found


class Program:
    """The CPI as a process, and a look into its VMs."""

    def __init__(self, config: dict[str, Any], directory: Path, image: Path) -> None:
        self.config = config
        self.state_dir = Path(config["state_dir"])
        self.image = image
        file = directory / "config.json"
        file.write_text(json.dumps(config))
        self.command = [sys.executable, "-m", "container_cpi.main", "--config", str(file)]

    def request(self, method: str, *arguments: Any, request_id: str = "cpi-1") -> bytes:
        return wire.encode_request(wire.Request(method, arguments, {"request_id": request_id}))

    def respond(self, method: str, *arguments: Any) -> wire.Response:
        request = self.request(method, *arguments)
        done = subprocess.run(self.command, input=request, capture_output=True, timeout=60, check=False)
        return wire.decode_response(done.stdout)

    def call(self, method: str, *arguments: Any) -> Any:
        response = self.respond(method, *arguments)
        assert response.error is None, response
        return response.result

    def fails(self, method: str, *arguments: Any) -> wire.Failure:
        response = self.respond(method, *arguments)
        assert response.error is not None, response
        return response.error

    def stemcell(self) -> str:
        return str(self.call("create_stemcell", str(self.image), {}))

    def vm(self, networks: Any, properties: Any = None, stemcell: str = "") -> str:
        return str(self.create_vm(networks, properties, stemcell)[0])

    def create_vm(self, networks: Any, properties: Any = None, stemcell: str = "") -> Any:
        env = {"bosh": {"group": "test"}}
        return self.call("create_vm", "agent-id", stemcell or self.stemcell(), properties or {}, networks, [], env)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120, check=False)

    def listed(self) -> dict[str, Any]:
        listed: dict[str, Any] = json.loads(self.run("list").stdout)
        return listed

    def record(self, vm: str) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.state_dir / "vms" / vm / "vm.json").read_text())
        return record

    def inside(self, vm: str, script: str) -> str:
        done = self.tried_inside(vm, script)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def tried_inside(self, vm: str, script: str) -> subprocess.CompletedProcess[str]:
        command = ["runc", "--root", str(self.state_dir / "runc"), "exec", vm, "/bin/sh", "-c", script]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
