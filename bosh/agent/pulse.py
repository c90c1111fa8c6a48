"""Heartbeats and alerts, from here to the health monitor."""

from __future__ import annotations

import asyncio
import logging

from bosh.agent.machine.vitals import VitalsReader
from bosh.agent.settings import SettingsStore
from bosh.agent.spec import SpecStore
from bosh.agent.supervise.health import HealthRecorder
from bosh.agent.supervise.monit_mail import MonitEvent, to_alert
from bosh.agent.transport.contract import Outbox
from bosh.system.clock import Clock
from bosh.wire import subjects
from bosh.wire.errors import BoshError
from bosh.wire.heartbeat import Heartbeat

log = logging.getLogger(__name__)


class Pulse:
    def __init__(
        self,
        settings: SettingsStore,
        specs: SpecStore,
        supervisor: HealthRecorder,
        vitals: VitalsReader,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._specs = specs
        self._supervisor = supervisor
        self._vitals = vitals
        self._outbox = outbox
        self._clock = clock
        self._wanted = asyncio.Event()

    def now(self) -> None:
        """Beat at once instead of when it is due."""
        self._wanted.set()

    async def run(self, interval_s: float) -> None:
        """For ever: one now, then one each interval."""
        while True:
            self._wanted.clear()
            try:
                await self.beat()
            except (BoshError, OSError) as error:
                # The next one may succeed; without any the health monitor raises its own alarm.
                log.warning("no heartbeat: %s", error)
            due = asyncio.ensure_future(self._clock.sleep_s(interval_s))
            wanted = asyncio.ensure_future(self._wanted.wait())
            try:
                await asyncio.wait([due, wanted], return_when=asyncio.FIRST_COMPLETED)
            finally:
                due.cancel()
                wanted.cancel()

    async def beat(self) -> None:
        """Raises BoshError or OSError when the state cannot be read."""
        spec = self._specs.get()
        state = await self._supervisor.status()
        self._supervisor.record(state)
        heartbeat = Heartbeat(
            deployment=spec.deployment,
            job=spec.job_name,
            index=spec.index,
            job_state=state,
            vitals=self._vitals.read().to_json(),
            node_id=spec.id,
            number_of_processes=await self._number_of_processes(),
        )
        self._outbox.publish(subjects.heartbeat(self._settings.current.agent_id), heartbeat.encode())

    async def _number_of_processes(self) -> int | None:
        try:
            return len(await self._supervisor.processes())
        except BoshError as error:
            log.warning("cannot count processes: %s", error)
            return None

    def alert(self, event: MonitEvent) -> None:
        """Pass on what monit reports, unless it is good news."""
        alert = to_alert(event, self._settings.ips, int(self._clock.now().timestamp()))
        if alert is not None:
            self._outbox.publish(subjects.alert(self._settings.current.agent_id), alert.encode())
