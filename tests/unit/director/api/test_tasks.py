"""/tasks and /task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from bosh.state import records


def stored(api: Any, **values: Any) -> records.Task:
    task = records.Task("update_deployment", "queued", "create deployment", "admin", api.clock.now())
    return api.store.tasks.insert(replace(task, **values))


async def test_a_running_task_has_no_timestamp(api, admin: httpx.AsyncClient) -> None:
    task = stored(api, state="processing", started_at=api.clock.now(), deployment="cf", context_id="c")
    assert (await admin.get(f"/tasks/{task.id}")).json() == {
        "id": task.id,
        "state": "processing",
        "description": "create deployment",
        "timestamp": None,
        "started_at": 1893456000,
        "result": None,
        "user": "admin",
        "deployment": "cf",
        "context_id": "c",
    }


async def test_an_unknown_task_has_its_code(admin: httpx.AsyncClient) -> None:
    for name in ("7", "x"):
        reply = await admin.get(f"/tasks/{name}")
        assert (reply.status_code, reply.json()) == (404, {"code": 10000, "description": f"Task {name} not found"})


async def test_lists_filter_and_hide_what_verbose_would_show(api, admin: httpx.AsyncClient) -> None:
    for kind, state in (("vms", "done"), ("update_release", "done"), ("update_deployment", "queued")):
        stored(api, type=kind, state=state, context_id=kind)

    async def ids(query: str) -> list[int]:
        return [task["id"] for task in (await admin.get(f"/tasks?{query}")).json()]

    assert await ids("") == [3, 2]
    assert await ids("verbose=2") == [3, 2, 1]
    assert await ids("verbose=2&state=queued,processing") == [3]
    assert await ids("verbose=2&limit=1") == [3]
    assert await ids("verbose=2&context_id=vms") == [1]


async def test_silent_tasks_time_out_when_looked_at(api, admin: httpx.AsyncClient) -> None:
    task = stored(api, state="processing", checkpoint_at=api.clock.now())
    api.clock.advance_s(181)
    assert (await admin.get(f"/tasks/{task.id}")).json()["state"] == "timeout"


async def test_output_in_ranges(api, admin: httpx.AsyncClient) -> None:
    task = stored(api)
    api.store.append_task_output(task.id, "event", "abcdef")
    path = f"/tasks/{task.id}/output?type=event"
    whole = await admin.get(path)
    assert (whole.status_code, whole.text) == (200, "abcdef")
    part = await admin.get(path, headers={"Range": "bytes=2-"})
    assert (part.status_code, part.text, part.headers["content-range"]) == (206, "cdef", "bytes 2-5/6")
    nothing = await admin.get(path, headers={"Range": "bytes=6-"})
    assert (nothing.status_code, nothing.headers["content-range"]) == (416, "bytes */6")


async def test_output_of_files(api, admin: httpx.AsyncClient) -> None:
    task = stored(api)
    assert (await admin.get(f"/tasks/{task.id}/output")).status_code == 204
    folder = api.desk.places.task(task.id)
    folder.mkdir()
    (folder / "debug").write_text("0123456789")
    assert (await admin.get(f"/tasks/{task.id}/output?type=debug")).text == "0123456789"
    part = await admin.get(f"/tasks/{task.id}/output?type=debug", headers={"Range": "bytes=4-6"})
    assert (part.status_code, part.text) == (206, "456")
    assert (await admin.get(f"/tasks/{task.id}/output?type=debug", headers={"Range": "bytes=10-"})).status_code == 416
    assert (await admin.get(f"/tasks/{task.id}/output?type=none")).status_code == 204


async def test_readers_see_events_but_not_debug(api) -> None:
    task = stored(api)
    reader = api.as_("reader")
    assert (await reader.get(f"/tasks/{task.id}/output?type=event")).status_code == 200
    assert (await reader.get(f"/tasks/{task.id}/output?type=debug")).status_code == 401
    assert (await reader.get(f"/tasks/{task.id}/output?type=../x")).status_code == 401


async def test_team_members_see_their_deployments_tasks(api) -> None:
    api.store.deployments.insert(records.Deployment("theirs", teams=["dev"]))
    mine, other = stored(api, deployment="theirs"), stored(api, deployment="other")
    dev = api.as_("dev")
    assert [task["id"] for task in (await dev.get("/tasks")).json()] == [mine.id]
    assert (await dev.get(f"/tasks/{mine.id}")).status_code == 200
    assert (await dev.get(f"/tasks/{other.id}")).status_code == 401


async def test_cancelling_a_queued_task(api, admin: httpx.AsyncClient) -> None:
    task = stored(api)
    assert (await admin.delete(f"/task/{task.id}")).status_code == 204
    assert (await admin.get(f"/tasks/{task.id}")).json()["state"] == "cancelled"
    assert "Task 1 cancelled" in api.store.task_output(task.id, "event")
    again = await admin.delete(f"/task/{task.id}")
    assert (again.status_code, again.text) == (400, "Cannot cancel task 1: invalid state (cancelled)")
    assert (await admin.delete(f"/tasks/{task.id}")).status_code == 404


async def test_cancelling_a_running_task_tells_its_worker(api, admin: httpx.AsyncClient) -> None:
    told: list[int] = []
    api.desk.tasks.interrupt = told.append
    task = stored(api, state="processing", checkpoint_at=api.clock.now())
    await admin.delete(f"/task/{task.id}")
    assert told == [task.id]
    assert (await admin.get(f"/tasks/{task.id}")).json()["state"] == "cancelling"


@pytest.mark.parametrize(
    ("selector", "cancelled"),
    [
        ({}, [1, 2]),
        ({"types": ["vms"]}, [2]),
        ({"deployment": "cf"}, [1]),
        ({"states": ["processing"]}, []),
    ],
)
async def test_cancelling_several(api, admin: httpx.AsyncClient, selector: dict, cancelled: list[int]) -> None:
    stored(api, deployment="cf")
    stored(api, type="vms")
    stored(api, state="done")
    assert (await admin.post("/tasks/cancel", json=selector)).status_code == 204
    assert [task.id for task in api.store.tasks.list(state="cancelled")] == cancelled


async def test_cancelling_what_cannot_be(admin: httpx.AsyncClient) -> None:
    reply = await admin.post("/tasks/cancel", json={"states": ["done"]})
    assert (reply.status_code, reply.text) == (
        400,
        "done is not one of the cancellable states: queued, processing",
    )
