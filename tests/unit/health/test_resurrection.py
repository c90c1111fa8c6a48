"""Meltdown protection and resurrection rules."""

from __future__ import annotations

import pytest

from bosh.health.resurrection import Tracker, allowed, rules_from


def tracker() -> Tracker:
    return Tracker(minimum_down_jobs=5, percent_threshold=0.2, time_threshold_s=600)


def judge(of: Tracker, count: int, *, total: int, now: float = 0, rules=(), first: int = 0):
    jobs = {"router": tuple(f"id-{number}" for number in range(first, first + count))}
    return of.judge("web", jobs, total=total, rules=rules, now=now)


@pytest.mark.parametrize(
    ("down", "total", "state"),
    [(1, 1, "resurrect"), (4, 4, "resurrect"), (5, 100, "resurrect"), (5, 25, "meltdown"), (20, 100, "meltdown")],
)
def test_both_the_number_and_the_share_make_a_meltdown(down, total, state):
    assert judge(tracker(), down, total=total).state == state


def test_losses_add_up_within_the_time_threshold():
    one = tracker()
    assert judge(one, 3, total=10).state == "resurrect"
    assert judge(one, 2, total=10, now=599, first=3).state == "meltdown"


def test_losses_older_than_the_threshold_are_forgotten():
    one = tracker()
    judge(one, 3, total=10)
    assert judge(one, 2, total=10, now=601, first=3).state == "resurrect"


def test_the_same_loss_counts_once():
    one = tracker()
    for now in range(10):
        assert judge(one, 3, total=6, now=now).state == "resurrect"


def test_rules_switch_off_groups_and_deployments():
    rules = rules_from(
        [{"rules": [{"enabled": False, "include": {"deployments": ["web"]}, "exclude": {"instance_groups": ["db"]}}]}]
    )
    assert not allowed(rules, "web", "router")
    assert allowed(rules, "web", "db")
    assert allowed(rules, "other", "router")


def test_disabled_groups_are_named_in_the_verdict():
    rules = rules_from([{"rules": [{"enabled": False, "include": {"instance_groups": ["router"]}}]}])
    verdict = judge(tracker(), 1, total=1, rules=rules)
    assert verdict.jobs == {}
    assert verdict.disabled == {"router": ("id-0",)}


def test_a_rule_without_enabled_is_refused():
    with pytest.raises(ValueError, match="needs 'enabled"):
        rules_from([{"rules": [{"include": {}}]}])
