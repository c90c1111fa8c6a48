from __future__ import annotations

import pytest

from bosh.testing.plan_script import parse, run

SCRIPT = """A title.

> deploy
groups:
  web: {jobs: [web]}
= plan
(anything)

> deploy
options: {restart: [web/0]}
= plan
"""


def test_a_script_has_a_title_and_steps() -> None:
    title, steps = parse(SCRIPT)
    assert title == "A title."
    assert [(step.command, step.output) for step in steps] == [("deploy", "(anything)"), ("deploy", "")]


def test_running_writes_the_plans_and_running_again_changes_nothing() -> None:
    written = run(SCRIPT)
    assert "1 to create" in written
    assert "restart: asked for" in written
    assert "(anything)" not in written
    assert run(written) == written


def test_options_hold_for_one_step() -> None:
    assert "Nothing to do" in run(SCRIPT + "\n> deploy\n= plan\n")


def test_an_error_is_part_of_the_story() -> None:
    story = "Two.\n\n> deploy\njobs: {web: {consumes: {db: database}}}\ngroups: {web: {jobs: [web]}}\n= plan\n"
    assert "Error 190016: Failed to resolve links" in run(story)


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown command 'explode'"):
        parse("A title.\n\n> explode\n")
