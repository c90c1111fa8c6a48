"""HTTP around the handlers: routes, bodies, headers, log lines, measurements."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from uaa import metrics
from uaa.api.routes import ROUTES
from uaa.application import Router, application
from uaa.logs import Lines
from uaa.metrics import Metrics

from .conftest import World


@pytest.fixture
async def counters() -> Metrics:
    return Metrics()


@pytest.fixture
async def http(world: World, counters: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(world.uaa, counters))
    async with httpx.AsyncClient(transport=transport, base_url="https://uaa") as client:
        yield client


async def test_a_token_over_http(http: httpx.AsyncClient, counters: Metrics) -> None:
    form = {"grant_type": "password", "username": "marissa", "password": "koala"}
    answer = await http.post("/oauth/token", data=form, auth=("cf", ""), headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await http.get("/userinfo", headers=bearer)).json()["user_name"] == "marissa"
    text = counters.text().decode()
    assert 'uaa_requests_total{method="POST",path="/oauth/token",status="200"} 1.0' in text


async def test_a_slash_inside_a_part_of_the_path_stays_there(http: httpx.AsyncClient) -> None:
    assert (await http.get("/Users/a%2Fb")).status_code == 401
    assert (await http.get("/Users/a/b")).status_code == 404


async def test_a_body_has_a_limit(http: httpx.AsyncClient) -> None:
    assert (await http.post("/oauth/token", content=b"x" * (1 << 20))).status_code == 401
    assert (await http.post("/oauth/token", content=b"x" * ((1 << 20) + 1))).status_code == 413


async def test_what_is_no_json_is_said_so(http: httpx.AsyncClient, world: World) -> None:
    bearer = {"Authorization": f"Bearer {world.client_token()}"}
    for body in (b"", b"{", b"[]", b"\xff"):
        answer = await http.post("/Users", content=body, headers=bearer)
        assert (answer.status_code, answer.json()["error"]) == (400, "message_not_readable")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await http.post("/oauth/token", content=b"\xff", headers=form)).status_code == 400


async def test_what_nobody_foresaw_is_logged_and_not_told(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, world: World
) -> None:
    def broken(_self: object) -> str:
        raise RuntimeError("a secret thing")

    monkeypatch.setattr(type(world.uaa.keys), "etag", broken)
    answer = await http.get("/token_keys")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert any(record.getMessage() == "RequestFailed" for record in caplog.records)


async def test_metrics_have_their_own_port(counters: Metrics) -> None:
    counters.event("TokenIssued")
    transport = httpx.ASGITransport(metrics.application(counters))
    async with httpx.AsyncClient(transport=transport, base_url="http://uaa") as client:
        assert 'uaa_events_total{event="TokenIssued"} 1.0' in (await client.get("/metrics")).text
        assert (await client.get("/")).status_code == 404


def test_words_beat_names_in_paths() -> None:
    router = Router(ROUTES)
    assert router.find("GET", "/oauth/clients/meta")[1] == "/oauth/clients/meta"
    assert router.find("GET", "/oauth/clients/cf")[1:] == ("/oauth/clients/{client}", {"client": "cf"})
    assert router.find("HEAD", "/healthz")[1] == "/healthz"


def test_a_log_line_is_one_line() -> None:
    record = logging.LogRecord("uaa", logging.INFO, "", 0, "Event", None, None)
    record.details = {"user": "a b\nc", "id": "x-1", "none": None, "n": 5}
    line = Lines().format(record)
    assert line.endswith('level=info event=Event user="a b\\nc" id=x-1 n=5')
    assert "\n" not in line


def test_no_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.login()
    world.login(password="wr0ng-passw0rd")
    answer = world.login(token_format="opaque").json
    text = "".join(Lines().format(record) for record in caplog.records)
    assert "TokenIssued" in text
    for secret in ("koala", "wr0ng-passw0rd", answer["access_token"], answer["refresh_token"]):
        assert secret not in text
