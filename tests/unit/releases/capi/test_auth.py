"""Tokens."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from cloud_controller import errors
from cloud_controller.auth.tokens import REFETCH_AFTER_SECONDS, Verifier
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.releases.capi.conftest import ISSUER, FakeKeys, World, jwk, token

OTHER = rsa.generate_private_key(65537, 2048)


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def title(verifier: Verifier, authorization: str | None) -> str:
    with pytest.raises(errors.ApiError) as caught:
        verifier.identify(authorization)
    return caught.value.problems[0].title


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def verifier(keys: FakeKeys, seconds: Seconds) -> Verifier:
    return Verifier(keys, frozenset({ISSUER}), seconds)


def test_a_token_tells_who_calls(verifier: Verifier) -> None:
    who = verifier.identify(f"bearer {token('u', 'cloud_controller.read')}")
    assert (who.guid, who.name, who.is_client, who.may_read, who.may_write) == ("u", "u-name", False, True, False)
    client = verifier.identify(f"Bearer {token('', 'cloud_controller.write', user_id=None, client_id='robot')}")
    assert (client.guid, client.is_client, client.may_write) == ("robot", True, True)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 3600},
        {"aud": ["uaa"]},
        {"iss": "https://elsewhere/oauth/token"},
        {"jti": "some-token-r"},
    ],
    ids=["expired", "for others", "by others", "a refresh token"],
)
def test_tokens_that_do_not_hold_make_clients_refresh(verifier: Verifier, claims: dict[str, Any]) -> None:
    assert title(verifier, f"bearer {token('u', **claims)}") == "CF-InvalidAuthToken"


def test_no_token_is_something_else(verifier: Verifier) -> None:
    assert title(verifier, None) == "CF-NotAuthenticated"
    assert title(verifier, "bearer nonsense") == "CF-InvalidAuthToken"
    assert title(verifier, "Basic abc") == "CF-InvalidAuthToken"


def test_a_token_of_a_forged_key_does_not_hold(verifier: Verifier) -> None:
    assert title(verifier, f"bearer {token('u', key=OTHER)}") == "CF-InvalidAuthToken"


def test_new_keys_are_fetched_when_a_token_names_one(verifier: Verifier, keys: FakeKeys, seconds: Seconds) -> None:
    verifier.identify(f"bearer {token('u')}")
    new = f"bearer {token('u', key=OTHER, kid='key-2')}"
    assert title(verifier, new) == "CF-InvalidAuthToken"
    assert keys.fetched == 1
    keys.keys = [jwk(OTHER, "key-2")]
    seconds.now += REFETCH_AFTER_SECONDS + 1
    assert verifier.identify(new).guid == "u"
    assert keys.fetched == 2
    assert title(verifier, f"bearer {token('u')}") == "CF-InvalidAuthToken"


@pytest.mark.slow
async def test_scopes_are_asked_for(world: World) -> None:
    async with world.client("u", "cloud_controller.read") as reader:
        assert (await reader.get("/v3/apps")).status_code == 200
        refused = await reader.post("/v3/organizations", json={"name": "x"})
        assert (refused.status_code, refused.json()["errors"][0]["title"]) == (403, "CF-InsufficientScope")
    async with world.client("v", "openid") as nobody:
        assert (await nobody.get("/v3/apps")).status_code == 403
        assert (await nobody.get("/v3/apps", headers={"Authorization": "bearer x"})).json()["errors"][0]["code"] == 1000


async def test_a_silent_uaa_is_no_fault_of_the_token(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(world.keys, "fetch", silent)
    async with world.client() as cli:
        reply = await cli.get("/v3/apps")
    assert (reply.status_code, reply.json()["errors"][0]["title"]) == (503, "CF-UaaUnavailable")


@pytest.mark.slow
async def test_the_ssh_proxy_asks_who_may_log_in(world: World) -> None:
    from tests.unit.releases.capi import steps

    async with world.client() as cli, world.internal() as proxy:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        url = f"/internal/apps/{app['guid']}/ssh_access/0"
        admin, other = token("admin", "cloud_controller.admin"), token("other", "cloud_controller.read")
        allowed = await proxy.get(url, headers={"Authorization": f"bearer {admin}"})
        assert allowed.json()["process_guid"] in world.bbs.desired
        assert (await proxy.get(url, headers={"Authorization": f"bearer {other}"})).status_code == 403
        events = await steps.ok(await cli.get("/v3/audit_events?types=audit.app.ssh-unauthorized"))
        assert events["resources"][0]["actor"]["guid"] == "other"
