"""The daemon keeps its word on whichever database it is given: deploy, change, restart, delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.director.config import BlobstoreConfig
from bosh.testing import archives, postgres
from bosh.testing.archives import Job
from bosh.testing.daemon import Agents, Director, make_director, task_of
from bosh.testing.fake_bus import free_port, nats_server_program

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CLOUD_CONFIG = """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small, cloud_properties: {memory_mb: 512}}]
disk_types: [{name: small, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, azs: [z1, z2]}]
compilation: {workers: 2, az: z1, vm_type: small, network: default, reuse_compilation_vms: true}
"""


def manifest(*, instances: int, port: int = 80) -> str:
    return f"""
name: dep
releases: [{{name: web, version: latest}}]
stemcells: [{{alias: default, os: debian-12, version: "1.1"}}]
update: {{canaries: 1, max_in_flight: 4, canary_watch_time: 0-2000, update_watch_time: 0-2000}}
variables: [{{name: secret, type: password}}]
instance_groups:
- name: db
  instances: {instances}
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{{name: default}}]
  persistent_disk_type: small
  jobs: [{{name: server, release: web, properties: {{port: {port}, secret: ((secret))}}}}]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database URL, empty for the embedded one."""
    if request.param == "sqlite":
        yield ""
        return
    folder = postgres.programs()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed (Debian package postgresql)")
    with postgres.private_server(folder) as running:
        yield running.new_database()


@pytest.fixture
def director(database: str, tmp_path: Path) -> Iterator[Director]:
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    agents = Agents(tmp_path, tmp_path / "cloud", tmp_path / "state" / "blobs")
    director = make_director(
        tmp_path,
        long_lived=True,
        database_url=database,
        nats=agents.start().nats,
        blobstore=BlobstoreConfig(address="127.0.0.1", port=free_port()),
        agent_wait_timeout_s=10.0,
    )
    try:
        director.start()
        yield director
    finally:
        director.end()
        agents.stop()


def done(director: Director, task_id: int) -> int:
    task = director.finished(task_id, within_s=60)
    assert task["state"] == "done", director.output(task_id) + director.output(task_id, "debug")[-3000:]
    return task_id


def vms(director: Director) -> set[str]:
    return {path.name for path in (director.cloud / "vms").iterdir()}


def test_deploy_change_restart_delete(director: Director, tmp_path: Path, database: str) -> None:
    server = Job(
        "server",
        {"config/config.json": '{"port": <%= p("port") %>}\n'},
        {"packages": ["server"], "properties": {"port": {"default": 80}, "secret": {"default": ""}}},
    )
    done(director, director.upload("/stemcells", archives.stemcell(tmp_path)))
    done(
        director,
        director.upload("/releases", archives.release(tmp_path, "web", jobs=[server], packages={"server": []})),
    )
    assert director.configure("cloud", CLOUD_CONFIG).status_code == 201

    done(director, director.deploy(manifest(instances=3)))
    first = vms(director)
    assert len(first) == 3

    done(director, director.deploy(manifest(instances=2, port=81)))
    assert vms(director) < first
    unchanged = done(director, director.deploy(manifest(instances=2, port=81)))
    assert "Updating instance" not in director.output(unchanged)

    assert director.stop() == 0
    director.start()
    with director.client() as client:
        assert [row["active"] for row in client.get("/deployments/dep/vms").json()] == [True, True]
        assert len(client.get("/deployments/dep/variables").json()) == 1
        assert len(client.get("/disks").json()) == 1
        events = client.get("/events").json()
        assert {("update", "deployment"), ("create", "vm"), ("create", "disk")} <= {
            (event["action"], event["object_type"]) for event in events
        }
        assert [event["id"] for event in events] == sorted((event["id"] for event in events), key=int, reverse=True)
        done(director, task_of(client.delete("/deployments/dep")))
        assert client.get("/deployments").json() == []
    assert vms(director) == set()
    with director.store() as store:
        assert store.database.dialect.name == ("postgresql" if database else "sqlite")
        assert (store.instances.count(), store.vms.count(), store.ips.count()) == (0, 0, 0)
        assert store.disks.count(orphaned_at=None) == 0
