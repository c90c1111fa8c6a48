"""Back after a reboot of the machine: where systemd starts the machine, a unit resumes the environment; elsewhere a person does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bosh.local.home import Home
from bosh.system.files import write_atomically
from bosh.wire.errors import SystemFailure

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Boot:
    """The machine's way of starting things. ``booted`` exists where systemd is process 1 (sd_booted(3))."""

    units: Path = Path("/etc/systemd/system")
    booted: Path = Path("/run/systemd/system")
    systemctl: str = "systemctl"

    def install(self, home: Home, say: Callable[[str], None]) -> None:
        """Have the environment resumed at boot, or say how it is done by hand. Raises SystemFailure, OSError."""
        if not self._works():
            say("After a reboot of this machine, `make up` brings everything back")
            return
        path, text = self._unit(home), unit(home, Path(sys.executable).with_name("bosh"))
        if path.exists() and path.read_text() == text:
            return
        write_atomically(path, text.encode(), mode=0o644)
        self._call("daemon-reload")
        self._call("enable", path.name)
        say(f"After a reboot of this machine {path.name} brings everything back")

    def remove(self, home: Home) -> None:
        """No unit is left; nothing to do when there was none. Raises SystemFailure, OSError."""
        path = self._unit(home)
        if not path.exists():
            return
        if self._works():
            self._call("disable", path.name)
        path.unlink()
        if self._works():
            self._call("daemon-reload")

    def _unit(self, home: Home) -> Path:
        return self.units / f"bosh-local-{re.sub(r'[^A-Za-z0-9_.-]', '-', home.alias)}.service"

    def _works(self) -> bool:
        return self.booted.is_dir() and shutil.which(self.systemctl) is not None

    def _call(self, *words: str) -> None:
        command = [self.systemctl, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if done.returncode:
            raise SystemFailure(
                f"cannot change what starts at boot: {' '.join(words)}",
                details=done.stderr.strip() or done.stdout.strip(),
                resolution=f"Look at `systemctl status`, and at the unit in {self.units}.",
            )


def unit(home: Home, program: Path) -> str:
    """The unit's text (systemd.unit(5), systemd.service(5)): whatever was started stays in the unit until the machine goes down."""
    words = [program, "up", "--resume", "--home", home.root, "--network", home.network]
    words += ["--port", home.port, "--alias", home.alias]
    return f"""\
[Unit]
Description=BOSH environment '{_literal(home.alias)}' on this machine
Wants=network-online.target
After=network-online.target local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={" ".join(_quoted(str(word)) for word in words)}
TimeoutStartSec=600
TasksMax=infinity
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def _literal(text: str) -> str:
    return text.replace("%", "%%").replace("\n", " ")


def _quoted(word: str) -> str:
    """One argument of a command line (systemd.service(5), command lines): specifiers, variables and quotes taken literally."""
    escaped = _literal(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped
