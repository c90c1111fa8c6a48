"""What a person waits for: our command line beside the original (``BOSH_GO_CLI``), one after the other in one run."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .conftest import Report
from .simulation import Simulation, manifest

_BOSH = str(Path(sys.executable).with_name("bosh"))
_TIMES = 9
_COLUMNS = ("", "wall ms", "CPU ms", "original wall", "CPU", "wall ratio", "CPU ratio")


def _once(command: Sequence[str], variables: dict[str, str], folder: Path) -> tuple[float, float, bytes]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, check=True)
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def _compared(words: Sequence[str], theirs: str, variables: dict[str, str], folder: Path) -> tuple[object, ...]:
    """Medians of both, taken in turns so that other load falls on both."""
    ours_taken, theirs_taken = [], []
    for _ in range(_TIMES):
        ours_taken.append(_once([_BOSH, *words], variables, folder))
        if theirs:
            theirs_taken.append(_once([theirs, *words], variables, folder))
    mine = [_median(taken[at] for taken in ours_taken) for at in (0, 1)]
    if not theirs:
        return (*mine, "", "", "", "")
    other = [_median(taken[at] for taken in theirs_taken) for at in (0, 1)]
    return (*mine, *other, mine[0] / other[0], mine[1] / other[1])


def _median(seconds: object) -> float:
    ordered = sorted(seconds)  # type: ignore[call-overload]
    return float(1000 * ordered[len(ordered) // 2])


def test_commands_with_a_director(simulation: Simulation, report: Report, go_cli: str) -> None:
    simulation.deploy(manifest(500))
    variables = simulation.person
    asked = (["--version"], ["--help"], ["tasks"], ["vms"], ["instances", "--ps"], ["-d", "dep", "manifest"])
    rows = [(" ".join(words), *_compared(words, go_cli, variables, simulation.folder)) for words in asked]
    report.table("Commands, 500 instances", _COLUMNS, rows)


def test_interpolation(tmp_path: Path, report: Report, go_cli: str) -> None:
    big, ops = _large_manifest(tmp_path)
    words = ["int", str(big), *(word for path in ops for word in ("-o", str(path)))]
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    if go_cli:
        assert _once([_BOSH, *words], variables, tmp_path)[2] == _once([go_cli, *words], variables, tmp_path)[2]
    row = (
        f"int, {big.stat().st_size // 1024} KiB, {len(ops)} ops files",
        *_compared(words, go_cli, variables, tmp_path),
    )
    report.table("Interpolation", _COLUMNS, [row])


def test_creating_a_release(tmp_path: Path, report: Report, go_cli: str) -> None:
    rows = []
    for title, program in (("ours", _BOSH), ("original", go_cli)):
        if not program:
            continue
        folder = _release_folder(tmp_path / title)
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        words = [program, "create-release", "--force", "--name", "big", "--tarball", str(tmp_path / f"{title}.tgz")]
        rows.append((title, *(1000 * each for each in _once(words, variables, folder)[:2])))
    if not go_cli:
        rows.append(("original: set BOSH_GO_CLI", "", ""))
    report.table("create-release, 40 jobs and 40 packages of 256 KiB", ("", "wall ms", "CPU ms"), rows)


def _large_manifest(folder: Path) -> tuple[Path, list[Path]]:
    """As large as a manifest of Cloud Foundry, with as many jobs, variables and comments."""
    lines = ["---", "name: large", "releases:"]
    for number in range(40):
        lines += [f"- name: release-{number}", f"  version: {number}.1.0", f"  sha1: {number:040x}"]
    lines += ["instance_groups:"]
    for group in range(20):
        lines += [
            f"- name: group-{group}",
            "  azs: [z1, z2]",
            f"  instances: {group % 4}",
            "  vm_type: small",
            "  jobs:",
        ]
        for job in range(8):
            lines += [
                f"  - name: job-{job}",
                f"    release: release-{job}",
                "    properties:",
                f"      port: {8000 + job}",
            ]
            lines += [f"      key_{each}: ((job_{job}_key_{each}.certificate))" for each in range(8)]
            lines += [
                "      # What the job listens on",
                "      tls:",
                "        enabled: true",
                '        ciphers: "A:B:C"',
            ]
    lines += ["variables:"]
    for number in range(300):
        lines += [f"- name: variable_{number}", "  type: certificate", "  options:", f"    common_name: name-{number}"]
    manifest_path = folder / "large.yml"
    manifest_path.write_text("\n".join(lines) + "\n")
    return manifest_path, [_ops_file(folder, number) for number in range(20)]


def _ops_file(folder: Path, number: int) -> Path:
    group = f"/instance_groups/name=group-{number}"
    path = folder / f"ops-{number}.yml"
    path.write_text(
        f"- type: replace\n  path: {group}/instances\n  value: {number}\n"
        f"- type: replace\n  path: {group}/jobs/name=job-1/properties/extra?\n  value: {{a: 1, b: [x, y]}}\n"
        f"- type: remove\n  path: {group}/jobs/name=job-7\n"
        f"- type: replace\n  path: /variables/-\n  value:\n    name: added_{number}\n    type: password\n"
    )
    return path


def _release_folder(folder: Path) -> Path:
    for each in ("config", "jobs", "packages", "src"):
        (folder / each).mkdir(parents=True)
    (folder / "config/final.yml").write_text("name: big\n")
    (folder / "config/blobs.yml").write_text("{}\n")
    for at in range(40):
        job, package, source = (folder / kind / f"{kind}-{at}" for kind in ("jobs", "packages", "src"))
        for made in (job, package, source):
            made.mkdir()
        (job / "spec").write_text(
            f"name: {job.name}\ntemplates: {{a.erb: bin/a}}\npackages: [{package.name}]\nproperties: {{}}\n"
        )
        (job / "monit").write_text("")
        (job / "templates").mkdir()
        (job / "templates/a.erb").write_text("<%= spec.id %>\n")
        (package / "spec").write_text(f"name: {package.name}\nfiles: ['{source.name}/**/*']\n")
        (package / "packaging").write_text("true\n")
        (source / "data").write_bytes(bytes((at + byte * byte) % 251 for byte in range(1024)) * 256)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder
