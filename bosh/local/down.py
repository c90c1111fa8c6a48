"""``bosh down``: nothing of ours is left: no process, mount, namespace, bridge, route, loop device or file. Safe to repeat."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bosh.cli.session import ConfigFile
from bosh.local import host, services
from bosh.local.home import Home
from bosh.local.progress import Progress
from bosh.local.up import cpi_program
from bosh.wire.errors import SystemFailure


def take_down(home: Home, progress: Progress, *, cli_config: Path) -> None:
    """Daemons first, so that nobody resurrects what is being removed. Raises SystemFailure when something resists."""
    with progress.step("Stopping the director"):
        services.stop(home)
    with progress.step("Removing VMs, disks, stemcells and networks"):
        _destroy_all(home)
        host.remove_address(home)
    with progress.step(f"Removing {home.root}"):
        if home.root.exists():
            shutil.rmtree(home.root)
        _forget(home, cli_config)


def _destroy_all(home: Home) -> None:
    config = home.config / "cpi.json"
    if not config.exists():
        return
    command = [str(cpi_program()), "--config", str(config), "destroy-all"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemFailure(
            "cannot remove everything the CPI made",
            details=ended.stderr.strip() or ended.stdout.strip(),
            resolution="Repeat; what is left is recorded and will be tried again.",
        )


def _forget(home: Home, cli_config: Path) -> None:
    file = ConfigFile(cli_config)
    known = file.read()
    kept = [item for item in known if item.alias != home.alias]
    if kept != known:
        file.write(kept)
