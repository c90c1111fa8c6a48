"""Keys, discovery, health, who a token's user is."""

from __future__ import annotations

import jwt
import pytest
from sqlalchemy.exc import OperationalError

from .conftest import URL, Maker, World


def test_the_key_that_signs(world: World) -> None:
    key = world.call("GET", "/token_key").json
    assert set(key) == {"kty", "e", "use", "kid", "alg", "value", "n"}
    assert (key["kid"], key["alg"], key["use"], key["kty"]) == ("key-1", "RS256", "sig", "RSA")
    assert jwt.decode(
        world.user_token(), key["value"], algorithms=["RS256"], audience="cf", options={"verify_exp": False}
    )


def test_all_keys_and_whether_they_changed(world: World) -> None:
    answer = world.call("GET", "/token_keys")
    assert [key["kid"] for key in answer.json["keys"]] == ["key-1", "key-2"]
    tag = answer.header("etag")
    assert world.call("GET", "/token_keys", headers={"if-none-match": tag}).status == 304
    assert world.call("GET", "/token_keys", headers={"if-none-match": "other"}).status == 200


def test_a_shared_key_is_shown_to_resource_servers_alone(maker: Maker) -> None:
    world = maker(jwt={"policy": {"keys": {"shared": {"signingKey": "a shared secret of some length!!"}}}})
    assert world.call("GET", "/token_key").status == 403
    assert world.call("GET", "/token_keys").json == {"keys": []}
    assert world.call("GET", "/token_key", basic=("doppler", "dop")).json["kty"] == "MAC"
    assert len(world.call("GET", "/token_keys", basic=("doppler", "dop")).json["keys"]) == 1
    assert world.call("GET", "/token_key", basic=("gorouter", "old")).status == 403


def test_discovery(world: World) -> None:
    said = world.call("GET", "/.well-known/openid-configuration").json
    assert said["issuer"] == f"{URL}/oauth/token"
    assert said["token_endpoint"] == f"{URL}/oauth/token"
    assert said["jwks_uri"] == f"{URL}/token_keys"
    assert said["authorization_endpoint"] == "https://login.sys.example.com/oauth/authorize"


def test_userinfo(world: World) -> None:
    world.login()
    world.later(5)
    said = world.call("GET", "/userinfo", token=world.user_token()).json
    assert said == {
        "user_id": said["sub"],
        "sub": world.user_id("marissa"),
        "user_name": "marissa",
        "given_name": "Marissa",
        "family_name": "Bloggs",
        "name": "Marissa Bloggs",
        "email": "marissa@test.org",
        "email_verified": True,
        "previous_logon_time": world.now_ms - 5000,
    }
    assert world.call("GET", "/userinfo", token=world.client_token()).status == 403


def test_health(world: World) -> None:
    assert (world.call("GET", "/healthz").status, world.call("GET", "/healthz").text) == (200, "ok\n")
    world.uaa.stopping.set()
    stopping = world.call("GET", "/healthz")
    assert (stopping.status, stopping.text) == (503, "stopping\n")


def test_without_its_database_the_server_says_so(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    world = maker()

    def gone(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(world.uaa.db.engine, "connect", gone)
    assert world.call("GET", "/healthz").status == 503
    answer = world.login()
    assert (answer.status, answer.json["error"]) == (503, "server_error")


def test_tokens_expire(world: World) -> None:
    token = world.user_token()
    world.later(1199)
    assert world.call("GET", "/userinfo", token=token).status == 200
    world.later(1)
    refused = world.call("GET", "/userinfo", token=token)
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in refused.header("www-authenticate")


def test_addresses_and_methods_that_are_not_there(world: World) -> None:
    assert world.call("GET", "/nothing").status == 404
    assert world.call("DELETE", "/Users").status == 405
    assert world.call("GET", "/", headers={"accept": "text/html"}).header("location") == "/home"
    assert world.call("GET", "/RateLimitingStatus").status == 200


def test_people_see_a_page_where_something_went_wrong(world: World) -> None:
    page = world.call("GET", "/oauth/authorize?client_id=<x>", headers={"accept": "text/html"})
    assert page.status == 401
    assert "&lt;x&gt;" in page.text
    assert "<x>" not in page.text
