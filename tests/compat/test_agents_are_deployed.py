"""Real agents on every VM, the original ones and ours: our director deploys, changes, recreates and deletes them over a real bus.

The VMs are directories of the fake cloud; each gets an agent process with the ``dummy`` platform, as the original director's own specs do it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bosh.director import bus
from bosh.director.config import BlobstoreConfig
from bosh.director.places import places
from bosh.testing.daemon import Director, make_director, until
from tests.integration.director import archives

CLOUD_CONFIG = """
azs: [{name: z1}]
vm_types: [{name: small}]
disk_types: [{name: disk, disk_size: 64}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, azs: [z1], dns: [8.8.8.8]}]
compilation: {workers: 2, az: z1, vm_type: small, network: default}
"""

MANIFEST = """
name: dep
releases: [{name: sample, version: "1"}]
stemcells: [{alias: default, name: bosh-fake, version: "1.2"}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 0-10000, update_watch_time: 0-10000}
instance_groups:
- name: web
  instances: 2
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: hello, release: sample}]
"""

# The agent refuses to start without a DAV client; with signed URLs it never calls it.
DAV_CLIENT = "#!/bin/sh\necho 'unexpected call of the DAV client' >&2\nexit 1\n"


@dataclass
class AgentProcesses:
    """Starts an agent for each VM that appears in the fake cloud, and ends it when its VM goes."""

    program: Path
    cloud: Path
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def live(self) -> None:
        while not self._stop.wait(0.02):
            vms = self.cloud / "vms"
            present = {path.name for path in vms.iterdir()} if vms.is_dir() else set()
            for name in present - self.processes.keys():
                if (vms / name / "settings.json").exists():
                    self.processes[name] = self._boot(name, vms / name / "settings.json")
            for name in self.processes.keys() - present:
                self._end(self.processes.pop(name))
        for process in self.processes.values():
            self._end(process)

    def stop(self) -> None:
        self._stop.set()

    def _boot(self, name: str, settings: Path) -> subprocess.Popen[bytes]:
        base = self.folder / name
        for path in ("bosh", "root_dir/etc/logrotate.d", "tmp"):
            (base / path).mkdir(parents=True)
        ip = next(iter(json.loads(settings.read_text())["networks"].values()))["ip"]
        (base / "bosh" / "dummy-default-network-settings.json").write_text(json.dumps({"ip": ip}))
        source = {"Type": "File", "SettingsPath": str(settings)}
        (base / "agent.json").write_text(json.dumps({"Infrastructure": {"Settings": {"Sources": [source]}}}))
        command = [self.program, "-b", base, "-P", "dummy", "-M", "dummy-nats", "-C", base / "agent.json"]
        environment = os.environ | {"TMPDIR": str(base / "tmp"), "PATH": f"{self.folder}:{os.environ['PATH']}"}
        with (base / "log").open("wb") as log:
            return subprocess.Popen(command, cwd=base, env=environment, stdout=log, stderr=log)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait(10)


@pytest.fixture(params=["go", "ours"])
def program(request: pytest.FixtureRequest) -> str:
    if request.param == "ours":
        return str(Path(sys.executable).with_name("bosh-agent"))
    named = os.environ.get("BOSH_GO_AGENT")
    if not named:
        pytest.skip("BOSH_GO_AGENT does not name a Go bosh-agent")
    return named


@pytest.fixture
def director(tmp_path: Path, program: str) -> Iterator[Director]:
    director = make_director(tmp_path, long_lived=True)
    assert isinstance(director.config.blobstore, BlobstoreConfig)
    assert director.config.blobstore.enable_signed_urls
    places(director.config).create()
    bus.write_server_files(director.config)
    agents = AgentProcesses(Path(program), director.cloud, tmp_path / "agents")
    agents.folder.mkdir()
    client = agents.folder / "bosh-blobstore-dav"
    client.write_text(DAV_CLIENT)
    client.chmod(0o755)
    with (tmp_path / "nats.log").open("wb") as log:
        server = subprocess.Popen(bus.nats_command(director.config), stdout=log, stderr=log)
    thread = threading.Thread(target=agents.live, name="agents")
    thread.start()
    try:
        director.start()
        yield director
    finally:
        agents.stop()
        thread.join(20)
        director.end()
        server.kill()
        server.wait(10)


def finished(director: Director, task_id: int) -> dict[str, Any]:
    task = director.finished(task_id, within_s=60)
    assert task["state"] == "done", director.output(task_id)
    return task


def instances(director: Director) -> list[dict[str, Any]]:
    with director.client() as client:
        reply = client.get("/deployments/dep/instances", params={"format": "full"})
    task = finished(director, int(reply.headers["location"].rpartition("/")[2]))
    return [json.loads(line) for line in director.output(task["id"], "result").splitlines()]


def test_a_deployment_of_real_agents_lives_its_life(director: Director, tmp_path: Path, program: str) -> None:
    finished(director, director.upload("/releases", archives.release(tmp_path)))
    finished(director, director.upload("/stemcells", archives.stemcell(tmp_path)))
    director.configure("cloud", CLOUD_CONFIG)

    finished(director, director.deploy(MANIFEST))
    first = instances(director)
    assert [one["job_state"] for one in first] == ["running", "running"]
    jobs = list((tmp_path / "agents").glob("vm-*/jobs/hello/bin/run"))
    assert len(jobs) == 2

    task = director.deploy(MANIFEST)
    finished(director, task)
    assert "Updating instance" not in director.output(task)

    finished(director, director.deploy(MANIFEST, recreate="true"))
    second = instances(director)
    assert {one["id"] for one in first} == {one["id"] for one in second}
    assert not {one["vm_cid"] for one in first} & {one["vm_cid"] for one in second}

    if "BOSH_GO_AGENT" in os.environ and program == os.environ["BOSH_GO_AGENT"]:
        # Only its dummy platform pretends to have disks too.
        with_disk = MANIFEST.replace("  vm_type: small\n", "  vm_type: small\n  persistent_disk_type: disk\n", 1)
        finished(director, director.deploy(with_disk))
        assert all(one["disk_cids"] for one in instances(director))

    finished(director, director.deploy(MANIFEST.replace("instances: 2", "instances: 1")))
    assert len(instances(director)) == 1

    with director.client() as client:
        reply = client.delete("/deployments/dep")
    finished(director, int(reply.headers["location"].rpartition("/")[2]))
    until(lambda: not list((director.cloud / "vms").iterdir()))
