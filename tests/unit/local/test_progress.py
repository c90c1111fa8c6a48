"""What ``bosh up`` says meanwhile: whole lines, each with the time since the start."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from bosh.local.progress import Progress, TaskLines


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def said(stream: io.StringIO) -> list[str]:
    assert stream.getvalue().endswith("\n")
    return stream.getvalue().splitlines()


def test_a_step_frames_what_is_said_within_and_tells_its_duration():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream=stream, monotonic_s=clock)
    with progress.step("Stemcell"):
        clock.now_s += 2.5
        progress.say("packing")
    assert said(stream) == ["[   0.0 s] Stemcell", "[   2.5 s]   packing", "[   2.5 s] Stemcell: done in 2.5 s"]


def test_a_short_step_is_one_line():
    stream = io.StringIO()
    with Progress(stream=stream, monotonic_s=Clock()).step("Configs"):
        pass
    assert said(stream) == ["[   0.0 s] Configs"]


def test_a_failed_step_is_not_said_to_be_done():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream=stream, monotonic_s=clock)

    def fail() -> None:
        with progress.step("Releases"):
            clock.now_s += 5
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    progress.say("after")
    assert said(stream) == ["[   0.0 s] Releases", "[   5.0 s] after"]


def event(stage: str, task: str, state: str, time: int, **more: Any) -> str:
    return json.dumps({"time": time, "stage": stage, "tags": [], "task": task, "state": state, **more}) + "\n"


def fed(*pieces: str) -> tuple[list[str], TaskLines]:
    lines: list[str] = []
    reader = TaskLines(lines.append)
    for piece in pieces:
        reader.feed(piece)
    return lines, reader


def test_steps_of_a_task_become_lines_even_when_cut_anywhere():
    text = event("Updating instance", "nats/1 (0)", "started", 10, tags=["nats"])
    text += event("Updating instance", "nats/1 (0)", "in_progress", 11, tags=["nats"], data={"status": "draining"})
    text += event("Updating instance", "nats/1 (0)", "finished", 14, tags=["nats"])
    title = "Updating instance nats: nats/1 (0)"
    lines, reader = fed(text[:25], text[25:200], text[200:])
    assert lines == [title, f"{title}: done in 4 s"]
    assert reader.changed


def test_looking_is_no_change():
    text = event("Preparing deployment", "Preparing deployment", "started", 1)
    text += event("Preparing package compilation", "Finding packages to compile", "started", 1)
    lines, reader = fed(text)
    assert lines == ["Preparing deployment", "Preparing package compilation: Finding packages to compile"]
    assert not reader.changed


def test_what_went_wrong_is_told():
    text = event("Creating missing vms", "nats/1 (0)", "failed", 1, data={"error": "no disk"})
    text += json.dumps({"time": 1, "error": {"code": 100, "message": "no disk is left"}}) + "\n"
    text += json.dumps({"time": 1, "type": "deprecation", "message": "old"}) + "\n"
    lines, _ = fed(text)
    assert lines == [
        "Creating missing vms: nats/1 (0): failed: no disk",
        "Error: no disk is left",
        "Deprecation: old",
    ]
