"""The program as a director starts it: a process, an empty environment, JSON through pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fake_cpi.faults import order_fault

from bosh.wire import cpi as wire


def run(tmp_path: Path, stdin: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"dir": str(tmp_path / "cloud")}))
    command = [sys.executable, "-m", "fake_cpi.main", "--config", str(config), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env={"PATH": "/usr/bin:/bin"}, timeout=30, check=False
    )


def test_one_shot(tmp_path: Path) -> None:
    done = run(tmp_path, b'{"method":"info","arguments":[],"context":{}}')
    assert wire.decode_response(done.stdout).result["api_version"] == 2


def test_serve_answers_each_line_with_its_request_id(tmp_path: Path) -> None:
    requests = [wire.Request("has_vm", (f"vm-{n}",), {"request_id": f"cpi-{n}"}) for n in range(20)]
    done = run(tmp_path, b"".join(map(wire.encode_request, requests)), "--serve", "--threads", "4")
    answers = [wire.decode_response(line) for line in done.stdout.splitlines()]
    assert sorted(answer.request_id for answer in answers) == sorted(f"cpi-{n}" for n in range(20))
    assert {answer.result for answer in answers} == {False}


def test_death_leaves_no_answer(tmp_path: Path) -> None:
    order_fault(tmp_path / "cloud", "info", die=True)
    done = run(tmp_path, b'{"method":"info","arguments":[],"context":{}}')
    assert (done.stdout, done.returncode) == (b"", 1)


def test_a_wrong_argument_is_explained(tmp_path: Path) -> None:
    done = run(tmp_path, b"", "--frobnicate")
    assert done.returncode == 2
    assert b"--frobnicate" in done.stderr
