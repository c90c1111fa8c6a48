"""From nothing to running VMs on this machine, and where the time goes; needs root and runc."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bosh.testing.environment import PROJECT, LocalEnvironment

from .conftest import Report
from .processes import family

_ROOT = Path("/var/lib/bosh-bench")
_VMS = 12
_TRIES = 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEnvironment]:
    """An environment not yet brought up, which is gone afterwards."""
    if os.geteuid() != 0 or shutil.which("runc") is None:
        pytest.skip("container VMs need root and runc")
    made = LocalEnvironment(_ROOT, "10.248.0.0/16", 55555, "bench", tmp_path_factory.mktemp("home"))
    made.must("down")
    try:
        yield made
    finally:
        made.must("down")
        assert made.leftovers() == []


def test_from_nothing_to_running_vms(place: LocalEnvironment, tmp_path: Path, report: Report) -> None:
    began = time.monotonic()
    shown = place.run("up", timeout_s=280).text
    assert "done in" in shown
    rows = [(step, float(took)) for step, took in re.findall(r"\] ([A-Z][^:\n]*): done in ([0-9.]+) s", shown)]
    rows.append(("up, caches warm after the first time", time.monotonic() - began))
    rows += [("up again, nothing to do", _took(place, "up"))]
    path = _twelve(tmp_path)
    for number in range(_TRIES):
        rows.append((f"{_VMS} VMs, try {number + 1}: deploy", _took(place, "-d", "twelve", "deploy", str(path))))
        rows.append(("  their agents answer after", _boot_s(place)))
        assert len(place.rows("-d", "twelve", "vms")) == _VMS
        if not number:
            report.table("Agents in VMs, MiB", ("", "PSS", "resident"), _agents())
        rows.append(("  delete", _took(place, "-d", "twelve", "delete-deployment")))
    rows.append(("down", _took(place, "down")))
    report.table("Container VMs, wall s", ("", "s"), rows)


def _took(place: LocalEnvironment, *words: str) -> float:
    began = time.monotonic()
    place.must(*words)
    return time.monotonic() - began


def _twelve(folder: Path) -> Path:
    text = (PROJECT / "manifests/examples/empty-vm.yml").read_text()
    path = folder / "twelve.yml"
    path.write_text(text.replace("name: empty-vm", "name: twelve").replace("instances: 1", f"instances: {_VMS}"))
    return path


def _boot_s(place: LocalEnvironment) -> float:
    """From the first call for a VM to the first word to the last agent that answered, in the newest task with VMs."""
    for folder in sorted((place.root / "director/tasks").iterdir(), key=lambda path: int(path.name), reverse=True):
        lines = (folder / "debug").read_text().splitlines()
        ordered = [_seconds(line) for line in lines if '"method":"create_vm"' in line]
        greeted = [_seconds(line) for line in lines if "SENT" in line and '"method":"update_settings"' in line]
        if ordered:
            # Each agent is greeted once when its VM is new, and once more when it is updated.
            return sorted(greeted)[len(ordered) - 1] - ordered[0]
    return 0.0


def _seconds(line: str) -> float:
    """Of a line of the debug log: ``D, [2030-01-01T00:00:00.000000 #1] …``."""
    return datetime.fromisoformat(line[4:30]).timestamp()


def _agents() -> list[tuple[str, float, float]]:
    running = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    found = [pid for pid in running if "agent.pyz" in _words(pid)]
    sizes = [(usage.pss_mib, _resident_mib(pid)) for pid in found for usage in family(pid)[:1]]
    return [(f"largest of {len(sizes)}", max(pss for pss, _ in sizes), max(resident for _, resident in sizes))]


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
