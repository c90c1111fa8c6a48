"""One director with one good deployment; every test gives it something bad and looks whether anything has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bosh.director import places
from bosh.director.config import BlobstoreConfig
from bosh.testing import archives
from bosh.testing.archives import Job
from bosh.testing.daemon import Agents, Director, HeldFleet, make_director
from bosh.testing.fake_bus import free_port, nats_server_program

CLOUD_CONFIG = """\
azs: [{name: z1}]
vm_types: [{name: small, cloud_properties: {memory_mb: 512}}]
disk_types: [{name: small, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, azs: [z1], static: [10.244.0.200 - 10.244.0.210]}]
- name: tiny
  type: manual
  subnets: [{range: 10.245.0.0/29, gateway: 10.245.0.1, azs: [z1]}]
compilation: {workers: 1, az: z1, vm_type: small, network: default}
"""

JOBS = (
    Job(
        "server",
        {"config/config.json": '{"port": <%= p("port") %>}\n'},
        {
            "packages": ["server"],
            "properties": {"port": {"default": 80}},
            "provides": [{"name": "web", "type": "http", "properties": ["port"]}],
        },
    ),
    Job("client", {"config/url": '<%= link("web").p("port") %>\n'}, {"consumes": [{"name": "web", "type": "http"}]}),
    Job("needy", {"config/secret": 'first line\n<%= p("not.given") %>\n'}, {"properties": {"not.given": {}}}),
    Job("broken", {"config/file": "one\ntwo\n<%= raise 'out of order' %>\n"}),
)

TABLES = [
    "deployments",
    "instances",
    "vms",
    "disks",
    "snapshots",
    "ips",
    "releases",
    "release_versions",
    "job_templates",
    "packages",
    "compiled_packages",
    "stemcells",
    "stemcell_uploads",
    "configs",
    "variable_values",
    "variable_uses",
    "dns_blobs",
    "dns_numbers",
    "errand_runs",
    "blobs",
    "problems",
    "locks",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.slow)


def files_below(folder: Path) -> dict[str, int]:
    """Relative paths and sizes of all files, what a call log or a lock is left out."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in paths
        if path.name not in {"calls.jsonl", "lock", ".lock"} and path.parent.name not in {"faults", "held"}
    }


def picture(director: Director) -> dict[str, Any]:
    """Everything that bad input must leave as it is."""
    with director.store() as store:
        seen: dict[str, Any] = {name: list(getattr(store, name).list()) for name in TABLES}
    here = places.places(director.config)
    folders = {
        "blobs": places.blobs(director.config),
        "cloud": director.cloud,
        "work": here.work,
        "uploads": here.uploads,
    }
    seen |= {f"files in {name}": files_below(folder) for name, folder in folders.items()}
    return seen


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {before[name]} → {after[name]}" for name in before if before[name] != after[name]]


@dataclass
class Site:
    """What a test holds."""

    director: Director
    fleet: HeldFleet

    @contextmanager
    def unchanged(self, *, but: Sequence[str] = ()) -> Iterator[None]:
        before = picture(self.director)
        yield
        after = picture(self.director)
        changed = [line for line in differences(before, after) if line.partition(":")[0] not in but]
        assert not changed, "\n".join(changed)

    def error_of(self, task_id: int, state: str = "error") -> tuple[int, str]:
        """Code and message of a task's one error."""
        task = self.director.finished(task_id)
        assert task["state"] == state, self.director.output(task_id)
        errors = [error for error in self.director.errors(task_id) if error.get("code")]
        assert len(errors) == 1, errors
        return errors[0]["code"], errors[0]["message"]

    def refused(self, text: str) -> tuple[int, str]:
        """Deploy something bad; the error, after looking that nothing has changed."""
        with self.unchanged():
            return self.error_of(self.director.deploy(text))

    def succeeds(self, task_id: int) -> None:
        task = self.director.finished(task_id)
        assert task["state"] == "done", self.director.output(task_id) + self.director.output(task_id, "debug")[-3000:]

    def upload(self, path: str, file: Path) -> None:
        self.succeeds(self.director.upload(path, file))


def group(
    job: str = "server", *, name: str = "web", more: str = "", network: str = "{name: default}", count: int = 1
) -> str:
    return f"""\
- name: {name}
  instances: {count}
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{network}]
  jobs: [{{name: {job}, release: web{more}}}]
"""


def manifest(groups: str, *, name: str = "bad", stemcell: str = '"1.1"', more: str = "") -> str:
    return f"""\
name: {name}
releases: [{{name: web, version: latest}}]
stemcells: [{{alias: default, os: debian-12, version: {stemcell}}}]
update: {{canaries: 1, max_in_flight: 4, canary_watch_time: 0-2000, update_watch_time: 0-2000}}
{more}instance_groups:
{groups}"""


@contextmanager
def running_site(folder: Path, **values: Any) -> Iterator[Site]:
    agents = Agents(folder, folder / "cloud", folder / "state" / "blobs")
    bus = agents.start()
    blobstore = BlobstoreConfig(address="127.0.0.1", port=free_port())
    settings: dict[str, Any] = {
        "nats": bus.nats,
        "long_lived": True,
        "blobstore": blobstore,
        "agent_wait_timeout_s": 4.0,
        "agent_answer_timeout_s": 4.0,
        "workers": 2,
    }
    director = make_director(folder, **(settings | values))
    try:
        director.start()
        yield Site(director, agents.fleet)
    finally:
        director.end()
        agents.stop()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder) as site:
        site.upload("/stemcells", archives.stemcell(folder))
        site.upload("/releases", archives.release(folder, "web", jobs=JOBS, packages={"server": []}))
        assert site.director.configure("cloud", CLOUD_CONFIG).status_code in {200, 201}
        site.succeeds(site.director.deploy(manifest(group(), name="good")))
        yield site


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
