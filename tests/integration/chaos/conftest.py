"""One director, one bus, many agents for the whole suite; each test has a deployment of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_cpi.answer import answer
from fake_cpi.cloud import FakeCloud

from bosh.director.config import BlobstoreConfig
from bosh.state import records
from bosh.testing import archives
from bosh.testing.archives import Job
from bosh.testing.daemon import Agents, Director, HeldFleet, make_director, task_of
from bosh.testing.fake_bus import free_port, nats_server_program
from bosh.testing.ownership import unowned
from bosh.wire import cpi as wire

CLOUD_CONFIG = """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small, cloud_properties: {memory_mb: 512}}]
disk_types: [{name: small, disk_size: 1024}, {name: large, disk_size: 2048}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/20, gateway: 10.244.0.1, azs: [z1, z2], dns: [8.8.8.8]}]
compilation: {workers: 2, az: z1, vm_type: small, network: default, reuse_compilation_vms: true}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.slow)


ERRAND = """
- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: server, release: web}]
"""


def manifest(
    name: str, *, instances: int = 2, disk: str = "small", port: int = 80, release: str = "1", errand: bool = False
) -> str:
    """Two groups: one with disks, one without; and an errand's on request."""
    groups = f"""
name: {name}
releases: [{{name: web, version: "{release}"}}]
stemcells: [{{alias: default, os: debian-12, version: "1.1"}}]
update: {{canaries: 1, max_in_flight: 4, canary_watch_time: 0-2000, update_watch_time: 0-2000, serial: true}}
instance_groups:
- name: db
  instances: {instances}
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{{name: default}}]
  persistent_disk_type: {disk}
  jobs: [{{name: server, release: web, properties: {{port: {port}}}}}]
- name: api
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{{name: default}}]
  jobs: [{{name: server, release: web, properties: {{port: {port}}}}}]"""
    return groups + (ERRAND if errand else "\n")


def web_release(folder: Path, version: str) -> Path:
    """A version has packages of its own, which must be compiled."""
    server = Job(
        "server",
        {"config/config.json": '{"port": <%= p("port") %>}\n'},
        {"packages": ["server", "runtime"], "properties": {"port": {"default": 80}}},
    )
    packages: dict[str, list[str]] = {"runtime": [], "server": ["runtime"]}
    return archives.release(folder, "web", version, jobs=[server], packages=packages, marker=version)


@dataclass
class Estate:
    """What a test holds."""

    director: Director
    fleet: HeldFleet
    versions: int = 1
    names: int = 0
    known: set[str] = field(default_factory=set)
    """What an earlier test has left and been blamed for."""

    def new_release(self) -> str:
        """The version of a fresh release whose packages are not compiled yet."""
        self.versions += 1
        self.upload("/releases", web_release(self.director.folder, str(self.versions)))
        return str(self.versions)

    def new_name(self, kind: str) -> str:
        """A name of a deployment, or a version, that no other test has."""
        self.names += 1
        return f"{kind}{self.names}"

    def delete(self, name: str) -> int:
        """Begin to delete a deployment; the task."""
        with self.director.client() as client:
            return task_of(client.delete(f"/deployments/{name}"))

    def kill_worker(self, task_id: int) -> None:
        os.kill(self.director.worker_of(task_id), signal.SIGKILL)

    def instance(self, name: str, group: str) -> records.Instance:
        with self.director.store() as store:
            row = store.instances.get(deployment=name, group=group)
        assert row is not None
        return row

    def lose_vm(self, instance: records.Instance) -> None:
        """The cloud has the instance's VM no more."""
        with self.director.store() as store:
            (vm,) = store.vms.list(instance_uuid=instance.uuid)
        answer(FakeCloud, {"dir": str(self.director.cloud)}, wire.encode_request(wire.Request("delete_vm", (vm.cid,))))

    def active_disks(self, name: str) -> list[int]:
        """Sizes of the deployment's disks in use."""
        with self.director.store() as store:
            return [row.size_mb for row in store.disks.list(deployment=name, active=True, orphaned_at=None)]

    def disk_cids(self, name: str) -> list[str]:
        with self.director.store() as store:
            return [row.cid for row in store.disks.list(deployment=name, active=True, orphaned_at=None)]

    def upload(self, path: str, file: Path) -> None:
        task = self.director.finished(self.director.upload(path, file))
        assert task["state"] == "done", self.director.output(task["id"])

    def deployed(self, text: str, **query: str) -> int:
        """Deploy; it must succeed."""
        return self.succeeds(self.director.deploy(text, **query))

    def succeeds(self, task_id: int) -> int:
        task = self.director.finished(task_id)
        assert task["state"] == "done", self.director.output(task_id) + self.director.output(task_id, "debug")[-3000:]
        return task_id

    def unowned(self) -> list[str]:
        with self.director.store() as store:
            return unowned(store, self.director.config, self.director.cloud)

    def nothing_is_unowned(self) -> None:
        """Each test answers for what it has left itself."""
        left = [line for line in self.unowned() if line not in self.known]
        self.known.update(left)
        assert not left, "\n".join(left)


@contextmanager
def running_estate(folder: Path, *, long_lived: bool) -> Iterator[Estate]:
    agents = Agents(folder, folder / "cloud", folder / "state" / "blobs")
    bus = agents.start()
    director = make_director(
        folder,
        long_lived=long_lived,
        nats=bus.nats,
        workers=1,
        blobstore=BlobstoreConfig(address="127.0.0.1", port=free_port()),
        agent_wait_timeout_s=10.0,
        agent_answer_timeout_s=5.0,
    )
    try:
        director.start()
        made = Estate(director, agents.fleet)
        made.upload("/stemcells", archives.stemcell(folder))
        made.upload("/releases", web_release(folder, "1"))
        assert director.configure("cloud", CLOUD_CONFIG).status_code in {200, 201}
        yield made
    finally:
        director.end()
        agents.stop()


@pytest.fixture(scope="package")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """With a CPI that serves many calls, as on one machine."""
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    with running_estate(tmp_path_factory.mktemp("serving"), long_lived=True) as made:
        yield made


@pytest.fixture(scope="package")
def one_shot_estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """With a CPI that is a process for each call, as all others are."""
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    with running_estate(tmp_path_factory.mktemp("one-shot"), long_lived=False) as made:
        yield made


__all__ = ["Estate", "manifest"]
