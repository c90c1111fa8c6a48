"""A real director daemon on loopback, with the fake cloud."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from bosh.director.config import Config, CpiConfig
from bosh.testing.director import configuration


def until(what: Callable[[], Any], *, within_s: float = 20.0) -> Any:
    """The first true value; fails the test when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {within_s} s")


@dataclass
class Director:
    """The daemon and a client of it."""

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
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        command = [sys.executable, "-m", "bosh.director.main", "--config", str(self.folder / "director.yml")]
        before = self.log.count("event=started") if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        self.ends.append(self.process)
        until(lambda: self.log.count("event=started") > before or self.process.poll() is not None)
        assert self.process.poll() is None, self.log

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def client(self, user: str = "admin") -> httpx.Client:
        context = ssl.create_default_context(cadata=self.config.tls.ca)
        auth = (user, user) if user else None
        return httpx.Client(base_url=self.url, verify=context, auth=auth, timeout=20)

    def upload(self, path: str, file: Path) -> int:
        with self.client() as client:
            reply = client.post(path, content=file.read_bytes(), headers={"Content-Type": "application/x-compressed"})
        return task_of(reply)

    def task(self, task_id: int) -> dict[str, Any]:
        with self.client() as client:
            return client.get(f"/tasks/{task_id}").json()

    def finished(self, task_id: int) -> dict[str, Any]:
        return until(lambda: (task := self.task(task_id))["timestamp"] and task)

    def output(self, task_id: int, kind: str = "event") -> str:
        with self.client() as client:
            return client.get(f"/tasks/{task_id}/output", params={"type": kind}).text

    def fault(self, method: str, **fault: Any) -> None:
        from fake_cpi.faults import order_fault

        order_fault(self.cloud, method, **fault)

    def no_fault(self, method: str) -> None:
        (self.cloud / "faults" / f"{method}.json").unlink(missing_ok=True)

    def children(self) -> dict[int, str]:
        """Processes below the daemon: pid → name."""
        assert self.process is not None
        found: dict[int, str] = {}
        seen = [self.process.pid]
        while seen:
            parent = seen.pop()
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                for pid in map(int, task.read_text().split()):
                    found[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
                    seen.append(pid)
        return found


def task_of(reply: httpx.Response) -> int:
    assert reply.status_code == 302, reply.text
    return int(reply.headers["location"].removeprefix("/tasks/"))


@pytest.fixture
def director(tmp_path: Path) -> Iterator[Director]:
    cpi = tmp_path / "cpi.json"
    cpi.write_text(json.dumps({"dir": str(tmp_path / "cloud"), "agent": {}, "stemcell_formats": ["general-tar"]}))
    program = Path(sys.executable).with_name("fake-cpi")
    config = configuration(tmp_path / "state", cpi=CpiConfig(str(program), ["--config", str(cpi)]))
    text = yaml.safe_dump(msgspec.to_builtins(config, enc_hook=str))
    (tmp_path / "director.yml").write_text(text)
    director = Director(tmp_path, config)
    try:
        director.start()
        yield director
    finally:
        for process in director.ends:
            if process.poll() is None:
                process.kill()
            process.wait(20)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


__all__ = ["Director", "alive", "os", "task_of", "until"]
