"""bosh/agent/supervise/monit.py against an interface in memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bosh.agent.paths import Paths
from bosh.agent.supervise import monit_files
from bosh.agent.supervise.monit import STOP_TIMEOUT_S, MonitSupervisor
from bosh.agent.supervise.monit_status import MonitStatus, Service
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError


class FakeMonit:
    """Both monit's interface and who runs it."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.incarnation = 1
        self.acted: list[tuple[str, str]] = []
        self.stubborn = False
        self.deaf_reloads = 0
        self.answers = True

    async def status(self) -> MonitStatus:
        if not self.answers:
            raise BoshError("Sending request to monit")
        return MonitStatus(str(self.incarnation), tuple(self.services.values()))

    async def act(self, service: str, action: str) -> None:
        self.acted.append((service, action))
        if service == "_runtime":
            return
        monitored = {"start": 1, "monitor": 1, "unmonitor": 0, "stop": 1 if self.stubborn else 0}
        self.services[service] = Service(service, monitored[action])

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def complaints(self) -> str:
        return "syntax error"

    async def reload(self) -> None:
        if self.deaf_reloads:
            self.deaf_reloads -= 1
        else:
            self.incarnation += 1


@pytest.fixture
def monit() -> FakeMonit:
    return FakeMonit()


@pytest.fixture
def supervisor(monit: FakeMonit, tmp_path: Path) -> MonitSupervisor:
    paths = Paths(tmp_path)
    paths.monit_jobs.mkdir(parents=True)
    return MonitSupervisor(paths, monit, monit, FakeClock())


async def test_jobs_are_files_in_order(supervisor: MonitSupervisor, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("check process web\n")
    await supervisor.add_job("web", 7, tmp_path / "source")
    file = tmp_path / "monit/job/0007_web.monitrc"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("check process web\n", 0o600)
    await supervisor.remove_all_jobs()
    assert not file.exists()


async def test_start_and_stop_are_remembered(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.services = {"web": Service("web", 1)}
    await supervisor.stop_and_wait()
    assert await supervisor.status() == "stopped"
    await supervisor.start()
    assert await supervisor.status() == "running"
    assert monit.acted == [("web", "stop"), ("web", "start")]


async def test_a_boot_brings_back_what_ran_and_only_that(
    supervisor: MonitSupervisor, monit: FakeMonit, tmp_path: Path
) -> None:
    monit.services = {"lost": Service("lost"), "fine": Service("fine", 1), "dead": Service("dead", 1, 512)}
    await supervisor.resume()
    assert monit.acted == []
    (tmp_path / "monit/job/0000_x.monitrc").touch()
    await supervisor.resume()
    assert monit.acted == [("lost", "start"), ("dead", "start")]
    (tmp_path / "monit/stopped").touch()
    monit.acted.clear()
    await supervisor.resume()
    assert monit.acted == [("lost", "stop"), ("fine", "stop"), ("dead", "stop")]


async def test_what_outlived_its_drain_is_monitored_again_before_it_is_stopped(
    supervisor: MonitSupervisor, monit: FakeMonit, tmp_path: Path
) -> None:
    (tmp_path / "alive.pid").write_text(f"{os.getpid()}\n")
    text = f"check process alive with pidfile {tmp_path}/alive.pid\ncheck process dead\n  with pidfile {tmp_path}/dead.pid\n"
    (tmp_path / "monit/job/0000_x.monitrc").write_text(text)
    monit.services = {"alive": Service("alive"), "dead": Service("dead"), "host": Service("host")}
    await supervisor.stop_and_wait()
    assert monit.acted == [("alive", "monitor"), ("alive", "stop")]


async def test_a_stop_that_takes_too_long(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.services, monit.stubborn = {"web": Service("web", 1)}, True
    with pytest.raises(BoshError, match="Timed out waiting for services 'web' to stop after 5 minutes"):
        await supervisor.stop_and_wait()


async def test_pending_services_are_waited_for(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.services = {"web": Service("web", 1, pending=1)}
    with pytest.raises(BoshError, match="to no longer be pending"):
        await supervisor.stop_and_wait()
    assert STOP_TIMEOUT_S == 300


async def test_reload_waits_for_another_incarnation(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.services, monit.deaf_reloads = {"web": Service("web", 1)}, 2
    await supervisor.reload()
    assert monit.incarnation == 2
    monit.deaf_reloads = 99
    with pytest.raises(BoshError, match=r"Failed to reload monit(.|\n)*syntax error"):
        await supervisor.reload()


async def test_nothing_to_read_nothing_to_reload(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    await supervisor.reload()
    assert monit.incarnation == 1


async def test_who_waits_for_running_need_not_wait_for_the_cycle(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.services = {"web": Service("web", 2)}
    assert await supervisor.status() == await supervisor.status() == "starting"
    assert monit.acted == [("_runtime", "validate")]


async def test_a_monit_that_does_not_answer_is_unknown(supervisor: MonitSupervisor, monit: FakeMonit) -> None:
    monit.answers = False
    assert await supervisor.status() == "unknown"
    with pytest.raises(BoshError):
        await supervisor.processes()


def test_processes_of_a_monit_file() -> None:
    text = """
    check process web
      with pidfile /a/web.pid
      start program "x"
    check process "two words" pidfile '/b/two.pid'
    check process m matching "java.*app"
    check file f path /x
    """
    found = monit_files.processes(text)
    assert found == {"web": Path("/a/web.pid"), "two words": Path("/b/two.pid"), "m": None}
    assert monit_files.is_alive(None)
    assert not monit_files.is_alive(Path("/nowhere"))
