"""Event lines as a person follows them."""

from __future__ import annotations

import io

from bosh.cli.output.tasks import TaskReporter
from bosh.cli.output.ui import PeopleUi
from bosh.wire import task_output


def shown(*lines: str, state: str = "done") -> str:
    out = io.StringIO()
    reporter = TaskReporter(PeopleUi(out=out, err=out, color=False, interactive=False, columns=()))
    reporter.start(7)
    for line in lines:
        reporter.feed(line[: len(line) // 2])
        reporter.feed(line[len(line) // 2 :])
    reporter.finished(state)
    return out.getvalue()


def line(state: str, *, at: int, task: str = "web/1 (0)", **rest) -> str:
    return task_output.step(time=at, stage="Updating instance", tags=["web"], task=task, state=state, **rest)


def test_a_task_without_output_is_one_line():
    assert shown() == "Task 7. Done\n"


def test_a_step_that_ends_at_once_keeps_its_line():
    text = shown(line("started", at=3600), line("finished", at=3605))
    assert "\nTask 7 | 01:00:00 | Updating instance web: web/1 (0) (00:00:05)\n" in text
    assert "Task 7 Started  Thu Jan  1 01:00:00 UTC 1970" in text
    assert text.endswith("Task 7 Duration 00:00:05\nTask 7 done\n")


def test_a_step_interrupted_by_another_is_named_again_with_its_duration():
    text = shown(line("started", at=0), line("started", at=1, task="web/2 (1)"), line("finished", at=9))
    assert text.count("web/1 (0)") == 2
    assert "web/1 (0) (00:00:09)" in text


def test_what_a_step_is_doing_is_shown_below_it():
    text = shown(line("started", at=0), line("in_progress", at=1, status="executing pre-stop"))
    assert "Task 7 | 00:00:01 | L executing pre-stop: web/1 (0)" in text


def test_a_failure_says_why():
    text = shown(
        line("started", at=0),
        line("failed", at=2, error="is not running"),
        task_output.failure(time=3, code=400007, message="no"),
        state="error",
    )
    assert "L Error: is not running" in text
    assert "Error: no" in text
    assert text.endswith("Task 7 error\n")


def test_warnings_stand_on_lines_of_their_own():
    assert "Task 7 | 00:00:01 | Warning: careful" in shown(
        task_output.notice(time=1, kind="warning", message="careful")
    )
