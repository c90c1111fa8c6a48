"""Our ``bosh`` and the Go one say the same, byte for byte, about the same director: to a person, to a pipe, and as JSON.

The director runs on the fake cloud with simulated agents. What may differ is listed in ``DIFFERENT``, with its reason.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bosh.director.config import BlobstoreConfig
from bosh.testing import archives
from bosh.testing.archives import Job
from bosh.testing.daemon import Agents, Director, make_director
from bosh.testing.fake_bus import free_port, nats_server_program

OURS = Path(sys.executable).with_name("bosh")
MODES = {"person": ("--tty", "--no-color"), "pipe": (), "json": ("--json",)}

CLOUD_CONFIG = """\
azs:
- name: z1
- name: z2
compilation:
  az: z1
  network: default
  reuse_compilation_vms: true
  vm_type: small
  workers: 2
disk_types:
- disk_size: 1024
  name: small
networks:
- name: default
  subnets:
  - azs:
    - z1
    - z2
    gateway: 10.244.0.1
    range: 10.244.0.0/24
  type: manual
vm_types:
- cloud_properties:
    memory_mb: %d
  name: small
"""
MANIFEST = """\
name: dep
releases: [{name: web, version: "%s"}]
stemcells: [{alias: default, os: debian-12, version: "1.1"}]
update: {canaries: 1, max_in_flight: 4, canary_watch_time: 0-2000, update_watch_time: 0-2000, serial: true}
variables: [{name: pw, type: password}]
instance_groups:
- name: db
  instances: %d
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  persistent_disk_type: small
  jobs: [{name: server, release: web}]
- name: api
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: server, release: web, properties: {pw: ((pw))}}]
- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: server, release: web}]
"""

# Commands that only look, or are refused.
LOOKING = """
env
env --details
envs
tasks
tasks -a
tasks --recent
tasks -r
tasks -r=3
tasks -r3
tasks --recent=2 -a
-d dep tasks -r
--column=id tasks -r=4
--column=id --column=State tasks -r=4
task 4
task 4 --event
task 4 --debug=1
task 6
task 999
task
cancel-task
cancel-task 999
cancel-tasks -t=foo
locks
configs
configs -r=5
configs --type=cloud --recent=3
configs --type=nope
config
config 1
config 999
config --type=cloud
config --type=cloud --name=default
config 1 --type=cloud
cloud-config
cloud-config --name=zz
cpi-config
runtime-config
runtime-config --name=x
runtime-config --name=zz
diff-config --from-id=1 --to-id=2
diff-config --from-id=1
diff-config --from-id=1 --to-id=99
delete-config
delete-config 999
update-config --type=foo --name=bar cloud.yml --expected-latest-id=1
deployments
deployment
-d dep deployment
-d nope deployment
manifest
-d dep manifest
-d nope manifest
events
events --task=4
events --object-type=deployment
events --before-id=20
events --before=garbage
events --after=2020-01-01T00:00:00Z --object-type=release
events --after='2020-01-01 00:00:00 UTC' --object-type=release
events --before='2020-01-01 00:00:00'
-d dep events --instance=nope/1
events --instance
-d dep events --action=create
event 3
event 99999
stemcells
releases
inspect-release web
inspect-release web/77
inspect-release nope/1
errands
-d dep errands
-d nope errands
disks
disks --orphaned
disks -o
networks
networks --orphaned
snapshots
-d dep snapshots
-d dep snapshots db/0
-d dep snapshots db
-d nope vms
orphaned-vms
variables
-d dep variables
-d nope variables
-d dep ignore api
-d dep ignore api/nope
-d dep start foo/bar/baz
-d dep start api --no-converge
-d dep start api/0 --no-converge --canaries=1
-d dep recreate api/0 --vms-created-before=yesterday
-d dep run-errand smoke --instance=a/b/c
logs nope/nope/nope
-d dep logs nope
-d dep logs /0
delete-stemcell foo
delete-stemcell foo/1
delete-release
delete-release foo
delete-release foo/1
delete-release foo/1/2
-d dep attach-disk db nope
-d dep export-release web debian-12/1.1
-d dep export-release web/1 debian-12
-d dep export-release web/1 debian-12/1.1 --job=nope
upload-release /nonexistent.tgz
upload-release web-1.tgz --name=web --version=1
upload-stemcell /nonexistent
upload-stemcell stemcell-1.1.tgz
inspect-local-release web-1.tgz
inspect-local-stemcell stemcell-1.1.tgz
inspect-local-stemcell nope
clean-up --dry-run
curl /info
curl /nowhere
curl -X POST /tasks
curl -X PATCH /tasks
curl -X DELETE -H 'a: b' /tasks
int dep.yml
int dep.yml -v pw=1 --var-errs
int dep.yml --path /name
int dep.yml --path /instance_groups/name=api/jobs
int /nonexist
int
deploy
-d dep deploy
-d dep deploy -v
-d dep deploy dep.yml -o
-d dep deploy dep.yml -o -l
-d dep deploy /nonexistent.yml
-d dep deploy dep.yml --dry-run --skip-drain=a/b/c
-d dep deploy dep.yml --recreate-vms-created-before=then
deplo
tasks --nope
tasks -x
alias-env
unalias-env nope
BOSH_CLIENT_SECRET=wrong tasks
BOSH_CLIENT= tasks
BOSH_ENVIRONMENT= tasks
BOSH_DEPLOYMENT=dep manifest
BOSH_CLIENT=reader BOSH_CLIENT_SECRET=reader configs
BOSH_CLIENT=reader BOSH_CLIENT_SECRET=reader cancel-task 4
deploy dep.yml -d dep -v foo
-d dep deploy dep.yml -o /nonexistent
-d dep deploy dep.yml -l /nonexistent
int dep.yml --var-file x=/nonexistent
curl /tasks -H foo
BOSH_CA_CERT=/nonexistent tasks
""".strip().splitlines()

# Commands that begin tasks or write files, changing nothing, or the same again.
ACTING = """
delete-config --type=foo --name=bar
update-config cloud.yml
-d nope delete-deployment
instances
-d dep instances
-d dep instances --ps
-d dep instances -i
-d dep instances --details --vitals --ps
-d dep instances --failing
-d nope instances
-d dep --column='Process State' instances
vms
-d dep vms
-d dep vms --vitals --cloud-properties
update-resurrection on
update-resurrection maybe
-d dep ignore api/0
-d dep unignore api/0
-d dep start nope
-d dep stop api/7
-d dep restart api/0
-d dep cloud-check --report
-d dep cck
-d nope cck --auto
-d dep run-errand smoke
-d dep run-errand nope
delete-disk nope
orphan-disk nope
delete-network nope
delete-vm nope
-d dep delete-vm nope
-d dep attach-disk db/0 nope
-d dep delete-snapshot nope
-d dep take-snapshot
clean-up
deploy dep.yml
-d other deploy dep.yml
-d dep deploy dep.yml
log-in
log-out
BOSH_CLIENT_SECRET=wrong log-in
""".strip().splitlines()

DIFFERENT = {
    "inspect-release web/1": "the Go command line counts no packages in the footer of its table",
    "task abc": "Go's words for what is not a number",
}


def without_time(text: str) -> str:
    """What may differ between two runs: times, durations, numbers of tasks."""
    text = re.sub(r"\b\d\d:\d\d:\d\d\b", "HH:MM:SS", text)
    text = re.sub(r"[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ \d]\d HH:MM:SS UTC \d{4}", "DATE", text)
    text = re.sub(r"\d+d \d+h \d+m \d+s", "UPTIME", text)
    # The Go command line names the types of its own source; ours has none to name.
    text = re.sub(r"(invalid argument for flag `[^']*') \(expected [^)]*\)", r"\1", text)
    # As wide as the number of the task.
    text = re.sub(r" {15,}L Error", " L Error", text)
    return re.sub(r"([Tt]ask '?)\d+", r"\1N", text)


@dataclass(frozen=True)
class Said:
    code: int
    out: Any
    err: str


@dataclass(frozen=True)
class Both:
    """Two command lines and one director. ``folder`` is the home and working directory of both."""

    go: Path
    director: Director
    folder: Path

    def run(self, program: Path, line: str, mode: str) -> Said:
        words, variables = shlex.split(line), self._variables()
        while words and re.match(r"^BOSH_\w+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        done = subprocess.run(
            [str(program), *MODES[mode], *words],
            env={name: value for name, value in variables.items() if value},
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        out = without_time(done.stdout)
        return Said(done.returncode, _parsed(out) if mode == "json" else out, without_time(done.stderr))

    def _variables(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "BOSH_ENVIRONMENT": self.director.url,
            "BOSH_CA_CERT": str(self.folder / "ca.pem"),
            "BOSH_CLIENT": "admin",
            "BOSH_CLIENT_SECRET": "admin",
            "BOSH_NON_INTERACTIVE": "true",
        }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _web(folder: Path, version: str) -> Path:
    spec = {
        "packages": ["server", "runtime"],
        "properties": {"port": {"default": 80}, "pw": {"default": ""}},
        "provides": [{"name": "web", "type": "http", "properties": ["port"]}],
    }
    server = Job("server", {"config/config.json": '{"port": <%= p("port") %>}\n'}, spec)
    packages: dict[str, list[str]] = {"runtime": [], "server": ["runtime"]}
    return archives.release(folder, "web", version, jobs=[server], packages=packages)


def _fill(director: Director) -> None:
    """One stemcell, two releases, three configs, a deployment that was made and then made smaller, and a deploy that failed."""
    folder = director.folder

    def finished(task_id: int, state: str = "done") -> None:
        task = director.finished(task_id)
        assert task["state"] == state, director.output(task_id) + director.output(task_id, "debug")[-3000:]

    finished(director.upload("/stemcells", archives.stemcell(folder)))
    for version in ("1", "2"):
        finished(director.upload("/releases", _web(folder, version)))
    for kind, content, name in (
        ("cloud", CLOUD_CONFIG % 256, "default"),
        ("cloud", CLOUD_CONFIG % 512, "default"),
        ("runtime", "tags: {a: b}\n", "x"),
    ):
        assert director.configure(kind, content, name).status_code == 201
    finished(director.deploy(MANIFEST % ("1", 2)))
    finished(director.deploy(MANIFEST % ("1", 1)))
    finished(director.deploy(MANIFEST % ("9", 1)), "error")
    (folder / "ca.pem").write_text(director.config.tls.ca)
    (folder / "dep.yml").write_text(MANIFEST % ("1", 1))
    (folder / "cloud.yml").write_text(CLOUD_CONFIG % 512)


@pytest.fixture(scope="module")
def both(go_bosh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    folder = tmp_path_factory.mktemp("side-by-side")
    agents = Agents(folder, folder / "cloud", folder / "state" / "blobs")
    director = make_director(
        folder,
        long_lived=True,
        nats=agents.start().nats,
        blobstore=BlobstoreConfig(address="127.0.0.1", port=free_port()),
        agent_wait_timeout_s=10.0,
    )
    try:
        director.start()
        _fill(director)
        yield Both(go_bosh, director, folder)
    finally:
        director.end()
        agents.stop()


@pytest.mark.parametrize("line", LOOKING)
def test_both_see_the_same(both: Both, line: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        ours = [pool.submit(both.run, OURS, line, mode) for mode in MODES]
        theirs = [pool.submit(both.run, both.go, line, mode) for mode in MODES]
    assert [one.result() for one in ours] == [one.result() for one in theirs]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("line", ACTING)
def test_both_do_the_same(both: Both, line: str, mode: str) -> None:
    assert both.run(OURS, line, mode) == both.run(both.go, line, mode)


@pytest.mark.parametrize("line", DIFFERENT)
def test_a_known_difference_is_only_in_words(both: Both, line: str) -> None:
    ours, theirs = both.run(OURS, line, "person"), both.run(both.go, line, "person")
    assert ours.code == theirs.code
    assert ours != theirs, f"no longer different ({DIFFERENT[line]})"
