"""What may become of an instance, request by request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from diego.lrp_states import (
    CLAIMED,
    CRASHED,
    NOBODY,
    NOTHING,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    Change,
    InstanceKey,
    Key,
    LRPError,
    NetInfo,
    Outcome,
    Presence,
    Runtime,
    Wanted,
    claim,
    crash,
    evacuate_claimed,
    evacuate_crashed,
    evacuate_running,
    evacuate_stopped,
    fail,
    remove,
    remove_evacuating,
    retire,
    should_restart,
    start,
)
from diego.lrp_states.crashes import backoff
from diego.lrp_states.rows import allows, promoted, suspected, unclaimed_again
from diego.texts import shortened

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOW = 1000 * MINUTE
KEY = Key("p", 0, "cf-apps")
ME = InstanceKey("ig-1", "cell-1")
OTHER = InstanceKey("ig-2", "cell-2")
HERE = Runtime(NetInfo("10.0.0.1"), ("a.apps.internal",), {"app": "a"}, routable=True, availability_zone="z1")
NOT_FOUND, NOT_CLAIMED, NOT_STARTED, NOT_CRASHED, NOT_FAILED, NOT_UNCLAIMED = 13, 15, 16, 17, 18, 21
WANTED = Wanted(instances=1, running=1)


def row(
    state: str = RUNNING, instance: InstanceKey = ME, presence: Presence = Presence.ORDINARY, since: int = 5
) -> ActualLRP:
    down = state in {UNCLAIMED, CRASHED}
    runtime = HERE if state == RUNNING else replace(HERE, net_info=NetInfo())
    return ActualLRP(KEY, state, since, NOBODY if down else instance, presence, runtime, epoch="e", tag=3)


def suspect(state: str = RUNNING) -> ActualLRP:
    return row(state, presence=Presence.SUSPECT)


def evacuating(instance: InstanceKey = ME) -> ActualLRP:
    return row(instance=instance, presence=Presence.EVACUATING)


def after(outcome: Outcome) -> ActualLRP:
    [change] = outcome.changes
    assert change.after is not None
    return change.after


def code(call: Callable[[], object]) -> int:
    with pytest.raises(LRPError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize(
    ("state", "instance", "allowed"),
    [
        (UNCLAIMED, NOBODY, {UNCLAIMED, CLAIMED, RUNNING}),
        (UNCLAIMED, ME, {UNCLAIMED, CLAIMED, RUNNING}),
        (CLAIMED, NOBODY, {UNCLAIMED, RUNNING}),
        (CLAIMED, ME, {CLAIMED, RUNNING, CRASHED}),
        (CLAIMED, OTHER, {RUNNING}),
        (RUNNING, NOBODY, {UNCLAIMED}),
        (RUNNING, ME, {CLAIMED, RUNNING, CRASHED}),
        (RUNNING, OTHER, set()),
        (CRASHED, NOBODY, {UNCLAIMED, CLAIMED, RUNNING}),
        (CRASHED, ME, set()),
    ],
)
def test_the_transitions(state: str, instance: InstanceKey, allowed: set[str]) -> None:
    states = (UNCLAIMED, CLAIMED, RUNNING, CRASHED)
    assert {one for one in states if allows(row(state), KEY, instance, one)} == allowed
    assert not any(allows(row(state), replace(KEY, index=1), instance, one) for one in states)


class TestClaim:
    def test_what_waits_is_reserved(self) -> None:
        waiting = replace(row(UNCLAIMED), placement_error="full")
        claimed = after(claim([waiting], ME, NOW))
        assert (claimed.state, claimed.instance, claimed.since, claimed.tag) == (CLAIMED, ME, NOW, 4)
        assert claimed.placement_error == ""

    def test_a_running_one_that_is_claimed_anew_has_no_address(self) -> None:
        claimed = after(claim([row(RUNNING)], ME, NOW))
        assert (claimed.state, claimed.runtime.net_info) == (CLAIMED, NetInfo())
        assert claimed.runtime.metric_tags == {"app": "a"}

    def test_the_same_again_changes_nothing(self) -> None:
        assert claim([row(CLAIMED)], ME, NOW) == NOTHING

    @pytest.mark.parametrize("state", [CLAIMED, RUNNING, CRASHED])
    def test_another_cell_may_not(self, state: str) -> None:
        assert code(lambda: claim([row(state)], OTHER, NOW)) == NOT_CLAIMED

    def test_nothing_there(self) -> None:
        assert code(lambda: claim([evacuating(OTHER)], ME, NOW)) == NOT_FOUND

    def test_a_suspect_is_not_listened_to(self) -> None:
        assert claim([suspect(), row(UNCLAIMED)], ME, NOW) == NOTHING


def begin(rows: list[ActualLRP], instance: InstanceKey = ME) -> Outcome:
    return start(rows, KEY, instance, HERE, now=NOW, epoch="new")


class TestStart:
    @pytest.mark.parametrize("state", [UNCLAIMED, CLAIMED])
    def test_it_runs(self, state: str) -> None:
        started = after(begin([row(state)], OTHER))
        assert (started.state, started.instance, started.runtime, started.since) == (RUNNING, OTHER, HERE, NOW)
        assert (started.epoch, started.tag) == ("e", 4)

    def test_a_missing_row_is_made(self) -> None:
        assert begin([]).changes == (Change(None, ActualLRP(KEY, RUNNING, NOW, ME, runtime=HERE, epoch="new")),)

    def test_the_same_again_changes_nothing(self) -> None:
        assert begin([row()]) == NOTHING

    def test_new_addresses_are_taken(self) -> None:
        assert after(begin([replace(row(), runtime=Runtime())])).runtime == HERE

    def test_another_cell_may_not(self) -> None:
        assert code(lambda: begin([row()], OTHER)) == NOT_STARTED

    def test_a_crashed_one_is_unclaimed_first(self) -> None:
        assert code(lambda: begin([row(CRASHED)])) == NOT_STARTED

    def test_whoever_stood_in_goes(self) -> None:
        rows = [row(CLAIMED, OTHER), suspect(), evacuating(InstanceKey("ig-3", "cell-3"))]
        outcome = begin(rows, OTHER)
        assert [change.after is None for change in outcome.changes] == [False, True, True]
        assert [change.before for change in outcome.changes] == rows

    def test_a_suspect_is_not_listened_to(self) -> None:
        assert begin([suspect(), row(CLAIMED, OTHER)]) == NOTHING


class TestCrash:
    def test_the_first_restarts_at_once(self) -> None:
        outcome = crash([row()], ME, "boom", NOW)
        crashed = after(outcome)
        assert (crashed.state, crashed.instance, crashed.crash_count, crashed.crash_reason) == (
            UNCLAIMED,
            NOBODY,
            1,
            "boom",
        )
        assert (crashed.since, crashed.runtime.net_info, outcome.auction) == (NOW, NetInfo(), True)

    @pytest.mark.parametrize(
        ("before", "state", "auction"), [(1, UNCLAIMED, True), (2, CRASHED, False), (199, CRASHED, False)]
    )
    def test_the_third_waits(self, before: int, state: str, auction: bool) -> None:
        outcome = crash([replace(row(since=NOW - 5 * MINUTE), crash_count=before)], ME, "boom", NOW)
        assert (after(outcome).state, after(outcome).crash_count, outcome.auction) == (state, before + 1, auction)

    def test_five_minutes_of_running_wipe_the_slate_clean(self) -> None:
        long_ago = replace(row(since=NOW - 5 * MINUTE - 1), crash_count=7)
        assert after(crash([long_ago], ME, "boom", NOW)).crash_count == 1
        never_ran = replace(row(CLAIMED, since=NOW - 50 * MINUTE), crash_count=7)
        assert after(crash([never_ran], ME, "boom", NOW)).crash_count == 8

    @pytest.mark.parametrize("state", [UNCLAIMED, CRASHED])
    def test_what_does_not_run_cannot(self, state: str) -> None:
        assert code(lambda: crash([row(state)], ME, "boom", NOW)) == NOT_CRASHED

    def test_another_cannot(self) -> None:
        assert code(lambda: crash([row()], OTHER, "boom", NOW)) == NOT_CRASHED
        assert code(lambda: crash([], ME, "boom", NOW)) == NOT_FOUND

    def test_a_suspect_is_forgotten(self) -> None:
        assert crash([suspect(), row(UNCLAIMED)], ME, "boom", NOW) == Outcome((Change(suspect(), None),))

    @pytest.mark.parametrize(
        ("count", "seconds"),
        [(1, 0), (2, 0), (3, 30), (4, 60), (5, 120), (6, 240), (7, 480), (8, 960), (9, 960), (100, 960), (199, 960)],
    )
    def test_the_waiting_grows_to_sixteen_minutes(self, count: int, seconds: int) -> None:
        assert backoff(count) == seconds * SECOND
        assert should_restart(NOW + seconds * SECOND, NOW, count)
        assert seconds == 0 or not should_restart(NOW + seconds * SECOND - 1, NOW, count)

    def test_after_the_two_hundredth_it_stays_down(self) -> None:
        assert not should_restart(NOW * 1000, 0, 200)

    def test_long_reasons_are_cut(self) -> None:
        assert shortened("x" * 1023) == "x" * 1023
        assert shortened("x" * 1024) == "x" * 1013 + "(truncated)"
        assert len(shortened("é" * 1024).encode()) <= 1024


class TestFail:
    def test_the_reason_is_kept(self) -> None:
        failed = after(fail([row(UNCLAIMED)], "full", NOW))
        assert (failed.state, failed.placement_error, failed.since, failed.tag) == (UNCLAIMED, "full", NOW, 4)

    @pytest.mark.parametrize("state", [CLAIMED, RUNNING, CRASHED])
    def test_only_what_waits(self, state: str) -> None:
        assert code(lambda: fail([row(state)], "full", NOW)) == NOT_FAILED

    def test_nobody_minds_what_is_gone(self) -> None:
        assert fail([], "full", NOW) == NOTHING


class TestRemoveAndRetire:
    def test_only_the_very_instance(self) -> None:
        gone = Outcome((Change(row(), None),))
        assert remove([row()], ME) == remove([row()], None) == gone
        assert code(lambda: remove([row()], OTHER)) == NOT_FOUND
        assert code(lambda: remove([suspect()], ME)) == NOT_FOUND

    @pytest.mark.parametrize("state", [CLAIMED, RUNNING])
    def test_its_cell_stops_it(self, state: str) -> None:
        assert retire([row(state)], cell_is_there=True) == Outcome(stop=ME)
        assert retire([row(state)], cell_is_there=False) == Outcome((Change(row(state), None),))

    @pytest.mark.parametrize("state", [UNCLAIMED, CRASHED])
    def test_what_is_nowhere_just_goes(self, state: str) -> None:
        assert retire([row(state)], cell_is_there=True) == Outcome((Change(row(state), None),))

    def test_nothing_there(self) -> None:
        assert code(lambda: retire([], cell_is_there=True)) == NOT_FOUND


class TestUnclaim:
    def test_it_waits_again(self) -> None:
        waiting = unclaimed_again(row(), NOW)
        assert (waiting.state, waiting.instance, waiting.since, waiting.tag) == (UNCLAIMED, NOBODY, NOW, 4)

    def test_not_twice_and_not_from_under_a_cell(self) -> None:
        assert code(lambda: unclaimed_again(row(UNCLAIMED), NOW)) == NOT_UNCLAIMED
        assert code(lambda: unclaimed_again(row(CLAIMED), NOW, only_if_down=True)) == NOT_UNCLAIMED
        assert unclaimed_again(row(CRASHED), NOW, only_if_down=True).state == UNCLAIMED

    def test_suspecting_and_back(self) -> None:
        assert promoted(suspected(row())) == row()


def leave(rows: list[ActualLRP], wanted: Wanted | None = WANTED, instance: InstanceKey = ME) -> Outcome:
    return evacuate_running(rows, KEY, instance, HERE, wanted, NOW, "new")


COPY = ActualLRP(KEY, RUNNING, NOW, ME, Presence.EVACUATING, HERE, epoch="new")


class TestEvacuate:
    def test_a_running_one_keeps_its_routes_while_another_is_sought(self) -> None:
        outcome = leave([row()])
        [copy, waiting] = outcome.changes
        assert copy == Change(None, COPY)
        assert waiting.after is not None
        assert (waiting.after.state, outcome.auction, outcome.keep_container) == (UNCLAIMED, True, True)

    def test_a_suspect_one_becomes_the_copy(self) -> None:
        outcome = leave([suspect(), row(UNCLAIMED)])
        assert outcome == Outcome((Change(None, COPY), Change(suspect(), None)), keep_container=True)

    @pytest.mark.parametrize("replacement", [RUNNING, CRASHED])
    def test_once_replaced_the_copy_goes(self, replacement: str) -> None:
        rows = [evacuating(), row(replacement, OTHER)]
        assert leave(rows) == Outcome((Change(rows[0], None),))

    @pytest.mark.parametrize("replacement", [UNCLAIMED, CLAIMED])
    def test_until_then_the_copy_stays(self, replacement: str) -> None:
        assert leave([evacuating(), row(replacement, OTHER)]) == Outcome(keep_container=True)

    def test_new_addresses_of_the_copy_are_taken(self) -> None:
        old = replace(evacuating(), runtime=Runtime())
        outcome = leave([old, row(UNCLAIMED)])
        assert (after(outcome).runtime.net_info, after(outcome).runtime.routable) == (HERE.net_info, False)
        assert outcome.keep_container

    def test_an_unknown_container_becomes_the_copy(self) -> None:
        assert leave([row(UNCLAIMED)]) == Outcome((Change(None, COPY),), keep_container=True)

    def test_one_copy_is_enough(self) -> None:
        assert leave([evacuating(OTHER), row(UNCLAIMED)]) == NOTHING

    def test_what_is_no_longer_wanted_goes(self) -> None:
        assert leave([]) == NOTHING
        gone = Outcome((Change(evacuating(), None),))
        assert leave([evacuating()]) == gone
        assert leave([evacuating(), row(UNCLAIMED)], None) == gone
        assert leave([row()], None) == NOTHING

    def test_recreate_gives_one_up_while_all_others_run(self) -> None:
        outcome = leave([row()], Wanted(2, 2, recreate=True))
        assert (after(outcome).state, outcome.auction, outcome.keep_container) == (UNCLAIMED, True, False)
        assert leave([row()], Wanted(2, 1, recreate=True)) == Outcome(keep_container=True)

    def test_recreate_never_keeps_a_copy(self) -> None:
        recreate = Wanted(1, 1, recreate=True)
        assert leave([row(UNCLAIMED)], recreate) == NOTHING
        assert leave([evacuating(), row(UNCLAIMED)], recreate) == Outcome((Change(evacuating(), None),))
        assert leave([suspect(), row(UNCLAIMED)], recreate) == Outcome((Change(suspect(), None),))

    def test_a_claimed_one_waits_for_another_cell(self) -> None:
        outcome = evacuate_claimed([row(CLAIMED)], ME, NOW)
        assert (after(outcome).state, outcome.auction, outcome.keep_container) == (UNCLAIMED, True, False)

    def test_a_crashed_one_is_left_to_convergence(self) -> None:
        outcome = evacuate_crashed([row()], ME, "boom", NOW)
        assert (after(outcome).crash_count, outcome.auction) == (1, False)

    def test_a_stopped_one_goes(self) -> None:
        assert evacuate_stopped([row()], ME) == Outcome((Change(row(), None),))

    @pytest.mark.parametrize("stand_in", [suspect(), evacuating()])
    def test_stand_ins_just_go(self, stand_in: ActualLRP) -> None:
        rows, gone = [stand_in, row(UNCLAIMED)], Outcome((Change(stand_in, None),))
        assert (
            evacuate_claimed(rows, ME, NOW)
            == evacuate_crashed(rows, ME, "boom", NOW)
            == evacuate_stopped(rows, ME)
            == gone
        )

    def test_nothing_there(self) -> None:
        rows = [row(UNCLAIMED)]
        assert code(lambda: evacuate_claimed(rows, ME, NOW)) == NOT_FOUND
        assert code(lambda: evacuate_crashed(rows, ME, "boom", NOW)) == NOT_FOUND
        assert code(lambda: evacuate_stopped(rows, ME)) == NOT_FOUND

    def test_giving_up_waiting(self) -> None:
        assert remove_evacuating([evacuating()], ME) == Outcome((Change(evacuating(), None),))
        assert code(lambda: remove_evacuating([row()], ME)) == NOT_FOUND
        assert code(lambda: remove_evacuating([evacuating()], OTHER)) == NOT_FOUND
