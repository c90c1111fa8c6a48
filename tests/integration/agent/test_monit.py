"""A real monit, run as the agent runs it where there is no systemd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bosh.agent.machine.commands import SystemCommands
from bosh.agent.paths import Paths
from bosh.agent.supervise import monit_service
from bosh.agent.supervise.mailbox import Mailbox
from bosh.agent.supervise.monit import HttpMonitApi, MonitSupervisor
from bosh.agent.supervise.monit_mail import MonitEvent
from bosh.system.clock import SystemClock

from .conftest import free_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("monit") is None, reason="monit is not installed"),
]

JOB = """check process {name}
  with pidfile {run}/{name}.pid
  start program "/bin/bash -c 'sleep 300 & echo $! > {run}/{name}.pid'"
  stop program "/bin/bash -c 'kill $(cat {run}/{name}.pid); rm {run}/{name}.pid'"
  group vcap
"""


class Fixture:
    def __init__(self, directory: Path) -> None:
        self.paths = Paths(directory / "vcap")
        self.run = directory / "run"
        self.run.mkdir()
        self.alert_port = free_port()
        port = free_port()
        control = directory / "monitrc"
        control.write_text(
            f"set daemon 2\nset idfile {directory}/id\nset statefile {directory}/state\n"
            f"set logfile {directory}/monit.log\n"
            f"include {self.paths.monit}/*.monitrc\ninclude {self.paths.monit_jobs}/*.monitrc\n"
        )
        control.chmod(0o600)
        monit_service.configure(self.paths, port, self.alert_port)
        self.service = monit_service.SpawnedMonit(control, directory / "monit.pid", SystemCommands())
        clock = SystemClock()
        api = HttpMonitApi(port, self.paths.monit / "monit.user", clock)
        self.supervisor = MonitSupervisor(self.paths, api, self.service, clock)

    async def add(self, name: str, index: int) -> None:
        file = self.run / "monit"
        file.write_text(JOB.format(name=name, run=self.run))
        await self.supervisor.add_job(name, index, file)

    def pids(self) -> list[int]:
        return [int(file.read_text()) for file in self.run.glob("*.pid") if file.read_text().strip()]

    async def until(self, state: str) -> None:
        for _ in range(200):
            if await self.supervisor.status() == state:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{await self.supervisor.status()}: {await self.supervisor.processes()}")


@pytest.fixture
async def monit(tmp_path: Path) -> AsyncIterator[Fixture]:
    fixture = Fixture(tmp_path)
    await fixture.service.start()
    try:
        yield fixture
    finally:
        await fixture.service.stop()
        for pid in fixture.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def test_jobs_are_started_watched_and_stopped(monit: Fixture) -> None:
    await monit.supervisor.remove_all_jobs()
    await monit.supervisor.reload()
    assert await monit.supervisor.processes() == []
    await monit.add("web", 0)
    await monit.add("db", 1)
    assert sorted(path.name for path in monit.paths.monit_jobs.iterdir()) == ["0000_web.monitrc", "0001_db.monitrc"]
    await monit.supervisor.reload()
    await monit.supervisor.start()
    await monit.until("running")
    assert sorted(process.name for process in await monit.supervisor.processes()) == ["db", "web"]
    assert len(monit.pids()) == 2

    await monit.supervisor.unmonitor()
    await monit.until("failing")
    await monit.supervisor.stop_and_wait()
    assert await monit.supervisor.status() == "stopped"
    assert monit.pids() == []
    await monit.supervisor.start()
    await monit.until("running")

    await monit.supervisor.remove_all_jobs()
    await monit.supervisor.reload()
    assert await monit.supervisor.processes() == []


async def test_a_dead_process_is_an_alert_and_comes_back(monit: Fixture) -> None:
    events: list[MonitEvent] = []
    mailbox = asyncio.create_task(Mailbox(monit.alert_port, events.append).run())
    try:
        await monit.add("web", 0)
        await monit.supervisor.reload()
        await monit.supervisor.start()
        await monit.until("running")
        [first] = monit.pids()
        os.kill(first, signal.SIGKILL)
        for _ in range(200):
            if any(event.event == "Does not exist" and event.service == "web" for event in events) and monit.pids() != [
                first
            ]:
                break
            await asyncio.sleep(0.1)
        assert monit.pids() != [first]
        dead = next(event for event in events if event.event == "Does not exist")
        assert dead.action == "restart"
        assert dead.description == "process is not running"
        await monit.until("running")
    finally:
        mailbox.cancel()


async def test_a_broken_file_is_named(monit: Fixture) -> None:
    await monit.add("web", 0)
    (monit.paths.monit_jobs / "0001_bad.monitrc").write_text("nonsense here\n")
    (monit.paths.monit_jobs / "0001_bad.monitrc").chmod(0o600)
    assert "nonsense" in await monit.service.complaints()
