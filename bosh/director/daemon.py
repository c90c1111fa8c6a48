"""The director's daemon: API, blobstore service, workers and schedules in one event loop, from start to orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable

from bosh.clients.cpi_journal import Journal
from bosh.director import log, places
from bosh.director.api.calls import Desk
from bosh.director.api.routes import application
from bosh.director.blob_service import BlobService
from bosh.director.bus import Bus
from bosh.director.config import Config
from bosh.director.schedules.plan import Duty, duties
from bosh.director.servers import Server, server_context
from bosh.director.staff import Staff
from bosh.director.tasks import engine
from bosh.director.worker import LET_GO_S
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds

STOPPED = "the director was stopped while it ran; run the command again, it goes on from what exists"
CRASHED = "the director's process died while it ran; run the command again, it goes on from what exists"
SYSTEM_USER = "_director"
"""Who does what nobody asked for (bosh: api/event_manager.rb)."""

WORKER_DIED = "the worker process that ran it died; run the command again, it goes on from what exists"


class Daemon:
    def __init__(self, config: Config, uuid: str, nursery: socket.socket) -> None:
        self._config = config
        self._uuid = uuid
        self._clock = SystemClock()
        ids = SystemIds()
        self._places = places.places(config)
        self._store = SqlStore(places.database_url(config))
        self._tasks = engine.Tasks(self._store, self._clock, self._places)
        self._bus = Bus(config, self._store)
        self._staff = Staff(nursery, self._clock, sync_bus=self._bus.sync, died=self._worker_died, queued=self._queued)
        self._tasks.wake, self._tasks.interrupt = self._staff.wake, self._staff.interrupt
        desk = Desk(config, uuid, self._store, self._tasks, self._clock, ids, self._places)
        context = server_context(config.tls, self._places.root)
        self._api = Server(application(desk), host=config.listen_address, port=config.port, context=context)
        self._blobs = Server(
            BlobService(places.blobs(config), config.blobstore, self._clock, ids),
            host=config.blobstore_listen_address,
            port=config.blobstore.port,
            context=context,
        )
        self._stop = asyncio.Event()
        self._failed = False

    async def run(self) -> int:
        """Until a signal, or until something it cannot do without has died. The exit status."""
        self._recover()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        watched = [
            asyncio.create_task(self._watched("api", self._api.serve())),
            asyncio.create_task(self._watched("blobstore", self._blobs.serve())),
            asyncio.create_task(self._watched("nursery", self._staff.nursery_died())),
        ]
        schedules = [asyncio.create_task(self._repeat(duty)) for duty in self._duties()]
        await self._first_bus_sync()
        self._staff.open(engine.NORMAL, self._config.workers)
        self._staff.open(engine.URGENT, self._config.urgent_workers)
        self._staff.wake()
        if await self._is_up():
            self._record_start()
            log.line("started", api=self._api.address, blobstore=self._blobs.address, workers=self._config.workers)
        await self._stop.wait()
        await self._end(watched, schedules)
        return 1 if self._failed else 0

    async def _is_up(self) -> bool:
        """Wait until both ports answer; False when one of them cannot be had."""
        up: asyncio.Task[object] = asyncio.create_task(self._both_started())
        stopped: asyncio.Task[object] = asyncio.create_task(self._stop.wait())
        await asyncio.wait([up, stopped], return_when=asyncio.FIRST_COMPLETED)
        is_up = up.done()
        for each in (up, stopped):
            each.cancel()
        return is_up

    async def _both_started(self) -> None:
        await asyncio.gather(self._api.started(), self._blobs.started())

    def _record_start(self) -> None:
        if self._config.record_events:
            event = records.Event("start", "director", self._clock.now(), SYSTEM_USER, object_name=self._uuid)
            self._store.events.insert(event)

    def _recover(self) -> None:
        """No process of this director runs yet, so whatever looks as if it ran is dead."""
        dead = self._tasks.bury(reason=CRASHED)
        if dead:
            log.line("tasks_buried", tasks=",".join(map(str, dead)))
        for leftover in self._places.work.iterdir():
            log.line("leftover_removed", path=leftover)
            _remove(leftover)
        Journal(self._places.calls).sweep()
        for part in (places.blobs(self._config) / "incoming").iterdir():
            part.unlink()
        named = {task.arguments.get("path") for task in self._store.tasks.list(state="queued")}
        for upload in self._places.uploads.iterdir():
            if str(upload) not in named:
                upload.unlink()

    async def _first_bus_sync(self) -> None:
        try:
            await self._bus.sync()
        except Exception as error:  # noqa: BLE001 - the API must come up even when the bus does not; deploys sync again
            log.line("bus_not_synced", error=error)

    async def _watched(self, part: str, life: Awaitable[None]) -> None:
        try:
            await life
        except asyncio.CancelledError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any end of a part is the daemon's end
            log.line("part_failed", part=part, error=error or type(error).__name__)
        if not self._stop.is_set():
            log.line("part_ended", part=part)
            self._failed = True
            self._stop.set()

    async def _end(self, watched: list[asyncio.Task[None]], schedules: list[asyncio.Task[None]]) -> None:
        log.line("stopping")
        for schedule in schedules:
            schedule.cancel()
        self._api.stop()
        await self._staff.stop(STOPPED, within_s=LET_GO_S + 1)
        # Agents of aborted tasks may still be moving blobs; their requests end with the service.
        self._blobs.stop()
        await asyncio.wait(watched, timeout=5)
        for task in watched:
            task.cancel()
        self._store.close()
        log.line("stopped")

    def _worker_died(self, name: str) -> None:
        if buried := self._tasks.bury(worker=name, reason=WORKER_DIED):
            log.line("tasks_buried", tasks=",".join(map(str, buried)), worker=name)

    def _queued(self, queue: str) -> int:
        return self._store.tasks.count(state="queued", queue=queue)

    # --- schedules

    def _duties(self) -> tuple[Duty, ...]:
        return duties(self._config, self._store, self._tasks, self._clock)

    async def _repeat(self, duty: Duty) -> None:
        while True:
            await self._clock.sleep_s(duty.every_s)
            try:
                done = duty.do()
            except Exception as error:  # noqa: BLE001 - it is tried again, and the daemon must live
                log.line("duty_failed", duty=duty.name, error=error)
                continue
            if done:
                log.line("duty_done", duty=duty.name, count=done)


def _remove(path: object) -> None:
    import shutil

    with contextlib.suppress(OSError):
        shutil.rmtree(str(path))
