"""``bosh down``: nothing of ours is left: no process, mount, namespace, bridge, route, loop device or file. Safe to repeat."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path

from bosh.cli.session import ConfigFile, SessionError
from bosh.local import configuration, host, services
from bosh.local.boot import Boot
from bosh.local.home import Home
from bosh.local.progress import Progress
from bosh.local.turn import turn
from bosh.local.up import keep_house, require_root
from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError, SystemFailure


@dataclass(slots=True)
class _Remains:
    """What resists, in the words of whoever tried."""

    lines: list[str] = field(default_factory=list)

    @contextmanager
    def of(self) -> Iterator[None]:
        """What cannot be removed in one place keeps nobody from trying in the next."""
        try:
            yield
        except (BoshError, SessionError, OSError, subprocess.SubprocessError) as error:
            self.lines.append(str(error))


def take_down(home: Home, progress: Progress, *, cli_config: Path, boot: Boot | None = None) -> None:
    """Daemons first, so that nobody resurrects what is being removed; then everything else, whatever state it is in.

    Raises:
        SystemFailure: something resists; the details name all of it.
    """
    require_root()
    remains = _Remains()
    with turn(home.root, progress.say):
        with progress.step("Stopping the director"), remains.of():
            (boot or Boot()).remove(home)
            resisting = services.stop(home)
            remains.lines += [f"process {pid} ({name}) does not end" for pid, name in resisting.items()]
        with progress.step("Removing VMs, disks, stemcells and networks"):
            made = _as_made(home)
            with remains.of():
                _destroy_all(made, progress)
            with remains.of():
                host.remove_address(made)
        with progress.step(f"Removing {home.root}"):
            with remains.of():
                _forget(home, cli_config)
            if not remains.lines:
                # With something left, what is recorded there is what the next attempt goes by.
                remains.lines += _remove(home.root)
    if remains.lines:
        raise SystemFailure(
            "cannot remove everything",
            details="\n".join(remains.lines),
            resolution="See to what is named above, then repeat; what was removed stays removed.",
        )


def _as_made(home: Home) -> Home:
    """The environment with the network it was made with, when it is still written down."""
    try:
        (network,) = json.loads((home.config / "cpi.json").read_text())["ranges"]
        return replace(home, network=IPv4Network(network))
    except (OSError, ValueError, KeyError, TypeError):
        return home


def _destroy_all(home: Home, progress: Progress) -> None:
    """With a configuration made anew where it is lost: what the CPI has made follows from where it keeps its state."""
    write_atomically(home.config / "cpi.json", json.dumps(configuration.cpi(home, settings={})).encode(), mode=0o600)
    failures = keep_house(home, "destroy-all", progress)
    if failures:
        raise SystemFailure(failures)


def _remove(root: Path) -> list[str]:
    """What stays, one line each."""
    failures: list[str] = []
    shutil.rmtree(root, onerror=lambda function, path, reason: failures.append(f"{path}: {reason[1]}"))
    # A directory that is not empty says nothing that its contents do not say.
    return [line for line in failures if "Directory not empty" not in line] if root.exists() else []


def _forget(home: Home, cli_config: Path) -> None:
    file = ConfigFile(cli_config)
    known = file.read()
    kept = [item for item in known if item.alias != home.alias]
    if kept != known:
        file.write(kept)
