"""Who is let in, and what clients are told when something is wrong."""

from __future__ import annotations

import httpx
import pytest

from bosh.state import records


async def test_without_credentials_there_is_a_challenge(api) -> None:
    reply = await api.as_("").get("/tasks")
    assert (reply.status_code, reply.text) == (401, "Not authorized: '/tasks'\n")
    assert reply.headers["www-authenticate"] == 'Basic realm="BOSH Director"'
    assert "date" in reply.headers


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic YWRtaW4=", "Bearer x", "Basic YWRtaW46d3Jvbmc="])
async def test_bad_credentials_are_none(api, header: str) -> None:
    reply = await api.as_("").get("/tasks", headers={"Authorization": header})
    assert reply.status_code == 401


async def test_info_is_open_and_names_who_asks(api) -> None:
    body = (await api.as_("").get("/info")).json()
    assert (body["name"], body["uuid"], body["user"], body["cpi"]) == ("test", "uuid-1", None, "fake-cpi")
    assert body["user_authentication"] == {"type": "basic", "options": {}}
    assert body["features"]["local_dns"] == {"status": True, "extras": {"domain_name": "bosh"}}
    assert (await api.as_("admin").get("/info")).json()["user"] == "admin"


async def test_an_unknown_path_or_content_type_is_not_found(admin: httpx.AsyncClient) -> None:
    for reply in (await admin.get("/nowhere"), await admin.get("/nowhere/")):
        assert (reply.status_code, reply.text) == (404, "Endpoint '/nowhere' not found.")
    reply = await admin.post("/deployments", content=b"name: x", headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.text) == (404, "Endpoint '/deployments' not found.")


async def test_a_slash_at_the_end_changes_nothing(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/tasks/")).status_code == 200


async def test_a_missing_scope_is_named(api) -> None:
    reply = await api.as_("reader").post("/cleanup", json={"config": {}})
    assert reply.status_code == 401
    assert reply.json() == {
        "code": 600000,
        "description": "Require one of the scopes: bosh.admin, bosh.uuid-1.admin",
    }


async def test_a_long_context_id_is_refused(admin: httpx.AsyncClient) -> None:
    reply = await admin.get("/tasks", headers={"X-Bosh-Context-Id": "x" * 65})
    assert (reply.status_code, reply.json()["code"]) == (400, 70010)


async def test_an_internal_error_tells_nothing_of_the_inside(api, admin: httpx.AsyncClient) -> None:
    api.store.tasks.insert(records.Task("vms", "done", "", "admin", api.clock.now(), arguments={}))
    api.store.close()
    reply = await admin.get("/tasks/1")
    assert reply.status_code in {404, 500}
    assert "Traceback" not in reply.text


async def test_metrics(api, admin: httpx.AsyncClient) -> None:
    await admin.get("/info")
    assert "bosh_resurrection_enabled 1" in (await admin.get("/metrics")).text
    assert 'http_server_requests_total{code="200",method="get"} 2' in (await admin.get("/api_metrics")).text
