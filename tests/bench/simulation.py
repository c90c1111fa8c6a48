"""A whole director on loopback: real daemon, real bus, the fake cloud, simulated agents in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bosh.clients.director import DirectorClient
from bosh.director import bus
from bosh.director.config import Config, CpiConfig
from bosh.director.places import places
from bosh.testing.director import configuration, free_port
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects

from .archives import release, stemcell
from .processes import cpu_by_name, family

_BIN = Path(sys.executable).parent

CLOUD_CONFIG = """
azs: [{name: z1}, {name: z2}, {name: z3}]
vm_types: [{name: small, cloud_properties: {memory_mb: 512}}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/20, gateway: 10.244.0.1, azs: [z1, z2, z3], dns: [8.8.8.8]}]
compilation: {workers: 2, az: z1, vm_type: small, network: default, reuse_compilation_vms: true}
"""


def manifest(instances: int, *, name: str = "dep", port: int = 80) -> str:
    """The deployment that the original was measured with: one group, two jobs, one package, three AZs."""
    return f"""
name: {name}
releases: [{{name: sample, version: latest}}]
stemcells: [{{alias: default, os: ubuntu-noble, version: latest}}]
update: {{canaries: 1, max_in_flight: 10, canary_watch_time: 1-10000, update_watch_time: 1-10000}}
instance_groups:
- name: web
  instances: {instances}
  azs: [z1, z2, z3]
  vm_type: small
  stemcell: default
  networks: [{{name: default}}]
  jobs:
  - {{name: server, release: sample, properties: {{port: {port}}}}}
  - {{name: client, release: sample}}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A stretch of time. CPU seconds by process name."""

    wall_s: float
    cpu_s: dict[str, float]

    def cpu_of(self, *words: str) -> float:
        return sum(seconds for name, seconds in self.cpu_s.items() if any(word in name for word in words))

    @property
    def director_s(self) -> float:
        """Daemon and workers, without the CPI and without ERB."""
        return sum(seconds for name, seconds in self.cpu_s.items() if "bosh-" in name and "ended" not in name)

    @property
    def erb_s(self) -> float:
        """Template processes, which end with their task."""
        return sum(
            seconds for name, seconds in self.cpu_s.items() if name == "ruby" or ("bosh-" in name and "ended" in name)
        )


@dataclass
class Simulation:
    """Bring it up with ``start``; ``stop`` in any case."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        cpi = self.folder / "cpi.json"
        cpi.write_text(json.dumps({"dir": str(self.cloud), "agent": {}, "stemcell_formats": ["general-tar"]}))
        program = CpiConfig(str(_BIN / "fake-cpi"), ["--config", str(cpi)], long_lived=True)
        self.config: Config = configuration(self.folder / "state", cpi=program)
        text = yaml.safe_dump(msgspec.to_builtins(self.config, enc_hook=str))
        (self.folder / "director.yml").write_text(text)
        places(self.config).create()
        bus.write_server_files(self.config)
        self.bus = self._run("nats", *bus.nats_command(self.config))
        self.agents = self._run(
            "agents", sys.executable, "-m", "bosh.testing.fake_agent", "--cloud", str(self.cloud),
            "--blobs", str(self.folder / "state" / "blobs"), "--heartbeat-s", "60",
        )  # fmt: skip
        self.daemon = self._run("director", str(_BIN / "bosh-director"), "--config", str(self.folder / "director.yml"))
        wait_for(lambda: "event=started" in self.log("director"), within_s=30)
        self.client = DirectorClient(
            f"https://127.0.0.1:{self.config.port}", ca_cert=self.config.tls.ca, username="admin", password="admin"
        )
        self._upload()
        self.monitor = self._run(
            "health-monitor", str(_BIN / "bosh-health-monitor"), "--config", str(self._monitor_configuration())
        )

    def _monitor_configuration(self) -> Path:
        nats = self.config.nats
        ca = KeyPairPem(nats.client_ca.certificate, nats.client_ca.private_key)
        own = issue(
            common_name=subjects.HEALTH_MONITOR_COMMON_NAME, ca=ca, usages=["client_auth"], not_before=datetime.now(UTC)
        )
        director = {"url": f"https://127.0.0.1:{self.config.port}", "user": "admin", "password": "admin"}
        content = {
            "director": director | {"ca_cert": self.config.tls.ca},
            "nats": {
                "address": nats.address,
                "port": nats.port,
                "ca": nats.ca,
                "certificate": own.certificate,
                "private_key": own.private_key,
            },
            "http_port": free_port(),
            "intervals": {"poll_director": 5},
        }
        path = self.folder / "health-monitor.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

    @property
    def cloud(self) -> Path:
        return self.folder / "cloud"

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _run(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
        self.processes.append(process)
        return process

    def _upload(self) -> None:
        self.folder.joinpath("sources").mkdir(exist_ok=True)
        for path, archive in (
            ("/releases", release(self.folder / "sources")),
            ("/stemcells", stemcell(self.folder / "sources")),
        ):
            self.task("POST", path, archive.read_bytes(), "application/x-compressed")
        self.client.call(
            "POST",
            "/configs",
            body=json.dumps({"type": "cloud", "name": "default", "content": CLOUD_CONFIG}).encode(),
            headers={"Content-Type": "application/json"},
        )

    # --- what is measured

    def task(self, method: str, path: str, body: bytes = b"", kind: str = "text/yaml") -> int:
        """Start a task and wait for its end, which must be a good one; its id."""
        started = self.client.start_task(method, path, body=body, headers={"Content-Type": kind})
        while (task := self.client.task(started))["state"] in {"queued", "processing", "cancelling"}:
            time.sleep(0.02)
        assert task["state"] == "done", f"{task}\n{self.debug(started)[-3000:]}"
        return started

    def debug(self, task_id: int) -> str:
        return (self.folder / "state" / "tasks" / str(task_id) / "debug").read_text()

    def deploy(self, text: str) -> int:
        return self.task("POST", "/deployments", text.encode())

    def delete(self, name: str = "dep") -> int:
        return self.task("DELETE", f"/deployments/{name}")

    def measured(self, action: Callable[[], Any]) -> Measured:
        """What the action took of time and of CPU, everywhere."""
        pids = [process.pid for process in self.processes]
        before, began = cpu_by_name(pids), time.monotonic()
        action()
        wall_s, after = time.monotonic() - began, cpu_by_name(pids)
        return Measured(wall_s, {name: after[name] - before.get(name, 0.0) for name in after})

    def vms_of(self, deployment: str) -> list[Any]:
        found: list[Any] = self.client.get(f"/deployments/{deployment}/vms") if self._knows(deployment) else []
        return found

    def _knows(self, deployment: str) -> bool:
        return deployment in {each["name"] for each in self.client.get("/deployments")}

    @property
    def person(self) -> dict[str, str]:
        """Environment of somebody who is logged in to this director, and to no other."""
        ca = self.folder / "ca.pem"
        ca.write_text(self.config.tls.ca)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "BOSH_ENVIRONMENT": f"https://127.0.0.1:{self.config.port}",
            "BOSH_CA_CERT": str(ca),
            "BOSH_CLIENT": "admin",
            "BOSH_CLIENT_SECRET": "admin",
            "BOSH_NON_INTERACTIVE": "true",
        }

    def memory(self) -> dict[str, float]:
        """PSS in MiB of the director's processes and of the health monitor by kind; no CPI and no ERB."""
        found: dict[str, float] = {}
        for usage in (*family(self.daemon.pid), *family(self.monitor.pid)):
            if usage.name not in {"fake-cpi", "ruby"}:
                name = usage.name.partition("@")[0].rstrip("-0123456789")
                found[name] = found.get(name, 0.0) + usage.pss_mib
        return found


def wait_for(what: Callable[[], Any], *, within_s: float) -> None:
    """Returns when it is so. Raises AssertionError when it is not in time."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, f"did not happen within {within_s} s"
        time.sleep(0.02)
