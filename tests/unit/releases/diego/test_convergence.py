"""Every rule of convergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from diego.convergence import (
    DesiredLRP,
    Reason,
    Snapshot,
    Step,
    Tag,
    Task,
    TaskLimits,
    TaskReason,
    TaskState,
    Update,
    converge,
    converge_tasks,
    keys_to_auction,
)
from diego.lrp_states import (
    CLAIMED,
    CRASHED,
    NOBODY,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    Change,
    InstanceKey,
    Key,
    Outcome,
    Presence,
    Runtime,
)

SECOND = 1_000_000_000
NOW = 10_000 * SECOND
KEY = Key("p", 0, "cf-apps")
ME = InstanceKey("ig-1", "cell-1")
OTHER = InstanceKey("ig-2", "cell-2")
ONE = DesiredLRP("p", "cf-apps", 1)
FRESH = {"cf-apps": NOW + 1}


def row(
    state: str = RUNNING,
    instance: InstanceKey = ME,
    presence: Presence = Presence.ORDINARY,
    *,
    index: int = 0,
    since: int = NOW,
) -> ActualLRP:
    down = state in {UNCLAIMED, CRASHED}
    return ActualLRP(replace(KEY, index=index), state, since, NOBODY if down else instance, presence, epoch="e", tag=3)


def steps(
    actual: Sequence[ActualLRP],
    *,
    desired: Sequence[DesiredLRP] = (ONE,),
    cells: Sequence[str] = ("cell-1",),
    domains: dict[str, int] = FRESH,
) -> list[Step]:
    return list(converge(Snapshot(desired, actual, cells, domains, NOW), lambda: "new")[0])


def only(found: Sequence[Step]) -> Step:
    [step] = found
    return step


WAITING = ActualLRP(KEY, UNCLAIMED, NOW, epoch="new")


class TestWanted:
    @pytest.mark.parametrize("state", [RUNNING, CLAIMED])
    def test_what_is_as_wanted_is_left_alone(self, state: str) -> None:
        assert steps([row(state)]) == []

    def test_what_is_missing_is_made_and_auctioned(self) -> None:
        found = steps([row()], desired=[replace(ONE, instances=3)])
        assert [(step.key.index, step.reason, step.outcome.auction) for step in found] == [
            (1, Reason.MISSING, True),
            (2, Reason.MISSING, True),
        ]
        assert found[0].outcome.changes == (Change(None, replace(WAITING, key=replace(KEY, index=1))),)
        assert [key.index for key in keys_to_auction(found)] == [1, 2]

    def test_missing_is_seen_even_where_as_many_are_extra(self) -> None:
        found = steps([row(index=5)])
        assert [(step.key.index, step.reason) for step in found] == [(0, Reason.MISSING), (5, Reason.EXTRA)]

    def test_missing_instances_of_a_stale_domain_are_made_too(self) -> None:
        assert only(steps([], domains={})).reason == Reason.MISSING

    @pytest.mark.parametrize(("age", "again"), [(30 * SECOND, False), (30 * SECOND + 1, True)])
    def test_what_waits_for_thirty_seconds_is_auctioned_again(self, age: int, again: bool) -> None:
        found = steps([row(UNCLAIMED, since=NOW - age)])
        assert found == ([Step(KEY, Reason.STALE, Outcome(auction=True))] if again else [])

    @pytest.mark.parametrize(
        ("count", "age", "restarts"),
        [(1, 0, True), (3, 29, False), (3, 30, True), (8, 959, False), (8, 960, True), (200, 9000, False)],
    )
    def test_the_crashed_restart_when_their_time_has_come(self, count: int, age: int, restarts: bool) -> None:
        crashed = replace(row(CRASHED, since=NOW - age * SECOND), crash_count=count)
        found = steps([crashed])
        if not restarts:
            assert found == []
            return
        again = replace(crashed, state=UNCLAIMED, since=NOW, tag=4)
        assert found == [Step(KEY, Reason.CRASHED, Outcome((Change(crashed, again),), auction=True))]


class TestCells:
    @pytest.mark.parametrize("state", [RUNNING, CLAIMED])
    @pytest.mark.parametrize("cells", [(), ("cell-2",)])
    def test_an_instance_on_a_missing_cell_is_suspect_and_replaced(self, state: str, cells: tuple[str, ...]) -> None:
        lost = row(state)
        changes = (Change(lost, replace(lost, presence=Presence.SUSPECT)), Change(None, WAITING))
        assert steps([lost], cells=cells) == [Step(KEY, Reason.MISSING_CELL, Outcome(changes, auction=True))]

    @pytest.mark.parametrize("state", [UNCLAIMED, CRASHED])
    def test_what_is_nowhere_has_no_cell_to_miss(self, state: str) -> None:
        assert steps([replace(row(state), crash_count=3)], cells=()) == []

    def test_a_replacement_whose_cell_is_gone_too_waits_again(self) -> None:
        lost = row(RUNNING, OTHER)
        suspect = row(CLAIMED, presence=Presence.SUSPECT)
        step = only(steps([suspect, lost], cells=()))
        assert (step.reason, step.outcome.auction) == (Reason.MISSING_CELL_AGAIN, True)
        assert step.outcome.changes == (
            Change(lost, replace(lost, state=UNCLAIMED, instance=NOBODY, since=NOW, tag=4)),
        )

    def test_while_suspect_nothing_more_is_made(self) -> None:
        assert steps([row(presence=Presence.SUSPECT), row(CLAIMED, OTHER)], cells=["cell-2"]) == []

    def test_a_replacement_that_went_missing_is_made_again(self) -> None:
        assert only(steps([row(presence=Presence.SUSPECT)], cells=())).reason == Reason.MISSING

    @pytest.mark.parametrize("replacement", [UNCLAIMED, CLAIMED, CRASHED])
    def test_a_suspect_whose_cell_is_back_is_kept(self, replacement: str) -> None:
        suspect, other = row(presence=Presence.SUSPECT), row(replacement, OTHER)
        kept = replace(suspect, presence=Presence.ORDINARY)
        assert steps([suspect, other], cells=["cell-1", "cell-2"]) == [
            Step(KEY, Reason.RETURNED_CELL, Outcome((Change(other, None), Change(suspect, kept))))
        ]

    def test_a_suspect_without_a_replacement_is_kept_too(self) -> None:
        suspect = row(presence=Presence.SUSPECT)
        assert only(steps([suspect])).outcome.changes == (
            Change(suspect, replace(suspect, presence=Presence.ORDINARY)),
        )

    @pytest.mark.parametrize("cells", [("cell-1", "cell-2"), ("cell-2",)])
    @pytest.mark.parametrize("state", [RUNNING, CLAIMED])
    def test_a_suspect_goes_once_its_replacement_runs(self, state: str, cells: tuple[str, ...]) -> None:
        suspect = row(state, presence=Presence.SUSPECT)
        assert steps([suspect, row(RUNNING, OTHER)], cells=cells) == [
            Step(KEY, Reason.REPLACED_SUSPECT, Outcome((Change(suspect, None),)))
        ]

    def test_an_evacuating_copy_goes_with_its_cell(self) -> None:
        copy = row(presence=Presence.EVACUATING)
        stranded = Step(KEY, Reason.STRANDED_EVACUATING, Outcome((Change(copy, None),)))
        assert steps([copy, row(CLAIMED, OTHER)], cells=["cell-2"]) == [stranded]
        assert steps([copy, row(CLAIMED, OTHER)], cells=["cell-1", "cell-2"]) == []
        assert stranded in steps([copy], cells=())


class TestUnwanted:
    @pytest.mark.parametrize("state", [RUNNING, CLAIMED])
    def test_its_cell_stops_it(self, state: str) -> None:
        assert steps([row(state)], desired=()) == [Step(KEY, Reason.ORPHANED, Outcome(stop=ME))]
        assert only(steps([row(state)], desired=[replace(ONE, instances=0)])).reason == Reason.EXTRA

    @pytest.mark.parametrize("state", [RUNNING, CLAIMED, UNCLAIMED, CRASHED])
    def test_without_a_cell_it_just_goes(self, state: str) -> None:
        assert only(steps([row(state)], desired=(), cells=())).outcome == Outcome((Change(row(state), None),))

    def test_a_suspect_goes_as_well(self) -> None:
        suspect = row(presence=Presence.SUSPECT)
        gone = [Step(KEY, Reason.ORPHANED_SUSPECT, Outcome((Change(suspect, None),)))]
        assert steps([suspect], desired=(), cells=()) == gone
        assert steps([suspect], desired=[replace(ONE, instances=0)], cells=()) == gone

    @pytest.mark.parametrize("domains", [{}, {"cf-apps": NOW}, {"other": NOW + 1}])
    @pytest.mark.parametrize("desired", [(), (replace(ONE, instances=0),)])
    def test_nothing_of_a_stale_domain_is_taken_down(
        self, domains: dict[str, int], desired: tuple[DesiredLRP, ...]
    ) -> None:
        rows = [row(), row(presence=Presence.SUSPECT)]
        assert steps(rows, desired=desired, domains=domains) == []

    @pytest.mark.parametrize("state", [UNCLAIMED, CRASHED])
    def test_nor_is_what_is_extra_in_it_started(self, state: str) -> None:
        assert steps([row(state, since=0)], desired=[replace(ONE, instances=0)], domains={}) == []

    def test_lapsed_domains_are_forgotten(self) -> None:
        snapshot = Snapshot((), (), (), {"b": NOW, "a": 1, "c": NOW + 1}, NOW)
        assert converge(snapshot, lambda: "") == ((), ("a", "b"))


class TestDrift:
    def test_changed_routes_are_told(self) -> None:
        wanted = replace(ONE, internal_routes=("b", "a"))
        same = replace(row(), runtime=Runtime(internal_routes=("a", "b")))
        assert steps([same], desired=[wanted]) == []
        assert steps([row()], desired=[wanted]) == [
            Step(KEY, Reason.ROUTES, update=Update(ME, internal_routes=("b", "a")))
        ]
        assert only(steps([same])).update == Update(ME, internal_routes=())

    def test_changed_tags_are_told_with_their_values(self) -> None:
        wanted = replace(ONE, metric_tags={"app": Tag("a"), "index": Tag(dynamic=1), "instance": Tag(dynamic=2)})
        told = {"app": "a", "index": "0", "instance": "ig-1"}
        assert steps([row()], desired=[wanted]) == [Step(KEY, Reason.TAGS, update=Update(ME, metric_tags=told))]
        assert steps([replace(row(), runtime=Runtime(metric_tags=told))], desired=[wanted]) == []

    def test_only_running_ordinary_instances_are_told(self) -> None:
        wanted = replace(ONE, internal_routes=("a",))
        assert steps([row(CLAIMED)], desired=[wanted]) == []
        assert steps([row(presence=Presence.SUSPECT), row(CLAIMED, OTHER)], desired=[wanted], cells=["cell-2"]) == []


def task(state: TaskState, *, created: int = 0, updated: int = 0, completed: int = 0, cell: str = "") -> Task:
    """Make a task that was created, updated and completed so many seconds ago."""
    return Task(
        "t",
        "d",
        state,
        created_at=NOW - created * SECOND,
        updated_at=NOW - updated * SECOND,
        first_completed_at=NOW - completed * SECOND,
        cell_id=cell,
    )


class TestTasks:
    @pytest.mark.parametrize(
        ("one", "reason"),
        [
            (task(TaskState.PENDING), TaskReason.PENDING),
            (task(TaskState.PENDING, created=1800), TaskReason.PENDING),
            (task(TaskState.PENDING, created=1801), TaskReason.EXPIRED),
            (task(TaskState.RUNNING, cell="cell-1", created=9000, updated=9000), None),
            (task(TaskState.RUNNING, cell="cell-2"), TaskReason.MISSING_CELL),
            (task(TaskState.COMPLETED, updated=30, completed=30), None),
            (task(TaskState.COMPLETED, updated=31, completed=31), TaskReason.UNHEARD),
            (task(TaskState.COMPLETED, updated=31, completed=120), TaskReason.UNHEARD),
            (task(TaskState.COMPLETED, updated=1, completed=121), TaskReason.FORGOTTEN),
            (task(TaskState.RESOLVING, updated=30, completed=500), None),
            (task(TaskState.RESOLVING, updated=31, completed=31), TaskReason.UNRESOLVED),
            (task(TaskState.RESOLVING, updated=31, completed=121), TaskReason.FORGOTTEN),
        ],
    )
    def test_the_rules(self, one: Task, reason: TaskReason | None) -> None:
        assert [step.reason for step in converge_tasks([one], ["cell-1"], NOW)] == ([reason] if reason else [])

    def test_what_waits_is_auctioned(self) -> None:
        one = task(TaskState.PENDING)
        [step] = converge_tasks([one], [], NOW)
        assert (step.after, step.auction, step.complete) == (one, True, False)

    @pytest.mark.parametrize(
        ("one", "reason"),
        [
            (task(TaskState.PENDING, created=1801), "not started within time limit"),
            (task(TaskState.RUNNING, cell="cell-2"), "cell disappeared before completion"),
        ],
    )
    def test_failures_are_told_in_the_original_s_words(self, one: Task, reason: str) -> None:
        [step] = converge_tasks([one], [], NOW)
        assert step.after is not None
        assert (step.after.state, step.after.failed, step.after.failure_reason) == (TaskState.COMPLETED, True, reason)
        assert (step.after.updated_at, step.after.first_completed_at) == (NOW, NOW)

    def test_unresolved_tasks_are_completed_again(self) -> None:
        [step] = converge_tasks([task(TaskState.RESOLVING, updated=31, completed=31)], [], NOW)
        assert step.after is not None
        assert (step.after.state, step.complete) == (TaskState.COMPLETED, True)

    def test_limits_can_be_set(self) -> None:
        limits = TaskLimits(expire_pending=5 * SECOND)
        [step] = converge_tasks([task(TaskState.PENDING, created=6)], [], NOW, limits)
        assert step.reason == TaskReason.EXPIRED

    def test_the_order_is_steady(self) -> None:
        many = [replace(task(TaskState.PENDING), guid=name) for name in "cab"]
        assert [step.before.guid for step in converge_tasks(many, [], NOW)] == ["a", "b", "c"]
