"""Recovery plans: written, read, and turned into answers."""

from __future__ import annotations

import pytest

from bosh.cli.commands.cloud_check import GroupPlan, answers_of, plan_text, read_plan
from bosh.cli.failures import SessionError


def problem(number: int, kind: str, group: str):
    choices = [{"name": "ignore", "plan": "Skip for now"}, {"name": "recreate_vm", "plan": "Recreate VM"}]
    return {"id": number, "type": kind, "description": "", "instance_group": group, "resolutions": choices}


PLAN = GroupPlan("web", {"missing_vm": "recreate_vm"}, "2")


def test_what_is_written_is_read_again():
    text = plan_text([PLAN, GroupPlan("db", {})])
    assert "max_in_flight_override: '2'" in text or 'max_in_flight_override: "2"' in text
    assert read_plan(text, "plan.yml") == {"web": PLAN, "db": GroupPlan("db", {})}


def test_only_what_is_planned_is_answered():
    problems = [problem(1, "missing_vm", "web"), problem(2, "inactive_disk", "web"), problem(3, "missing_vm", "db")]
    assert answers_of(problems, {"web": PLAN}) == {"1": "recreate_vm"}


def test_a_plan_is_said_in_the_directors_words():
    assert PLAN.said(problem(1, "missing_vm", "web")) == "Recreate VM"
    assert PLAN.said(problem(1, "inactive_disk", "web")) == "No resolution planned"


@pytest.mark.parametrize("text", ["a", "instance_groups_plan: [1]", "instance_groups_plan: [{}]", "- a"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(SessionError, match=r"cannot read the recovery plan 'plan\.yml'"):
        read_plan(text, "plan.yml")
