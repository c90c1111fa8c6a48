"""``bosh up`` ended at any moment, politely or not: the next one goes on, and ``bosh down`` finds everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.local import workshop
from bosh.testing.environment import LocalEnvironment

ROOT = Path("/var/lib/bosh-interrupted")
MOMENTS = [
    ("Director", signal.SIGINT),
    ("stage: 20-boot", signal.SIGKILL),
    ("stage: 60-monit", signal.SIGINT),
    ("packing the stemcell", signal.SIGKILL),
    ("Uploading stemcell", signal.SIGKILL),
    ("to the cloud", signal.SIGINT),
    ("Uploading release nats", signal.SIGKILL),
    ("Compiling packages", signal.SIGINT),
    ("Creating missing vms", signal.SIGKILL),
    ("Updating instance", signal.SIGINT),
]
MOMENT_WITHIN_S = 120.0


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> None:
    """Here the tests look themselves."""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEnvironment]:
    """An environment with a cache that has the root filesystem, if anybody made it before, and nothing else."""
    if os.geteuid() != 0:
        pytest.skip("container VMs need root")
    if shutil.which("runc") is None:
        pytest.skip("container VMs need runc: run .ci/setup")
    cache = Path("/var/tmp/bosh-interrupted-cache")
    _fill(cache)
    monkeypatch.setenv("BOSH_CACHE", str(cache))
    environment = LocalEnvironment(ROOT, "10.249.0.0/16", 41555, "interrupted", tmp_path)
    environment.run("down")
    try:
        yield environment
    finally:
        environment.run("down")
        shutil.rmtree(cache)


def _fill(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "stemcells").mkdir(parents=True)
    for root in (workshop.CACHE / "stemcells").glob("root-*"):
        copy = ["cp", "-a", str(root), str(cache / "stemcells")]
        # Nobody writes into it, so that links do; they cannot lead to another disk.
        if subprocess.run([*copy, "--link"], check=False, capture_output=True).returncode:
            subprocess.run(copy, check=True)


def ended_at(environment: LocalEnvironment, moment: str, number: signal.Signals) -> tuple[int, str]:
    """Run ``up`` and end its process group when it says so; exit code and everything it said."""
    with environment.start("up") as process:
        assert process.stdout is not None
        late = threading.Timer(MOMENT_WITHIN_S, process.kill)
        late.start()
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if moment in line:
                    os.killpg(process.pid, number)
                    break
            said.append(process.stdout.read())
        finally:
            late.cancel()
        code = process.wait(30)
    text = "".join(said)
    assert moment in text, f"it never came to '{moment}':\n{text}"
    return code, text


def running(environment: LocalEnvironment) -> list[str]:
    return [row["process_state"] for row in environment.rows("-d", "nats", "vms")]


def test_up_goes_on_where_it_was_ended_and_down_leaves_nothing(own: LocalEnvironment) -> None:
    for moment, number in MOMENTS:
        code, text = ended_at(own, moment, number)
        assert "Traceback" not in text, text
        if number == signal.SIGINT:
            assert code == 1, text
            assert text.count("Running it again goes on where it stopped") == 1, text
        else:
            assert code == -signal.SIGKILL, text
    finished = own.run("up", timeout_s=180)
    assert finished.code == 0, finished.text
    assert running(own) == ["running"] * 3
    assert own.rows("locks") == []
    again = own.run("up", timeout_s=60)
    assert (again.code, "Everything is up to date" in again.text) == (0, True), again.text
    down = own.run("down")
    assert down.code == 0, down.text
    assert own.leftovers() == []


def test_down_takes_apart_what_is_half_there(own: LocalEnvironment) -> None:
    """Nobody supervises, records are cut short or lost, VMs are dead or alive."""
    ended_at(own, "Updating instance", signal.SIGKILL)
    supervisor = int((ROOT / "supervisor.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    first, second, third = own.vms()
    os.kill(first["pid"], signal.SIGKILL)
    record = ROOT / "cpi/vms" / second["cid"] / "vm.json"
    record.write_bytes(record.read_bytes()[:100])
    (ROOT / "cpi/vms" / third["cid"] / "vm.json").unlink()
    (ROOT / "cpi/network.json").unlink()
    (ROOT / "config/cpi.json").write_text("{")
    (ROOT / "identity.json").write_text("{")
    for disk in (ROOT / "cpi/disks").glob("*.json"):
        disk.unlink()
    down = own.run("down")
    assert down.code == 0, down.text
    assert own.leftovers() == []
    assert own.run("down").code == 0
