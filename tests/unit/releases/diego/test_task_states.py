"""What may become of a task, request by request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from diego.errors import BBSError
from diego.task_states import (
    Task,
    TaskOutcome,
    TaskState,
    cancel,
    complete,
    delete,
    expired,
    fail,
    reject,
    resolving,
    start,
)

NOW = 1000
PENDING = Task("t", "d", TaskState.PENDING, created_at=1, updated_at=1)
RUNNING = replace(PENDING, state=TaskState.RUNNING, cell_id="cell-1")
COMPLETED = replace(PENDING, state=TaskState.COMPLETED, first_completed_at=2)
RESOLVING = replace(COMPLETED, state=TaskState.RESOLVING)
ALL = (PENDING, RUNNING, COMPLETED, RESOLVING)
FAILED = replace(
    PENDING, state=TaskState.COMPLETED, updated_at=NOW, first_completed_at=NOW, failed=True, failure_reason="why"
)


def ends(task: Task, cell: str = "cell-1") -> TaskOutcome:
    return complete(task, cell, NOW, failed=False, failure_reason="", result="yes")


@pytest.mark.parametrize(
    ("request_", "allowed", "to"),
    [
        (lambda task: start(task, "cell-2", NOW), [PENDING], "Running"),
        (ends, [RUNNING], "Completed"),
        (lambda task: fail(task, "why", NOW), [PENDING, RUNNING], "Completed"),
        (lambda task: cancel(task, NOW), [PENDING, RUNNING], "Completed"),
        (lambda task: resolving(task, NOW), [COMPLETED], "Resolving"),
        (delete, [RESOLVING], "Resolving"),
    ],
)
def test_the_transitions(request_: Callable[[Task], TaskOutcome], allowed: list[Task], to: str) -> None:
    for task in ALL:
        if task in allowed:
            assert request_(task).changed
            continue
        with pytest.raises(BBSError) as caught:
            request_(task)
        assert (caught.value.code, str(caught.value)) == (
            9,
            f"Cannot transition from {task.state.name.capitalize()} to {to}",
        )


def test_a_cell_begins_once() -> None:
    begun = start(PENDING, "cell-1", NOW)
    assert begun.after == replace(RUNNING, updated_at=NOW)
    assert not start(RUNNING, "cell-1", NOW).changed


def test_an_end_is_told_and_its_cell_forgotten() -> None:
    assert ends(RUNNING) == TaskOutcome(
        RUNNING, replace(FAILED, failed=False, failure_reason="", result="yes"), callback=True
    )


def test_only_its_own_cell_may_end_it() -> None:
    with pytest.raises(BBSError, match="Running on cell cell-1 not cell-2") as caught:
        ends(RUNNING, "cell-2")
    assert caught.value.code == 24


@pytest.mark.parametrize("task", [PENDING, RUNNING])
def test_a_failure_is_told(task: Task) -> None:
    assert fail(task, "why", NOW) == TaskOutcome(task, FAILED, callback=True)


def test_cancelling_stops_it_where_it_runs() -> None:
    outcome = cancel(RUNNING, NOW)
    assert outcome.after == replace(FAILED, failure_reason="task was cancelled")
    assert (outcome.callback, outcome.cancel_on, cancel(PENDING, NOW).cancel_on) == (True, "cell-1", "")


@pytest.mark.parametrize("task", [PENDING, RUNNING])
def test_a_rejected_one_waits_for_another_cell(task: Task) -> None:
    outcome = reject(task, "full", NOW)
    assert outcome.after == replace(
        task, state=TaskState.PENDING, updated_at=NOW, rejection_count=1, rejection_reason="full"
    )
    assert not outcome.callback


def test_the_fourth_rejection_is_a_failure() -> None:
    assert reject(replace(PENDING, rejection_count=2), "full", NOW).callback is False
    outcome = reject(replace(PENDING, rejection_count=3), "full", NOW)
    assert outcome.after == replace(FAILED, failure_reason="full", rejection_count=4, rejection_reason="full")
    assert outcome.callback


@pytest.mark.parametrize("task", [COMPLETED, RESOLVING])
def test_what_has_ended_cannot_be_rejected(task: Task) -> None:
    with pytest.raises(BBSError) as caught:
        reject(task, "full", NOW)
    assert caught.value.code == 4


def test_what_was_taken_care_of_goes() -> None:
    assert resolving(COMPLETED, NOW).after == replace(RESOLVING, updated_at=NOW)
    assert delete(RESOLVING) == TaskOutcome(RESOLVING, None)


def test_long_reasons_are_cut() -> None:
    after = fail(PENDING, "x" * 5000, NOW).after
    assert after is not None
    assert after.failure_reason.endswith("x(truncated)")
    assert len(after.failure_reason) == 1024


def test_what_convergence_fails_keeps_its_cell() -> None:
    assert expired(RUNNING, "why", NOW) == replace(FAILED, cell_id="cell-1")
