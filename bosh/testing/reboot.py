"""What a reboot of the machine leaves of one environment: the files, and nothing of the kernel's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from container_cpi.config import parse_config
from container_cpi.sweep import sweep

from bosh.local import strays
from bosh.local.home import Home
from bosh.testing.container_vms import machine_state
from bosh.testing.environment import LocalEnvironment, wait_until


def reboot(environment: LocalEnvironment) -> None:
    """Pull the plug of everything of this environment; records then tell of an earlier boot, as they do after a real one."""
    home = Home(environment.root, IPv4Network(environment.network), environment.port, environment.alias)
    config = json.loads((home.config / "cpi.json").read_text())
    subprocess.run(["sync", "-f", str(environment.root)], check=True)
    _kill(home)
    assert sweep(parse_config(config)) == []
    subprocess.run(["ip", "address", "delete", f"{home.host_address}/32", "dev", "lo"], check=True)
    for record in home.cpi_state.glob("vms/*/vm.json"):
        body = json.loads(record.read_text())
        _write(record, {**body, "process": {**body["process"], "boot_id": "an earlier one"}})
    network = home.cpi_state / "network.json"
    _write(network, {**json.loads(network.read_text()), "boot_id": "an earlier one"})
    assert machine_state(config) == []


def _kill(home: Home) -> None:
    """The supervisor first, or it would start the others again."""
    for wanted in ({"supervisord"}, None):
        for pid, name in strays.find(home).items():
            if wanted is None or name in wanted:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not strays.find(home), within_s=30, what="all daemons are dead")


def _write(path: Path, body: dict[str, Any]) -> None:
    path.write_text(json.dumps(body))
