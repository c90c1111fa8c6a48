"""The original CLI drives our director. Give its path in ``BOSH_GO_CLI``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.director import archives
from tests.integration.director.conftest import Director, until

pytestmark = [pytest.mark.integration, pytest.mark.compat, pytest.mark.slow]

CLI = os.environ.get("BOSH_GO_CLI", "")

Bosh = Callable[..., dict[str, Any]]


@pytest.fixture
def run(director: Director, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    if not CLI:
        pytest.skip("set BOSH_GO_CLI to the path of the original bosh CLI")
    (tmp_path / "ca.pem").write_text(director.config.tls.ca)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "BOSH_NON_INTERACTIVE": "true"}
    place = ["-e", director.url, "--ca-cert", str(tmp_path / "ca.pem")]

    def call(*arguments: str, user: str = "admin", at: list[str] = place) -> subprocess.CompletedProcess[str]:
        who = ["--client", user, "--client-secret", user] if user else []
        return subprocess.run(
            [CLI, *at, *who, *arguments],
            check=False,
            env=environment,
            text=True,
            capture_output=True,
            timeout=60,
            cwd=tmp_path,
        )

    return call


@pytest.fixture
def bosh(run: Callable[..., subprocess.CompletedProcess[str]]) -> Bosh:
    """Runs a command that must succeed; its JSON output."""

    def call(*arguments: str, **options: Any) -> dict[str, Any]:
        done = run("--json", *arguments, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return answer

    return call


def rows(answer: dict[str, Any]) -> list[dict[str, str]]:
    return [row for table in answer["Tables"] or [] for row in table["Rows"]]


# As the CLI writes it: it reads and dumps a config before it sends it.
CLOUD = "azs:\n- name: z1\nvm_types:\n- cloud_properties:\n    cpu: %d\n  name: default\n"


def test_environment_alias_and_login(bosh: Bosh, run: Any, director: Director, tmp_path: Path) -> None:
    (environment,) = rows(bosh("env"))
    assert environment["name"] == "test"
    assert environment["user"] == "admin"
    bosh("alias-env", "mine", user="")
    login = run("log-in", at=["-e", "mine"])
    assert login.returncode == 0, login.stdout + login.stderr
    tasks = run("tasks", user="", at=["-e", "mine"])
    assert tasks.returncode == 0, tasks.stdout + tasks.stderr
    bosh("log-out", user="", at=["-e", "mine"])
    assert run("tasks", user="", at=["-e", "mine"]).returncode == 1
    refused = run("tasks", user="nobody")
    assert "Not authorized: '/tasks'" in refused.stdout + refused.stderr


def test_configs(bosh: Bosh, run: Any, tmp_path: Path) -> None:
    for cpu in (1, 2, 2):
        (tmp_path / "cloud.yml").write_text(CLOUD % cpu)
        bosh("update-cloud-config", "cloud.yml")
    assert [(row["id"], row["type"], row["name"]) for row in rows(bosh("configs", "-r=5"))] == [
        ("2*", "cloud", "default"),
        ("1", "cloud", "default"),
    ]
    assert rows(bosh("config", "2"))[0]["content"] == CLOUD % 2
    assert bosh("cloud-config")["Blocks"] == [CLOUD % 2]
    (difference,) = rows(bosh("diff-config", "--from-id", "1", "--to-id", "2"))
    assert "-     cpu: 1\n+     cpu: 2" in difference["diff"]
    (tmp_path / "runtime.yml").write_text("tags: {a: b}\n")
    bosh("update-runtime-config", "runtime.yml", "--name", "x")
    bosh("update-config", "--type", "mine", "--name", "y", "runtime.yml")
    bosh("delete-config", "--type", "mine", "--name", "y")
    refused = run("update-config", "--type", "mine", "--name", "y", "--expected-latest-id", "77", "runtime.yml")
    assert refused.returncode == 1
    assert "doesn't match the latest ID '0'" in refused.stdout + refused.stderr
    assert run("update-cloud-config", "cloud.yml", user="reader").returncode == 1
    actions = [(row["action"], row["object_type"], row["object_name"]) for row in rows(bosh("events"))]
    assert ("update", "cloud-config", "default") in actions


def test_releases(bosh: Bosh, tmp_path: Path) -> None:
    archive = archives.release(tmp_path, version="1+dev.1")
    bosh("upload-release", str(archive))
    bosh("upload-release", str(archive))
    bosh("upload-release", "--rebase", str(archive))
    bosh("upload-release", "--fix", str(archive))
    bosh("upload-release", archives.release(tmp_path, "other", "2").as_uri())
    assert [(row["name"], row["version"]) for row in rows(bosh("releases"))] == [
        ("other", "2"),
        ("sample", "1+dev.2"),
        ("sample", "1+dev.1"),
    ]
    inspected = rows(bosh("inspect-release", "sample/1+dev.1"))
    assert any(row.get("job", "").startswith("hello/") for row in inspected)
    bosh("delete-release", "sample/1+dev.1")
    bosh("delete-release", "sample")
    assert [row["name"] for row in rows(bosh("releases"))] == ["other"]


def test_stemcells_and_clean_up(bosh: Bosh, run: Any, tmp_path: Path) -> None:
    archive = archives.stemcell(tmp_path)
    bosh("upload-stemcell", str(archive))
    again = run("--tty", "upload-stemcell", str(archive))
    assert "already exists" in again.stdout + again.stderr
    bosh("upload-stemcell", "--fix", str(archive))
    (stemcell,) = rows(bosh("stemcells"))
    assert (stemcell["name"], stemcell["version"], stemcell["os"]) == ("bosh-fake", "1.2", "ubuntu-noble")
    bosh("clean-up")
    assert len(rows(bosh("stemcells"))) == 1
    bosh("clean-up", "--all", "--dry-run")
    bosh("clean-up", "--all")
    assert rows(bosh("stemcells")) == []
    bosh("upload-stemcell", str(archive))
    bosh("delete-stemcell", "bosh-fake/1.2")
    assert rows(bosh("stemcells")) == []


def test_tasks_locks_and_cancelling(bosh: Bosh, run: Any, director: Director, tmp_path: Path) -> None:
    director.fault("create_stemcell", delay_s=60)
    task_id = director.upload("/stemcells", archives.stemcell(tmp_path))
    until(lambda: "Uploading stemcell" in director.output(task_id))
    (task,) = rows(bosh("tasks"))
    assert (task["id"], task["state"], task["description"]) == (str(task_id), "processing", "create stemcell")
    (lock,) = rows(bosh("locks"))
    assert (lock["type"], lock["resource"], lock["task_id"]) == ("stemcells", "bosh-fake:1.2", str(task_id))
    bosh("cancel-task", str(task_id))
    followed = run("task", str(task_id))
    assert followed.returncode == 1
    assert f"Task {task_id} cancelled" in followed.stdout + followed.stderr
    for kind in ("--event", "--result", "--debug", "--cpi"):
        shown = run("task", str(task_id), kind)
        assert "panic" not in shown.stdout + shown.stderr
    assert "[external-cpi]" in run("task", str(task_id), "--debug").stdout
    bosh("cancel-tasks", "--state=queued")
    assert [row["state"] for row in rows(bosh("tasks", "--recent"))] == ["cancelled"]


def test_lists_that_are_empty(bosh: Bosh) -> None:
    for command in (
        "deployments",
        "disks --orphaned",
        "orphaned-vms",
        "networks --orphaned",
        "locks",
        "tasks",
        "vms",
        "instances",
    ):
        assert rows(bosh(*command.split())) == []
    bosh("update-resurrection", "off")
    bosh("env", "--details")


def test_curl(bosh: Bosh, run: Any) -> None:
    shown = run("curl", "-i", "/cloud_configs")
    assert "limit is required" in shown.stdout + shown.stderr
    unknown = run("curl", "/nowhere")
    assert "Endpoint '/nowhere' not found." in unknown.stdout + unknown.stderr
    assert '"uuid"' in run("curl", "/info").stdout
