"""bosh/agent/brain.py"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bosh.agent.brain import (
    KEPT_RESULTS,
    NO_TASK_ID,
    ActionFinished,
    Answer,
    Brain,
    Cancel,
    Forget,
    Instruction,
    Remember,
    RequestArrived,
    Run,
    TaskRemembered,
    Trait,
)
from bosh.wire.agent_rpc import Reply, Request

TRAITS = {
    "start": Trait(),
    "apply": Trait(asynchronous=True),
    "run_errand": Trait(asynchronous=True, cancellable=True),
    "update_settings": Trait(asynchronous=True, persistent=True),
}


def request(method: str, *arguments: object) -> Request:
    return Request(method, arguments, "reply")


def value(answer: object) -> Answer:
    return Answer("reply", Reply(value=answer))


def failure(text: str) -> Answer:
    return Answer("reply", Reply(exception=text))


def running(task_id: str) -> Answer:
    return value({"agent_task_id": task_id, "state": "running"})


def ask(brain: Brain, method: str, *arguments: object, task_id: str = "t") -> list[Instruction]:
    return brain.handle(RequestArrived(request(method, *arguments), task_id))


def test_what_needs_no_action() -> None:
    brain = Brain(TRAITS)
    assert ask(brain, "ping") == [value("pong")]
    assert ask(brain, "info") == [value({"api_version": 1})]
    assert ask(brain, "fly") == [failure("unknown message fly")]
    assert ask(brain, "get_task", "x") == [failure("Action Failed get_task: Task with id x could not be found")]
    assert ask(brain, "cancel_task", "x") == [failure("Action Failed cancel_task: Task with id x could not be found")]
    for method in ("get_task", "cancel_task"):
        [answer] = ask(brain, method)
        assert answer == failure(f"Action Failed {method}: {NO_TASK_ID}")


def test_a_synchronous_action_is_answered_when_it_ends() -> None:
    brain, asked = Brain(TRAITS), request("start")
    assert ask(brain, "start") == [Run(asked)]
    assert brain.handle(ActionFinished(asked, value="started")) == [value("started")]
    assert brain.handle(ActionFinished(asked, error="no")) == [failure("Action Failed start: no")]


def test_tasks_run_one_at_a_time_in_order() -> None:
    brain, asked = Brain(TRAITS), request("apply")
    assert ask(brain, "apply", task_id="a") == [running("a"), Run(asked, "a")]
    assert ask(brain, "apply", task_id="b") == [running("b")]
    assert ask(brain, "start") == [Run(request("start"))]
    assert ask(brain, "get_task", "a") == [running("a")]
    assert brain.handle(ActionFinished(asked, "a", value="applied")) == [Run(asked, "b")]
    assert ask(brain, "get_task", "a") == [value("applied")]
    assert brain.handle(ActionFinished(asked, "b", error="no disk")) == []
    assert ask(brain, "get_task", "b") == [failure("Action Failed get_task: Task b result: no disk")]
    assert not brain.busy


def test_a_finished_task_answers_its_bare_value_again_and_again() -> None:
    brain = Brain(TRAITS)
    ask(brain, "apply", task_id="a")
    brain.handle(ActionFinished(request("apply"), "a", value=None))
    assert ask(brain, "get_task", "a") == ask(brain, "get_task", "a") == [value(None)]


def test_cancelling() -> None:
    brain = Brain(TRAITS)
    ask(brain, "run_errand", task_id="a")
    ask(brain, "run_errand", task_id="b")
    ask(brain, "apply", task_id="c")
    assert ask(brain, "cancel_task", "b") == [value("canceled")]
    assert ask(brain, "get_task", "b") == [
        failure("Action Failed get_task: Task b result: cancelled before it started")
    ]
    assert ask(brain, "cancel_task", "a") == [Cancel("a"), value("canceled")]
    assert ask(brain, "cancel_task", "c") == [failure("Action Failed cancel_task: apply cannot be cancelled")]
    assert brain.handle(ActionFinished(request("run_errand"), "a", value={})) == [Run(request("apply"), "c")]
    assert ask(brain, "cancel_task", "a") == [value("canceled")]


def test_a_persistent_task_is_remembered_until_it_ends() -> None:
    brain, asked = Brain(TRAITS), request("update_settings")
    assert ask(brain, "update_settings") == [Remember("t", "update_settings"), running("t"), Run(asked, "t")]
    assert brain.handle(ActionFinished(asked, "t", value="ok")) == [Forget("t")]
    again = Brain(TRAITS)
    assert again.handle(TaskRemembered("t", "update_settings")) == [Forget("t")]
    assert ask(again, "get_task", "t") == [value("ok")]


def test_old_results_are_dropped() -> None:
    brain = Brain(TRAITS)
    for number in range(KEPT_RESULTS + 10):
        ask(brain, "apply", task_id=str(number))
        brain.handle(ActionFinished(request("apply"), str(number), value=number))
    assert ask(brain, "get_task", "0")[0] == failure("Action Failed get_task: Task with id 0 could not be found")
    assert ask(brain, "get_task", str(KEPT_RESULTS + 9)) == [value(KEPT_RESULTS + 9)]


@given(st.lists(st.sampled_from(["apply", "run_errand", "finish", "cancel"]), max_size=40))
def test_never_two_tasks_at_once_and_none_lost(script: list[str]) -> None:
    brain = Brain(TRAITS)
    active: list[Run] = []
    begun: list[str] = []
    asked: list[str] = []
    cancelled: set[str] = set()

    def note(instructions: list[Instruction]) -> None:
        for instruction in instructions:
            if isinstance(instruction, Run):
                assert not active
                active.append(instruction)
                begun.append(instruction.task_id)

    for number, word in enumerate(script):
        if word == "finish" and active:
            ended = active.pop()
            note(brain.handle(ActionFinished(ended.request, ended.task_id, value=1)))
        elif word == "cancel" and asked:
            target = asked[-1]
            if target not in begun and ask(brain, "cancel_task", target) == [value("canceled")]:
                cancelled.add(target)
        elif word in TRAITS:
            asked.append(str(number))
            note(ask(brain, word, task_id=str(number)))
    while active:
        ended = active.pop()
        note(brain.handle(ActionFinished(ended.request, ended.task_id, value=1)))
    assert begun == [task for task in asked if task not in cancelled]
