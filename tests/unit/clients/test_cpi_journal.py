from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bosh.clients.cpi import CpiPool
from bosh.clients.cpi_journal import Journal, Process
from bosh.clients.cpi_process import NO_ANSWER
from bosh.director.config import CpiConfig
from bosh.wire.errors import CloudError

ONE_SHOT = """#!/bin/sh
read -r request
case "$request" in
*'"method":"info"'*) echo '{"result":{"api_version":2},"error":null,"log":""}' ;;
*) echo "at work" >&2; echo '{"result":"disk-1","error":null,"log":""}' ;;
esac
"""

SERVING = """#!/usr/bin/python3
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "create_vm":
        sys.exit(1)
    if request["method"] == "delete_disk":
        print("Segmentation fault", flush=True)
        continue
    result = {"api_version": 2} if request["method"] == "info" else [os.getpid(), request["context"].get("answer_file")]
    print(json.dumps({"result": result, "error": None, "log": "", "request_id": request["context"]["request_id"]}), flush=True)
"""


class Log:
    def __init__(self) -> None:
        self.stderr = ""

    def debug(self, message: str) -> None:
        """Not looked at."""

    def cpi(self, text: str) -> None:
        self.stderr += text


def pool(folder: Path, text: str, *, long_lived: bool = False) -> tuple[CpiPool, Journal, Log]:
    program = folder / "cpi"
    program.write_text(text)
    program.chmod(0o755)
    journal, log = Journal(folder / "calls"), Log()
    return CpiPool(CpiConfig(str(program), [], long_lived), director_uuid="d", log=log, journal=journal), journal, log


def dead(folder: Path) -> None:
    """As if the worker that wrote all entries had died."""
    for path in (folder / "calls").glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "worker": {"pid": 0, "started": 0}}))


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    me = Process.of(os.getpid())
    assert me.alive
    assert not Process(me.pid, me.started + 1).alive
    with pytest.raises(OSError, match="No such file"):
        Process.of(0)


async def test_the_answer_outlives_a_worker_and_is_forgotten_with_the_task(tmp_path: Path) -> None:
    clouds, journal, log = pool(tmp_path, ONE_SHOT)
    assert await clouds.named("").call("create_disk", 1024, {"secret": "s3cret"}, "vm-1") == "disk-1"
    assert log.stderr == "at work\n"
    assert list(Journal(tmp_path / "calls").lost()) == [], "its worker lives"
    dead(tmp_path)
    (entry,) = Journal(tmp_path / "calls").lost()
    assert (entry.method, entry.key, json.loads(entry.answer)["result"]) == ("create_disk", "vm-1", "disk-1")
    assert not entry.program.alive
    assert "s3cret" not in entry.path.read_text()
    journal.task_ended()
    assert list((tmp_path / "calls").iterdir()) == []


async def test_calls_that_make_nothing_leave_nothing(tmp_path: Path) -> None:
    clouds, _journal, _log = pool(tmp_path, ONE_SHOT)
    await clouds.named("").call("delete_disk", "disk-1")
    assert not (tmp_path / "calls").exists()


async def test_a_call_that_nobody_waits_for_any_more_is_lost(tmp_path: Path) -> None:
    clouds, journal, _log = pool(tmp_path, SERVING, long_lived=True)
    with pytest.raises(CloudError, match="cannot create_vm") as caught:
        await clouds.named("").call("create_vm", "agent-1", "stemcell")
    assert caught.value.kind == NO_ANSWER
    journal.task_ended()
    (entry,) = journal.lost()
    assert (entry.method, entry.key, entry.answer) == ("create_vm", "agent-1", b"")
    await clouds.close()


async def test_a_serving_program_that_prints_garbage_is_replaced(tmp_path: Path) -> None:
    clouds, _journal, _log = pool(tmp_path, SERVING, long_lived=True)
    first, _ = await clouds.named("").call("has_vm", "vm-1")
    with pytest.raises(CloudError, match=r"Segmentation fault|Invalid CPI response"):
        await clouds.named("").call("delete_disk", "disk-1")
    second, _ = await clouds.named("").call("has_vm", "vm-1")
    assert first != second
    _pid, answer_file = await clouds.named("").call("create_stemcell", "image", {})
    assert Path(answer_file).parent == tmp_path / "calls"
    await clouds.close()


def test_what_belongs_to_no_entry_is_swept_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("1-a.answer", "1-b.json", "1-b.answer", "1-c.draft"):
        (tmp_path / name).write_text("{}")
    journal.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-b.answer", "1-b.json"]
    Journal(tmp_path / "missing").sweep()
