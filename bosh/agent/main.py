"""The agent's process: the only place that builds objects.

``python3 -m bosh.agent.main -C /var/vcap/bosh/agent.json [-b /var/vcap] [-P linux|dummy] [-M monit|dummy|dummy-nats]``
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bosh.agent import bootstrap, sources
from bosh.agent.actions.contract import Agent
from bosh.agent.actions.table import ACTIONS
from bosh.agent.blobs import stores
from bosh.agent.blobs.blobs import Blobs
from bosh.agent.body import Body
from bosh.agent.config import AgentConfig, load
from bosh.agent.install.compiler import Compiler
from bosh.agent.install.installer import Installer
from bosh.agent.log import set_up_logging
from bosh.agent.machine import build
from bosh.agent.machine.machine import Machine
from bosh.agent.paths import Paths
from bosh.agent.pulse import Pulse
from bosh.agent.settings import SettingsStore
from bosh.agent.spec import SpecStore
from bosh.agent.supervise import monit_service
from bosh.agent.supervise.contract import Supervisor
from bosh.agent.supervise.dummy import DummySupervisor, three_processes
from bosh.agent.supervise.dummy_control import DummyControl
from bosh.agent.supervise.health import HealthRecorder
from bosh.agent.supervise.mailbox import Mailbox
from bosh.agent.supervise.monit import HttpMonitApi, MonitSupervisor
from bosh.agent.tasks_file import TasksFile
from bosh.agent.transport import choose
from bosh.agent.transport.contract import Transport
from bosh.agent.transport.switch import SwitchingTransport
from bosh.system.clock import Clock, SystemClock
from bosh.system.ids import SystemIds
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)

VERSION = "0.1.0"
SETTINGS_TRIES = 60
"""A second apart: some clouds attach the disk or network with the settings while the machine boots."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. ``-r``, ``-I`` and ``--no-alerts`` are taken and mean nothing, as in the original."""

    config: Path | None = None
    base: Path = Path("/var/vcap")
    platform: str = "linux"
    supervisor: str = "monit"


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Raises SystemExit on a wrong command line, and after ``-v``."""
    import argparse

    parser = argparse.ArgumentParser(prog="bosh-agent")
    parser.add_argument("-C", dest="config", type=Path)
    parser.add_argument("-b", dest="base", type=Path, default=Path("/var/vcap"))
    parser.add_argument("-P", dest="platform", default="linux")
    parser.add_argument("-M", dest="supervisor", default="monit")
    parser.add_argument("-I", "-r", dest="ignored")
    parser.add_argument("--no-alerts", action="store_true")
    parser.add_argument("-v", action="version", version=VERSION)
    read = parser.parse_args(arguments)
    return Options(read.config, read.base, read.platform or "linux", read.supervisor or "monit")


class Daemon:
    """One life of the agent: from settings to the signal that ends it."""

    def __init__(self, options: Options, config: AgentConfig) -> None:
        dummy = options.platform == "dummy"
        if dummy:  # the settings name devices of a machine that this is not (bosh-agent: platform/dummy_platform.go)
            config = replace(config, linux=replace(config.linux, skip_disk_setup=True))
        self._config = config
        self._clock: Clock = SystemClock()
        self._ids = SystemIds()
        self._paths = Paths(options.base, options.base / "root" if dummy else Path("/"))
        make = build.dummy if dummy else build.linux
        self._machine: Machine = make(self._paths, config.linux, self._clock)
        self._settings = SettingsStore(self._paths, sources.build(config.sources, self._machine.tools))
        self._specs = SpecStore(self._paths.spec_json)
        self._monit: monit_service.MonitService | None = None
        self._dummy: DummySupervisor | None = None
        self._supervisor = HealthRecorder(self._choose_supervisor(options.supervisor), self._paths.health_json)
        self._end = asyncio.Event()
        self._again = False

    def _choose_supervisor(self, kind: str) -> Supervisor:
        if kind == "monit":
            self._monit = monit_service.find(
                self._machine.tools, Path("/etc/monit/monitrc"), self._paths.monit / "monit.pid"
            )
            api = HttpMonitApi(self._config.monit_port, self._paths.monit / "monit.user", self._clock)
            return MonitSupervisor(self._paths, api, self._monit, self._clock)
        self._dummy = DummySupervisor(three_processes() if kind == "dummy-nats" else ())
        return self._dummy

    async def run(self) -> bool:
        """Whether it wants to begin anew.

        Raises:
            BoshError: the machine cannot be prepared, or there are no settings.
        """
        self._listen_for_signals()
        await self._load_settings()
        transport = SwitchingTransport(choose.transport(self._settings, self._clock, self._paths))
        pulse = Pulse(self._settings, self._specs, self._supervisor, self._machine.vitals, transport, self._clock)
        agent = self._assemble(transport, pulse)
        await self._prepare(agent)
        body = Body(agent, ACTIONS, TasksFile(self._paths.tasks_json), self._ids)
        body.resume()
        await self._serve(transport, body, pulse)
        return self._again

    async def _load_settings(self) -> None:
        for number in range(1, SETTINGS_TRIES + 1):
            try:
                await self._settings.load()
            except BoshError as error:
                if number == SETTINGS_TRIES:
                    raise
                log.warning("%s", error)
                await self._clock.sleep_s(1)
            else:
                return

    def _store(self) -> tuple[stores.BlobStore, str]:
        """The blobstore of the settings, and the authority of its signed addresses."""
        blobstore = self._settings.blobstore
        store = stores.build(blobstore, self._machine.commands, self._paths.bosh / "bin")
        return store, stores.authority(blobstore.get("options") or {})

    def _assemble(self, transport: SwitchingTransport, pulse: Pulse) -> Agent:
        blobs = Blobs(*self._store(), self._paths, self._clock, self._ids)

        async def renew() -> None:
            blobs.use(*self._store())
            if not await transport.switch(choose.transport(self._settings, self._clock, self._paths)):
                await self._restart()

        commands, ownership = self._machine.commands, self._machine.ownership
        installer = Installer(self._paths, blobs, self._supervisor, commands, ownership)
        installer.downloads_at_once = int(self._settings.bosh_env.get("parallel") or installer.downloads_at_once)
        return Agent(
            paths=self._paths,
            settings=self._settings,
            specs=self._specs,
            supervisor=self._supervisor,
            installer=installer,
            compiler=Compiler(self._paths, blobs, installer, commands),
            blobs=blobs,
            machine=self._machine,
            outbox=transport,
            clock=self._clock,
            renew=renew,
            heartbeat_now=pulse.now,
        )

    async def _prepare(self, agent: Agent) -> None:
        await bootstrap.prepare_machine(self._paths, self._settings, self._machine, self._config.linux)
        bootstrap.prepare_jobs(self._specs, agent.installer)
        await bootstrap.make_host_keys(self._paths, self._machine)
        if self._monit is not None:
            monit_service.configure(self._paths, self._config.monit_port, self._config.alert_port)
            await self._monit.start()
        await self._resume_jobs()

    async def _resume_jobs(self) -> None:
        """An agent whose jobs cannot be resumed must still tell the director so."""
        try:
            await self._supervisor.resume()
        except BoshError as error:
            log.error("cannot resume the jobs: %s", error)

    async def _serve(self, transport: Transport, body: Body, pulse: Pulse) -> None:
        receive = body.receive
        if self._dummy is not None:
            receive = DummyControl(self._dummy, body.receive, pulse.alert, transport).receive
        work = [
            asyncio.create_task(transport.run(receive, pulse.now)),
            asyncio.create_task(pulse.run(self._config.heartbeat_interval_s)),
        ]
        if self._monit is not None:
            work.append(asyncio.create_task(Mailbox(self._config.alert_port, pulse.alert).run()))
        ended = asyncio.create_task(self._end.wait())
        try:
            done, _ = await asyncio.wait([*work, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()
        finally:
            await body.finish()
            await transport.flush()
            for task in [*work, ended]:
                task.cancel()
            await asyncio.gather(*work, ended, return_exceptions=True)

    async def _restart(self) -> None:
        log.warning("beginning anew: the new bus cannot be reached")
        self._again = True
        self._end.set()
        await asyncio.Event().wait()

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)


async def _live(options: Options) -> bool:
    return await Daemon(options, load(options.config)).run()


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    set_up_logging(Paths(options.base).agent_logs)
    try:
        again = asyncio.run(_live(options))
    except BoshError as error:
        log.error("%s", error)
        return 1
    if again:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
