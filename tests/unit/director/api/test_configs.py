"""/configs and the three older doors."""

from __future__ import annotations

import httpx
import pytest

from .conftest import YAML


async def store(admin: httpx.AsyncClient, content: str = "a: 1\n", **more: str) -> httpx.Response:
    return await admin.post("/configs", json={"type": "cloud", "name": "default", "content": content} | more)


def changes(reply: httpx.Response) -> list[list[str]]:
    """Without the empty lines between sections."""
    return [line for line in reply.json()["diff"] if line[0]]


async def test_a_new_version_only_when_the_content_is_new(admin: httpx.AsyncClient) -> None:
    first = await store(admin)
    assert first.status_code == 201
    assert first.json() == {
        "content": "a: 1\n",
        "id": "1",
        "type": "cloud",
        "name": "default",
        "team": None,
        "created_at": "2030-01-01 00:00:00 UTC",
        "current": True,
    }
    assert (await store(admin)).json()["id"] == "1"
    assert (await store(admin, "a: 2\n")).json()["id"] == "2"
    assert (await admin.get("/configs/1")).json()["current"] is False


async def test_lists(admin: httpx.AsyncClient) -> None:
    for name, content in (("x", "a: 1"), ("default", "a: 1"), ("default", "a: 2"), ("default", "a: 3")):
        await store(admin, content, name=name)

    async def ids(query: str) -> list[str]:
        return [config["id"] for config in (await admin.get(f"/configs?{query}")).json()]

    assert await ids("") == ["4", "1"]
    assert await ids("latest=true") == ["4", "1"]
    assert await ids("latest=false") == ["4", "3", "2", "1"]
    assert await ids("limit=2&name=default") == ["4", "3"]
    assert await ids("type=runtime") == []
    for query in ("limit=x", "limit=0", "latest=maybe"):
        assert (await admin.get(f"/configs?{query}")).json()["code"] == 440010


async def test_the_expected_latest_version_is_compared(admin: httpx.AsyncClient) -> None:
    reply = await store(admin, expected_latest_id="3")
    assert (reply.status_code, reply.json()) == (
        412,
        {
            "latest_id": "0",
            "expected_latest_id": "3",
            "description": "Latest Id: '0' does not match expected latest id",
        },
    )
    assert (await store(admin, expected_latest_id="0")).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "content": "a: 1"}, 440010),
        ({"type": 1, "name": "x", "content": "a: 1"}, 440010),
        ({"type": "cloud", "name": "x"}, 440011),
        ({"type": "cloud", "name": "x", "content": "[1]"}, 440011),
        ({"type": "cloud", "name": "x", "content": "a: ["}, 440011),
    ],
)
async def test_faulty_configs(admin: httpx.AsyncClient, api, body: dict, code: int) -> None:
    reply = await admin.post("/configs", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert api.store.configs.count() == 0
    assert api.store.events.list()[0].error


async def test_bodies_that_are_no_json(admin: httpx.AsyncClient) -> None:
    reply = await admin.post("/configs", content=b"{", headers={"Content-Type": "application/json"})
    assert reply.json()["code"] == 710001


async def test_deleting(admin: httpx.AsyncClient) -> None:
    await store(admin)
    await store(admin, "a: 2")
    assert (await admin.delete("/configs?type=cloud&name=default")).status_code == 204
    assert (await admin.delete("/configs?type=cloud&name=default")).status_code == 404
    assert (await admin.get("/configs/1")).json()["code"] == 440012
    assert (await admin.delete("/configs?type=cloud")).json()["code"] == 440010
    assert (await store(admin)).json()["id"] == "3"
    assert (await admin.delete("/configs/3")).status_code == 204


async def test_a_teams_config_is_its_own(api) -> None:
    dev = api.as_("dev")
    assert (await store(dev)).json()["team"] == "dev"
    await store(api.as_("admin"), name="admins")
    assert [config["name"] for config in (await dev.get("/configs")).json()] == ["default"]
    refused = await store(dev, "a: 9", name="admins")
    assert refused.status_code == 401


async def test_differences(admin: httpx.AsyncClient) -> None:
    await store(admin)
    by_id = await admin.post("/configs/diff", json={"from": {"id": "1"}, "to": {"content": "a: 2"}})
    assert changes(by_id) == [["a: 1", "removed"], ["a: 2", "added"]]
    current = await admin.post("/configs/diff", json={"type": "cloud", "name": "default", "content": "a: 1\nb: 3"})
    assert (current.json()["from"], changes(current)) == ({"id": "1"}, [["b: 3", "added"]])
    assert (await admin.post("/configs/diff", json={"from": {"id": "1"}})).json()["code"] == 440010
    broken = await admin.post("/configs/diff", json={"from": {"id": "1"}, "to": {"content": "["}})
    assert broken.status_code == 400
    assert broken.json()["diff"] == []


@pytest.mark.parametrize("kind", ["cloud", "runtime", "cpi"])
async def test_the_older_doors(api, admin: httpx.AsyncClient, kind: str) -> None:
    path = f"/{kind}_configs"
    for query, text in (("", "limit is required"), ("?limit=x", "limit is invalid: 'x' is not an integer")):
        reply = await admin.get(path + query)
        assert (reply.status_code, reply.text) == (400, text)
    assert (await admin.post(path, content="a: 1\n", headers=YAML)).status_code == 201
    assert (await admin.post(path, content="a: 1\n", headers=YAML)).status_code == 201
    assert (await admin.get(f"{path}?limit=5")).json() == [
        {"properties": "a: 1\n", "created_at": "2030-01-01 00:00:00 UTC"}
    ]
    difference = await admin.post(f"{path}/diff?redact=false", content="a: 2\n", headers=YAML)
    assert changes(difference) == [["a: 1", "removed"], ["a: 2", "added"]]
    assert (await admin.post(path, content="", headers=YAML)).json()["code"] == 440001
    events = [(event.action, event.object_type, bool(event.error)) for event in api.store.events.list()]
    assert events == [("update", f"{kind}-config", False), ("update", f"{kind}-config", True)]


async def test_named_cloud_configs(admin: httpx.AsyncClient) -> None:
    await admin.post("/cloud_configs?name=x", content="a: 1", headers=YAML)
    assert (await admin.get("/cloud_configs?limit=1")).json() == []
    assert len((await admin.get("/cloud_configs?limit=1&name=x")).json()) == 1
