"""monit itself: its configuration, and who runs it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from pathlib import Path
from typing import Protocol

from bosh.agent.machine.commands import Command, Commands
from bosh.agent.paths import Paths
from bosh.agent.supervise.monit_mail import MAIL_FORMAT
from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError

SYSTEMD_RUNS = Path("/run/systemd/system")


class MonitService(Protocol):
    """Everything raises BoshError when it cannot be done."""

    async def start(self) -> None:
        """Run it, if it does not run."""
        ...

    async def reload(self) -> None:
        """Have it read its files anew."""
        ...

    async def stop(self) -> None: ...

    async def complaints(self) -> str:
        """What monit says of its configuration."""
        ...


def configure(paths: Paths, monit_port: int, alert_port: int) -> None:
    """Write what monit needs of us, before it starts: who may talk to it, and where its mails go.

    ``monit.user`` is ``user:password``; the name is what existing tools look for (bosh-agent: SetupMonitUser).
    """
    user_file = paths.monit / "monit.user"
    if not user_file.exists():
        write_atomically(user_file, f"vcap:{secrets.token_urlsafe(24)}".encode(), mode=0o600)
    httpd = f"set httpd port {monit_port} address 127.0.0.1\n  allow cleartext {user_file}\n"
    mail = f"set mailserver 127.0.0.1 port {alert_port} with timeout 15 seconds\n"
    events = f"set eventqueue basedir {paths.monit / 'events'} slots 5000\n"
    write_atomically(paths.monit / "httpd.monitrc", httpd.encode(), mode=0o600)
    alerts = f"set alert agent@localhost\n{mail}{events}{MAIL_FORMAT}"
    write_atomically(paths.monit / "alerts.monitrc", alerts.encode(), mode=0o600)
    paths.monit_jobs.mkdir(parents=True, exist_ok=True)


class SystemdMonit:
    """``monit.service`` of the stemcell."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def start(self) -> None:
        await self._commands.check(["systemctl", "start", "monit.service"])

    async def reload(self) -> None:
        """A hang-up makes monit read its files at once; one that does not run, for example after a bad file, is started."""
        hang_up = Command(["systemctl", "kill", "--kill-who=main", "--signal=HUP", "monit.service"])
        if (await self._commands.run(hang_up)).status != 0:
            await self._commands.check(["systemctl", "restart", "monit.service"])

    async def stop(self) -> None:
        await self._commands.check(["systemctl", "stop", "monit.service"])

    async def complaints(self) -> str:
        result = await self._commands.run(Command(["monit", "-t"]))
        return (result.stdout + result.stderr).strip()


class SpawnedMonit:
    """monit as our child, where there is no systemd."""

    def __init__(self, control_file: Path, pid_file: Path, commands: Commands) -> None:
        self._control_file = control_file
        self._pid_file = pid_file
        self._commands = commands
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        # Where a file of an earlier boot names some living process, monit takes that for itself and ends.
        _remove(self._pid_file)
        try:
            self._process = await asyncio.create_subprocess_exec(
                "monit",
                "-I",
                "-c",
                str(self._control_file),
                "-p",
                str(self._pid_file),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise BoshError("cannot start monit", details=str(error)) from error

    async def reload(self) -> None:
        if self._process is None or self._process.returncode is not None:
            await self.start()
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def complaints(self) -> str:
        result = await self._commands.run(Command(["monit", "-t", "-c", str(self._control_file)]))
        return (result.stdout + result.stderr).strip()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def find(commands: Commands, control_file: Path, pid_file: Path) -> MonitService:
    """By systemd where it is the init."""
    return SystemdMonit(commands) if SYSTEMD_RUNS.is_dir() else SpawnedMonit(control_file, pid_file, commands)
