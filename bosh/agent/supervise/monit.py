"""Jobs under monit (bosh-agent: jobsupervisor/monit_job_supervisor.go, jobsupervisor/monit/http_client.go)."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol

from bosh.agent.blobs.http import basic
from bosh.agent.paths import Paths
from bosh.agent.supervise import monit_files
from bosh.agent.supervise.monit_service import MonitService
from bosh.agent.supervise.monit_status import MonitStatus, Service, job_state, parse
from bosh.system.clock import Clock
from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError
from bosh.wire.heartbeat import RUNNING, STARTING, UNKNOWN, Process

log = logging.getLogger(__name__)

LAUNCHER = Path("/usr/lib/bosh/monit-start")
"""The stemcell's program that starts a job's program without waiting for its end; stemcells with the monit of old have none."""

HTTP_TIMEOUT_S = 30.0
ASK_TRIES = 10
"""monit answers nothing while it reads its files."""
ASK_PAUSE_S = 0.3

RELOAD_TRIES = 5
RELOAD_WAIT_S = 6.0
"""Per try."""
RELOAD_PAUSE_S = 0.1

MONITOR_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 300.0
STOP_PAUSE_S = 0.25

LOOK_PAUSE_S = 1.0

CSRF_TOKEN = "agent"
"""monit since 5.20 wants the same token as parameter and cookie; it does not have to be its own. Older ones ignore both."""


def _read(file: Path) -> bytes:
    return file.read_bytes()


class MonitApi(Protocol):
    async def status(self) -> MonitStatus:
        """Raises BoshError when monit does not answer."""
        ...

    async def act(self, service: str, action: str) -> None:
        """``start``, ``stop``, ``monitor`` or ``unmonitor``; done in the background. Raises BoshError when monit refuses."""
        ...


class HttpMonitApi:
    """monit's own HTTP interface, on the loopback."""

    def __init__(self, port: int, user_file: Path, clock: Clock) -> None:
        self._port = port
        self._user_file = user_file
        self._clock = clock

    async def status(self) -> MonitStatus:
        return parse(await self._ask("GET", "/_status2?format=xml"))

    async def act(self, service: str, action: str) -> None:
        await self._ask("POST", f"/{service}", f"action={action}&securitytoken={CSRF_TOKEN}")

    async def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        for number in range(1, ASK_TRIES + 1):
            try:
                return await asyncio.to_thread(self._exchange, method, path, body)
            except (OSError, HTTPException) as error:
                if number == ASK_TRIES:
                    raise BoshError("Sending request to monit", details=str(error) or type(error).__name__) from error
                await self._clock.sleep_s(ASK_PAUSE_S)
        raise AssertionError("unreachable")

    def _exchange(self, method: str, path: str, body: str | None) -> bytes:
        user, _, password = self._user_file.read_text().partition(":")
        headers = {
            **basic(user.strip(), password.strip()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"securitytoken={CSRF_TOKEN}",
        }
        connection = HTTPConnection("127.0.0.1", self._port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        # A form of monit's pages is answered by leading the browser back to the page.
        if response.status not in {200, 302}:
            raise BoshError(f"Request failed with {response.status} {response.reason}", details=content.decode()[:500])
        return content


def _monit_file(file: Path) -> bytes:
    """A job's monit file as this stemcell's monit has to see it."""
    content = _read(file)
    return monit_files.detached(content.decode(), LAUNCHER).encode() if LAUNCHER.exists() else content


class MonitSupervisor:
    def __init__(self, paths: Paths, api: MonitApi, service: MonitService, clock: Clock) -> None:
        self._paths = paths
        self._api = api
        self._service = service
        self._clock = clock
        self._looked_s = -LOOK_PAUSE_S

    @property
    def _stopped_file(self) -> Path:
        """Says that the jobs are stopped on purpose; survives a restart of the agent."""
        return self._paths.monit / "stopped"

    # ---- files

    async def add_job(self, name: str, index: int, file: Path) -> None:
        write_atomically(self._paths.monit_jobs / f"{index:04d}_{name}.monitrc", _monit_file(file), mode=0o600)

    async def remove_all_jobs(self) -> None:
        shutil.rmtree(self._paths.monit_jobs, ignore_errors=True)
        self._paths.monit_jobs.mkdir(parents=True)

    async def reload(self) -> None:
        status = await self._api.status()
        if not status.services and not self._has_files():
            return
        before = status.incarnation
        await self._pass_the_second_of(before)
        for _ in range(RELOAD_TRIES):
            await self._service.reload()
            if await self._until(lambda status: status.incarnation != before, RELOAD_WAIT_S, RELOAD_PAUSE_S):
                return
        raise BoshError(
            "Failed to reload monit",
            details=f"incarnation {before} did not change; {await self._service.complaints()}",
        )

    async def _pass_the_second_of(self, incarnation: str) -> None:
        """An incarnation is a second: a reload within the second of the last start would look like none."""
        now_s = self._clock.now().timestamp()
        if str(int(now_s)) == incarnation:
            await self._clock.sleep_s(1.05 - now_s % 1)

    # ---- processes

    async def start(self) -> None:
        for service in (await self._api.status()).services:
            await self._api.act(service.name, "start")
        self._stopped_file.unlink(missing_ok=True)

    async def stop(self) -> None:
        services = (await self._api.status()).services
        quiet = self._alive_but_unmonitored(services)
        await self._monitor_again(quiet)
        for service in services:
            if service.monitored or service.name in quiet:
                await self._api.act(service.name, "stop")
        self._stopped_file.touch()

    def _alive_but_unmonitored(self, services: Sequence[Service]) -> set[str]:
        """Processes that outlived their drain. monit since 5.2x does not stop what it does not monitor, and says that it did."""
        files: dict[str, Path | None] = {}
        for path in self._paths.monit_jobs.glob("*.monitrc"):
            files |= monit_files.processes(path.read_text(errors="replace"))
        unmonitored = {service.name for service in services if not service.monitored}
        return {name for name in unmonitored & files.keys() if monit_files.is_alive(files[name])}

    async def _monitor_again(self, names: set[str]) -> None:
        for name in sorted(names):
            await self._api.act(name, "monitor")

        def monitored(status: MonitStatus) -> bool:
            return all(s.monitored and not s.pending for s in status.services if s.name in names)

        if names and not await self._until(monitored, MONITOR_TIMEOUT_S, RELOAD_PAUSE_S, nudge=True):
            raise BoshError(f"Timed out waiting for services '{', '.join(sorted(names))}' to be monitored again")

    async def resume(self) -> None:
        """After a boot: jobs are as the director left them, whatever monit last saved of that before the power went."""
        if not self._has_files():
            return
        stopped = self._stopped_file.exists()
        for service in (await self._api.status()).services:
            if stopped and service.monitored:
                await self._api.act(service.name, "stop")
            elif not stopped and service.state != RUNNING:
                # One that monit is starting already loses nothing, and is looked at again as soon as it runs.
                await self._api.act(service.name, "start")

    def _has_files(self) -> bool:
        return any(self._paths.monit_jobs.glob("*.monitrc"))

    async def stop_and_wait(self) -> None:
        deadline = self._clock.monotonic_s() + STOP_TIMEOUT_S
        await self._settle(lambda service: bool(service.pending), deadline, "to no longer be pending")
        await self.stop()
        await self._settle(lambda service: bool(service.monitored or service.pending), deadline, "to stop")

    async def _settle(self, unsettled: Callable[[Service], bool], deadline: float, wish: str) -> None:
        left_s = max(0.0, deadline - self._clock.monotonic_s())
        names: list[str] = []

        def settled(status: MonitStatus) -> bool:
            names[:] = [service.name for service in status.services if unsettled(service)]
            if not names:
                return True
            errored = [s.name for s in status.services if s.errored and s.pending == 0 and wish == "to stop"]
            if errored:
                raise BoshError(f"Stopping services '{errored}' errored")
            return False

        if not await self._until(settled, left_s, STOP_PAUSE_S, nudge=True):
            raise BoshError(f"Timed out waiting for services '{', '.join(names)}' {wish} after 5 minutes")

    async def unmonitor(self) -> None:
        for service in (await self._api.status()).services:
            await self._api.act(service.name, "unmonitor")

    # ---- what is

    async def status(self) -> str:
        try:
            status = await self._api.status()
        except BoshError as error:
            log.warning("monit does not answer: %s", error)
            return UNKNOWN
        state = job_state(status.services, stopped=self._stopped_file.exists())
        if state == STARTING:
            await self._look_again()
        return state

    async def _look_again(self) -> None:
        """Have monit look at its services now, not when its cycle of ten seconds is over: someone is waiting for ``running``."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s < LOOK_PAUSE_S:
            return
        self._looked_s = now_s
        try:
            await self._api.act("_runtime", "validate")
        except BoshError as error:
            log.warning("monit does not look again: %s", error)

    async def processes(self) -> Sequence[Process]:
        return [service.to_process() for service in (await self._api.status()).services]

    async def _until(
        self, wanted: Callable[[MonitStatus], bool], timeout_s: float, pause_s: float, *, nudge: bool = False
    ) -> bool:
        """Whether the status came to be as wanted in time; while monit does not answer, it is not.

        A request that reaches monit while it is busy is done in its next cycle: with ``nudge`` that one begins now.
        """
        deadline = self._clock.monotonic_s() + timeout_s
        while True:
            try:
                status = await self._api.status()
            except BoshError as error:
                log.debug("monit does not answer: %s", error)
            else:
                if wanted(status):
                    return True
                if nudge:
                    await self._look_again()
            if self._clock.monotonic_s() >= deadline:
                return False
            await self._clock.sleep_s(pause_s)
