"""The Go ``bosh`` CLI works against our director as against its own."""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bosh.testing.environment import Ended, LocalEnvironment


class GoCli:
    """The Go CLI, logged in to an environment under an alias of its own."""

    def __init__(self, program: Path, environment: LocalEnvironment) -> None:
        self.program, self.environment = program, environment

    def run(self, *words: str) -> Ended:
        return self.environment.run("-e", "go", *words, program=self.program)

    def must(self, *words: str) -> str:
        ended = self.run(*words)
        assert ended.code == 0, ended.text[-6000:]
        return ended.out

    def rows(self, *words: str) -> list[dict[str, str]]:
        return self.environment.rows("-e", "go", *words, program=self.program)


@pytest.fixture(scope="module")
def go(go_bosh: Path, environment: LocalEnvironment) -> GoCli:
    config = yaml.safe_load((environment.home / ".bosh/config").read_text())
    (known,) = [item for item in config["environments"] if item["alias"] == environment.alias]
    cli = GoCli(go_bosh, environment)
    ca, address = environment.home / "ca.pem", known["url"]
    ca.write_text(known["ca_cert"])
    # Under another spelling of its address, so that the two command lines keep their entries apart in one file.
    other = address.replace("127.0.0.1", "localhost")
    environment.must("-e", other, "--ca-cert", str(ca), "alias-env", "go", program=go_bosh)
    environment.must("-e", "go", "--client", "admin", "--client-secret", known["password"], "log-in", program=go_bosh)
    return cli


def test_log_in_is_remembered(go):
    assert go.rows("env")[0]["user"] == "admin"


def test_configs(go, tmp_path):
    path = tmp_path / "config.yml"
    path.write_text("a: 1\n")
    go.must("update-config", "--type", "any", "--name", "go", str(path))
    (row,) = [row for row in go.rows("configs") if row["type"] == "any"]
    assert row["name"] == "go"
    assert "a: 1" in go.must("config", row["id"].rstrip("*"))
    path.write_text("a: 2\n")
    go.must("update-config", "--type", "any", "--name", "go", str(path))
    numbers = [row["id"].rstrip("*") for row in go.rows("configs", "--type=any", "-r=5")]
    assert "+ a: 2" in go.must("diff-config", "--from-id", numbers[1], "--to-id", numbers[0])
    go.must("delete-config", "--type", "any", "--name", "go")
    assert "azs:" in go.must("cloud-config")


def test_what_is_uploaded_is_listed(go):
    (stemcell,) = go.rows("stemcells")
    assert (stemcell["os"], stemcell["version"]) == ("debian-bookworm", "1.0*")
    names = {row["name"] for row in go.rows("releases")}
    assert {"nats", "os-conf"} <= names
    version = next(row["version"].rstrip("*") for row in go.rows("releases") if row["name"] == "nats")
    assert any(row["job"].startswith("nats/") for row in go.rows("inspect-release", f"nats/{version}"))


def test_vms_and_instances(go):
    rows = go.rows("-d", "nats", "vms", "--vitals")
    assert len(rows) == 3
    assert all(row["process_state"] == "running" and row["active"] == "true" for row in rows)
    assert all("%" in row["memory_usage"] for row in rows)
    assert [row["process"] for row in go.rows("-d", "nats", "instances", "--ps") if row["process"] != "-"].count(
        "nats"
    ) == 3
    assert go.rows("-d", "nats", "instances", "--details")


def test_a_deploy_without_changes(go, environment, tmp_path):
    manifest = tmp_path / "nats.yml"
    manifest.write_text(go.must("-d", "nats", "manifest"))
    out = go.must("-d", "nats", "deploy", "--tty", str(manifest))
    assert "Succeeded" in out
    assert "Updating instance" not in out


def test_a_changed_property_is_shown_and_rolled_out_by_canary(go, tmp_path):
    manifest = tmp_path / "nats.yml"
    manifest.write_text(go.must("-d", "nats", "manifest"))
    ops = tmp_path / "ops.yml"
    ops.write_text(
        "- type: replace\n  path: /instance_groups/name=nats/jobs/name=nats/properties/nats/debug?\n  value: true\n"
    )
    out = go.must("-d", "nats", "deploy", "--tty", "--no-color", "-o", str(ops), "--no-redact", str(manifest))
    assert re.search(r"\+ +debug: true", out)
    assert "(canary)" in out
    go.must("-d", "nats", "deploy", str(manifest))


def test_ssh(go):
    (row,) = go.rows("-d", "nats", "ssh", "nats/0", "-r", "-c", "sudo id -u")
    assert (row["stdout"].strip(), row["exit_code"]) == ("0", "0")


def test_logs(go, tmp_path):
    go.must("-d", "nats", "logs", "--dir", str(tmp_path))
    (bundle,) = tmp_path.glob("nats-*.tgz")
    with tarfile.open(bundle) as archive:
        assert len([name for name in archive.getnames() if name.endswith(".tgz")]) == 3


def test_life_cycle(go):
    for words in (
        ("restart", "nats/0"),
        ("stop", "nats/1"),
        ("start", "nats/1"),
        ("recreate", "nats/2"),
        ("stop", "--hard", "nats/1"),
        ("start", "nats/1"),
    ):
        go.must("-d", "nats", *words)
    assert {row["process_state"] for row in go.rows("-d", "nats", "vms")} == {"running"}


def test_errand(go):
    assert {"name": "smoke-tests"} in go.rows("-d", "nats", "errands")
    (row,) = go.rows("-d", "nats", "run-errand", "smoke-tests")
    assert row["exit_code"] == "0"


def test_cloud_check_finds_nothing(go):
    assert go.rows("-d", "nats", "cloud-check", "--report") == []


def test_tasks_events_locks(go):
    done = [row for row in go.rows("tasks", "-r=20") if row["state"] == "done"]
    assert go.must("task", done[0]["id"], "--event")
    assert go.must("task", done[0]["id"], "--debug")
    assert go.rows("events")
    assert go.rows("locks") == []


def test_variables(go):
    names = {row["name"] for row in go.rows("-d", "nats", "variables")}
    assert "/bosh-local/nats/nats_password" in names


def test_clean_up(go):
    go.must("clean-up")
    assert go.rows("stemcells")


@pytest.fixture(scope="module")
def uploaded(go: GoCli, bat_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("bat")
    shutil.copytree(bat_release, folder / "bat-release", symlinks=True)
    tarball = folder / "bat.tgz"
    # Its final builds lie in a blobstore on the Internet; our command line makes what it cannot fetch from the sources.
    source = str(folder / "bat-release")
    go.environment.must("create-release", "--force", "--name", "bat", "--dir", source, "--tarball", str(tarball))
    go.must("upload-release", str(tarball))
    yield
    go.must("-d", "bat", "delete-deployment", "--force")
    go.must("clean-up", "--all")


class TestPublicRelease:
    """A release with ERB templates, pre-start and drain scripts: made, uploaded, compiled and deployed unmodified."""

    def manifest(self, tmp_path: Path, **batlight: object) -> str:
        body = {
            "name": "bat",
            "releases": [{"name": "bat", "version": "latest"}],
            "stemcells": [{"alias": "default", "os": "debian-bookworm", "version": "latest"}],
            "update": {
                "canaries": 1,
                "max_in_flight": 1,
                "canary_watch_time": "1000-60000",
                "update_watch_time": "1000-60000",
            },
            "instance_groups": [
                {
                    "name": "batlight",
                    "instances": 2,
                    "azs": ["z1"],
                    "vm_type": "minimal",
                    "stemcell": "default",
                    "persistent_disk": 100,
                    "networks": [{"name": "default"}],
                    "jobs": [
                        {"name": "batlight", "release": "bat", "properties": {"batlight": batlight}},
                        {"name": "batarang", "release": "bat"},
                    ],
                }
            ],
        }
        path = tmp_path / "bat.yml"
        path.write_text(yaml.safe_dump(body))
        return str(path)

    def test_it_runs_and_drains(self, go, uploaded, tmp_path):
        go.must("-d", "bat", "deploy", self.manifest(tmp_path, missing="nope"))
        states = [row["process_state"] for row in go.rows("-d", "bat", "instances", "--ps")]
        assert states == ["running"] * 6

        go.must("-d", "bat", "deploy", self.manifest(tmp_path, missing="other", drain_type="dynamic"))
        go.must("-d", "bat", "deploy", self.manifest(tmp_path, missing="nope", drain_type="dynamic"))
        (row,) = go.rows("-d", "bat", "ssh", "batlight/0", "-r", "-c", "cat /tmp/drain")
        times = [int(line) for line in row["stdout"].split()]
        assert times[1] - times[0] >= 3
        assert times[2] - times[1] >= 4

    def test_a_property_that_is_missing_is_told_before_anything_changes(self, go, uploaded, tmp_path):
        ended = go.run("-d", "bat", "deploy", self.manifest(tmp_path))
        assert ended.code == 1
        assert "Can't find property '[\"batlight.missing\"]'" in ended.text
        assert "properties" in ended.text

    def test_a_job_that_does_not_start_is_named(self, go, uploaded, tmp_path):
        manifest = Path(self.manifest(tmp_path, missing="nope", fail="control"))
        body = yaml.safe_load(manifest.read_text())
        body["update"] |= {"canary_watch_time": "1000-5000", "update_watch_time": "1000-5000"}
        manifest.write_text(yaml.safe_dump(body))
        ended = go.run("-d", "bat", "deploy", str(manifest))
        assert ended.code == 1
        assert re.search(r"is not running after update. Review logs for failed jobs: batlight", ended.text)
        go.must("-d", "bat", "deploy", self.manifest(tmp_path, missing="nope"))
