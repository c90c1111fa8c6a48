"""A real ``bosh-director`` daemon on loopback, with the fake cloud, and a client of it; for tests that kill it or feed it nonsense.

With ``Agents`` the fake cloud's VMs have agents too: on a nats-server of their own, in a thread of the test's process, so that they live on
when the director dies.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from bosh.director import places
from bosh.director.config import Config, CpiConfig
from bosh.state.sql import SqlStore
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds
from bosh.testing.director import configuration
from bosh.testing.fake_bus import Fleet, TestBus, blob_writer, nats_server_program, running_bus

START_WITHIN_S = 40.0


def until(what: Callable[[], Any], *, within_s: float = 30.0) -> Any:
    """The first true value. Raises AssertionError when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {within_s} s")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def task_of(reply: httpx.Response) -> int:
    """The number of the task that a request has begun."""
    assert reply.status_code == 302, reply.text
    return int(reply.headers["location"].removeprefix("/tasks/"))


@dataclass
class Director:
    """The daemon and a client of it. ``folder`` holds everything: ``state``, ``cloud``, ``log``, ``director.yml``."""

    folder: Path
    config: Config
    process: subprocess.Popen[bytes] | None = None
    ends: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.config.port}"

    @property
    def cloud(self) -> Path:
        return self.folder / "cloud"

    @property
    def state(self) -> Path:
        return self.config.state_dir

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    # --- its life

    def start(self) -> None:
        command = [sys.executable, "-m", "bosh.director.main", "--config", str(self.folder / "director.yml")]
        before = self.log.count("event=started") if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        self.ends.append(self.process)
        process = self.process
        until(lambda: self.log.count("event=started") > before or process.poll() is not None, within_s=START_WITHIN_S)
        assert process.poll() is None, self.log

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def end(self) -> None:
        """End what was started and is still there, and wait until nothing of it runs."""
        below = self.children() if self.process is not None else {}
        for process in self.ends:
            if process.poll() is None:
                process.kill()
            process.wait(20)
        # Workers let go of their tasks first.
        until(lambda: not any(alive(pid) for pid, name in below.items() if name.startswith("bosh-")), within_s=15)

    def children(self) -> dict[int, str]:
        """Processes below the daemon: pid → name."""
        assert self.process is not None
        found: dict[int, str] = {}
        seen = [self.process.pid]
        while seen:
            parent = seen.pop()
            for pid in _children_of(parent):
                with suppress(OSError):
                    found[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
                    seen.append(pid)
        return found

    def worker_of(self, task_id: int) -> int:
        """The pid of the process that runs a task, as its debug output says."""
        path = places.places(self.config).task(task_id) / "debug"
        match = re.search(r"#(\d+)\]", path.read_text())
        assert match, f"task {task_id} has not begun"
        return int(match[1])

    # --- its client

    def client(self, user: str = "admin") -> httpx.Client:
        context = ssl.create_default_context(cadata=self.config.tls.ca)
        auth = (user, user) if user else None
        return httpx.Client(base_url=self.url, verify=context, auth=auth, timeout=20)

    def upload(self, path: str, file: Path) -> int:
        with self.client() as client:
            reply = client.post(path, content=file.read_bytes(), headers={"Content-Type": "application/x-compressed"})
        return task_of(reply)

    def deploy(self, manifest: str, **query: str) -> int:
        """Begin a deploy; its task."""
        with self.client() as client:
            return task_of(
                client.post("/deployments", content=manifest, params=query, headers={"Content-Type": "text/yaml"})
            )

    def configure(self, kind: str, content: str, name: str = "default") -> httpx.Response:
        """Set a cloud, runtime or CPI config."""
        with self.client() as client:
            return client.post("/configs", json={"type": kind, "name": name, "content": content})

    def task(self, task_id: int) -> dict[str, Any]:
        with self.client() as client:
            task: dict[str, Any] = client.get(f"/tasks/{task_id}").json()
            return task

    def finished(self, task_id: int, *, within_s: float = 30.0) -> dict[str, Any]:
        """The task when it is over."""
        task: dict[str, Any] = until(
            lambda: (
                (task := self.task(task_id))["timestamp"]
                and task["state"] not in {"queued", "processing", "cancelling"}
                and task
            ),
            within_s=within_s,
        )
        return task

    def output(self, task_id: int, kind: str = "event") -> str:
        with self.client() as client:
            return client.get(f"/tasks/{task_id}/output", params={"type": kind}).text

    def errors(self, task_id: int) -> list[dict[str, Any]]:
        """``{code, message}`` of each error line."""
        lines = [json.loads(line) for line in self.output(task_id).splitlines()]
        return [line["error"] for line in lines if "error" in line]

    # --- its cloud and its memory

    def fault(self, method: str, **fault: Any) -> None:
        from fake_cpi.faults import order_fault

        order_fault(self.cloud, method, **fault)

    def no_fault(self, method: str) -> None:
        (self.cloud / "faults" / f"{method}.json").unlink(missing_ok=True)

    @contextmanager
    def store(self) -> Iterator[SqlStore]:
        """The director's database, read beside it."""
        store = SqlStore(places.database_url(self.config))
        try:
            yield store
        finally:
            store.close()


def _children_of(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())


def make_director(folder: Path, *, long_lived: bool = False, **values: Any) -> Director:
    """A director's folder with its configuration written; not started.

    Args:
        long_lived: whether its CPI serves many calls with one process.
        values: fields of ``bosh.director.config.Config``.
    """
    cpi = folder / "cpi.json"
    cpi.write_text(json.dumps({"dir": str(folder / "cloud"), "agent": {}, "stemcell_formats": ["general-tar"]}))
    program = CpiConfig(str(Path(sys.executable).with_name("fake-cpi")), ["--config", str(cpi)], long_lived)
    state_dir = values.pop("state_dir", folder / "state")
    director = Director(folder, configuration(state_dir, cpi=values.pop("cpi", program), **values))
    write_configuration(director)
    return director


def write_configuration(director: Director) -> None:
    """Write the file that the daemon reads at its next start."""
    text = yaml.safe_dump(msgspec.to_builtins(director.config, enc_hook=str))
    (director.folder / "director.yml").write_text(text)


class HeldFleet(Fleet):
    """Agents that can be made to leave requests unanswered, so that a test may look at, or end, whoever waits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.held = threading.Event()
        self._method = ""

    def hold(self, method: str) -> threading.Event:
        """The next request of this method gets no answer; the event tells when it has come."""
        self.held = threading.Event()
        self._method = method
        return self.held

    def answer(self, agent_id: str, payload: bytes) -> tuple[str, bytes] | None:
        from bosh.wire import agent_rpc

        if self._method and agent_rpc.decode_request(payload).method == self._method:
            self._method = ""
            self.held.set()
            return None
        return super().answer(agent_id, payload)


class Agents:
    """A bus and the agents of a cloud directory, in a thread with a loop of its own."""

    def __init__(self, folder: Path, cloud: Path, blobs: Path) -> None:
        self._folder = folder
        self._begun = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._failure: BaseException | None = None
        ids = SystemIds()
        self.fleet = HeldFleet(cloud, clock=SystemClock(), ids=ids, store_blob=blob_writer(blobs, ids))
        self.bus: TestBus | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="agents", daemon=True)

    def start(self) -> TestBus:
        """How the director reaches them. Raises what kept the bus from starting."""
        self._thread.start()
        self._begun.wait(30)
        if self._failure is not None or self.bus is None:
            raise AssertionError("the bus did not start") from self._failure
        return self.bus

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def _live(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the start
            self._failure = error
        finally:
            self._begun.set()
            self._loop.close()

    async def _serve(self) -> None:
        program = nats_server_program()
        if program is None:
            raise AssertionError("needs nats-server")
        async with running_bus(self._folder, program=program, now=SystemClock().now()) as bus:
            ready = asyncio.Event()
            serving = asyncio.create_task(self.fleet.serve(bus.nats, bus.fleet, ready=ready))
            await asyncio.wait_for(ready.wait(), 20)
            self.bus = bus
            self._begun.set()
            await self._stop.wait()
            serving.cancel()
            await asyncio.wait({serving})


__all__ = ["Agents", "Director", "HeldFleet", "alive", "make_director", "task_of", "until", "write_configuration"]
