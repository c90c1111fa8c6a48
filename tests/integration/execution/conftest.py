"""A director without HTTP: task runner, SQLite, embedded blobstore, a real bus, the fake cloud and simulated agents."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bosh.clients.blobstore import LocalBlobstore
from bosh.director.config import BlobstoreConfig, Config, CpiConfig, Tls
from bosh.director.places import places
from bosh.director.tasks.runner import Outcome, Runner
from bosh.director.world import Circumstances, RealWorld
from bosh.release.tarball import Entry, write_to
from bosh.state import records
from bosh.state.migrate import migrate
from bosh.state.sql import SqlStore
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds
from bosh.testing import postgres
from bosh.testing.fake_agent import Behaviour, FakeAgent
from bosh.testing.fake_bus import Fleet, TestBus, blob_writer, nats_server_program, running_bus
from bosh.testing.memory import memory_store
from bosh.wire.agent_settings import Settings

CLOUD_CONFIG = """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small, cloud_properties: {memory_mb: 512}}]
disk_types: [{name: disk, disk_size: 1024}, {name: large, disk_size: 2048}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/22, gateway: 10.244.0.1, azs: [z1, z2], dns: [8.8.8.8], static: [10.244.3.1 - 10.244.3.50]}]
- {name: cloud, type: dynamic, subnets: [{azs: [z1, z2]}]}
compilation: {workers: 2, az: z1, vm_type: small, network: default, reuse_compilation_vms: true}
"""


@dataclass
class Director:
    """What a test holds of it."""

    store: SqlStore
    blobs: LocalBlobstore
    runner: Runner
    fleet: Fleet
    cloud: Path
    folder: Path
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    """By group, for agents still to come."""

    async def task(self, kind: str, deployment: str, **arguments: Any) -> Outcome:
        clock = SystemClock()
        task = self.store.tasks.insert(
            records.Task(
                kind,
                "processing",
                kind,
                "admin",
                clock.now(),
                deployment=deployment,
                arguments=arguments,
                checkpoint_at=clock.now(),
            )
        )
        return await self.runner.run(task)

    async def deploy(self, manifest: str, name: str = "dep", **arguments: Any) -> Outcome:
        return await self.task("update_deployment", name, manifest=manifest, **arguments)

    def configure(self, **values: Any) -> None:
        """Change the director's configuration from the next task on."""
        here = self.runner._here
        self.runner._here = dataclasses.replace(here, config=msgspec.structs.replace(here.config, **values))

    def agents(self) -> list[FakeAgent]:
        """Agents of the VMs there are."""
        self.fleet.look()
        return list(self.fleet.agents.values())

    def last_task(self) -> int:
        return self.store.tasks.list(newest_first=True, limit=1)[0].id

    def events(self) -> list[dict[str, Any]]:
        """The event lines of the last task."""
        return [json.loads(line) for line in self.store.task_output(self.last_task(), "event").splitlines()]

    def steps(self) -> list[str]:
        """``stage: task`` of what the last task finished, in order."""
        return [f"{one['stage']}: {one['task']}" for one in self.events() if one.get("state") == "finished"]

    def debug(self) -> str:
        return (self.folder / "state" / "tasks" / str(self.last_task()) / "debug").read_text()

    def methods(self) -> list[str]:
        """What agents were asked for since the last ``forget``."""
        return [method for _agent, method, _arguments in self.fleet.calls]

    def vms(self) -> list[str]:
        return sorted(path.name for path in (self.cloud / "vms").iterdir())


def job_archive(name: str, templates: dict[str, tuple[str, bytes]], spec: dict[str, Any]) -> bytes:
    import yaml

    manifest = {"name": name, "templates": {source: target for source, (target, _text) in templates.items()}, **spec}
    stream = BytesIO()
    entries = [Entry("job.MF", yaml.safe_dump(manifest).encode()), Entry("monit", f"check process {name}\n".encode())]
    entries += [Entry(f"templates/{source}", text) for source, (_target, text) in templates.items()]
    write_to(stream, entries)
    return stream.getvalue()


async def upload_release(director: Director, version: str = "1") -> None:
    """Release ``web`` with the jobs ``server`` (package ``server``, which needs ``runtime``) and ``client``."""
    store, blobs = director.store, director.blobs
    if store.releases.get(name="web") is None:
        store.releases.insert(records.Release("web"))
    store.release_versions.insert(records.ReleaseVersion("web", version))
    for name, dependencies in (("runtime", []), ("server", ["runtime"])):
        ref = await blobs.put_bytes(f"source of {name} {version}".encode())
        store.packages.insert(
            records.Package("web", version, name, f"{name}-fp-{version}", ref.sha1, ref.id, dependencies)
        )
    specs: dict[str, Any] = {
        "server": {
            "packages": ["server", "runtime"],
            "properties": {"web.port": {"default": 80}, "web.secret": {}},
            "provides": [{"name": "web", "type": "http", "properties": ["web.port"]}],
        },
        "client": {"packages": [], "properties": {}, "consumes": [{"name": "web", "type": "http", "optional": True}]},
    }
    texts = {
        "server": b'{"port": {{ p("web.port") }}, "ip": "{{ spec.ip }}"}\n',
        "client": b'{{ link("web").p("web.port") }} {{ link("web").instances | length }}\n',
    }
    for name, spec in specs.items():
        templates = {"config.j2": ("config/config.json", texts[name])}
        ref = await blobs.put_bytes(job_archive(name, templates, spec))
        row = {"templates": {"config.j2": "config/config.json"}, **spec}
        store.job_templates.insert(
            records.JobTemplate("web", version, name, f"{name}-fp-{version}", ref.sha1, ref.id, row)
        )


def upload_stemcell(director: Director, version: str = "1.1") -> None:
    (director.cloud / "stemcells").mkdir(parents=True, exist_ok=True)
    cid = f"stemcell-{version.replace('.', '-')}"
    (director.cloud / "stemcells" / f"{cid}.json").write_text(json.dumps({"cloud_properties": {}}))
    director.store.stemcells.insert(records.Stemcell("debian", "debian-12", version, cid, api_version=3))


def manifest(
    instances: int = 3,
    *,
    port: int = 80,
    disk: str = "",
    stemcell: str = "1.1",
    watch: str = "0-2000",
    extra: str = "",
    name: str = "dep",
) -> str:
    disk_line = f"  persistent_disk_type: {disk}\n" if disk else ""
    return f"""
name: {name}
releases: [{{name: web, version: latest}}]
stemcells: [{{alias: default, os: debian-12, version: "{stemcell}"}}]
update: {{canaries: 1, max_in_flight: 10, canary_watch_time: {watch}, update_watch_time: {watch}}}
instance_groups:
- name: web
  instances: {instances}
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{{name: default}}]
{disk_line}  jobs:
  - name: server
    release: web
    properties: {{web: {{port: {port}}}}}
  - {{name: client, release: web}}
{extra}"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PrivateServer]:
    folder = postgres.programs()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed (Debian package postgresql)")
    with postgres.private_server(folder) as running:
        yield running


def _store(request: pytest.FixtureRequest) -> SqlStore:
    """Of the kind that the test asks for (``@pytest.mark.parametrize("director", …, indirect=True)``); SQLite in memory unless it does."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return memory_store()
    url = request.getfixturevalue("postgres_server").new_database()
    migrate(url)
    return SqlStore(url)


@pytest.fixture
async def director(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Director]:
    program = nats_server_program()
    if program is None:
        pytest.skip("needs nats-server")
    async with (
        running_bus(tmp_path, program=program, now=SystemClock().now()) as bus,
        _director(tmp_path, bus, _store(request)) as director,
    ):
        await upload_release(director)
        upload_stemcell(director)
        director.store.configs.insert(records.Config("cloud", "default", CLOUD_CONFIG, SystemClock().now()))
        yield director


class _director:  # noqa: N801 - a context manager
    def __init__(self, folder: Path, bus: TestBus, store: SqlStore) -> None:
        self._folder = folder
        self._bus = bus
        self._store = store

    async def __aenter__(self) -> Director:
        folder, clock, ids = self._folder, SystemClock(), SystemIds()
        cloud = folder / "cloud"
        (folder / "cpi.json").write_text(json.dumps({"dir": str(cloud), "agent": {}}))
        config = Config(
            name="bosh",
            state_dir=folder / "state",
            tls=Tls("CA", "", ""),
            users=[],
            nats=self._bus.nats,
            cpi=CpiConfig(
                str(Path(sys.executable).parent / "fake-cpi"),
                arguments=["--config", str(folder / "cpi.json")],
                long_lived=True,
            ),
            blobstore=BlobstoreConfig(address="127.0.0.1"),
            agent_wait_timeout_s=5,
        )
        places(config).create()
        here = Circumstances(config, ids.uuid(), self._store, clock, ids)
        self._world = RealWorld(here)
        behaviours: dict[str, Behaviour] = {}

        def behaviour_of(settings: Settings) -> Behaviour:
            groups = settings.env["bosh"]["groups"]
            return next((one for name, one in behaviours.items() if name in groups), Behaviour())

        fleet = Fleet(
            cloud,
            clock=clock,
            ids=ids,
            behaviour_of=behaviour_of,
            store_blob=blob_writer(folder / "state" / "blobs", ids),
        )
        ready = asyncio.Event()
        self._serving = asyncio.create_task(fleet.serve(self._bus.nats, self._bus.fleet, ready=ready))
        await asyncio.wait_for(ready.wait(), 10)

        async def sync_bus() -> None:
            """The fleet's user speaks for all agents."""

        runner = Runner(here, places(config), self._world, sync_bus=sync_bus)
        blobs = self._world.blobs
        assert isinstance(blobs, LocalBlobstore)
        return Director(self._store, blobs, runner, fleet, cloud, folder, behaviours)

    async def __aexit__(self, *_: object) -> None:
        self._serving.cancel()
        await asyncio.wait({self._serving})
        await self._world.close()
        self._store.close()
