"""``/oauth/token`` as the cf CLI and the components call it, and what reads and revokes tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from .conftest import URL, Maker, World, claims

LOCKED = "Your account has been locked because of too many failed attempts to login."


# --- password ----------------------------------------------------------------------------------------------------------------------


def test_a_password_gives_a_token_with_the_real_fields(world: World) -> None:
    answer = world.login("admin", "adm1n")
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "id_token", "refresh_token", "expires_in", "scope", "jti"}
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == 1199
    said = claims(answer.json["access_token"])
    user_id = world.user_id("admin")
    now = world.now_ms // 1000
    assert said == {
        "jti": answer.json["jti"],
        "sub": user_id,
        "scope": sorted(answer.json["scope"].split()),
        "client_id": "cf",
        "cid": "cf",
        "azp": "cf",
        "client_auth_method": "none",
        "grant_type": "password",
        "user_id": user_id,
        "origin": "uaa",
        "user_name": "admin",
        "email": "admin@test.org",
        "auth_time": now,
        "rev_sig": said["rev_sig"],
        "iat": now,
        "exp": now + 1200,
        "iss": f"{URL}/oauth/token",
        "zid": "uaa",
        "aud": said["aud"],
    }
    assert set(said["aud"]) == {"cf", "cloud_controller", "scim", "clients", "openid", "password", "uaa"}
    assert len(said["jti"]) == 32
    assert "cloud_controller.admin" in said["scope"]
    assert "TokenIssued" in world.events


def test_scopes_are_the_users_own(world: World) -> None:
    scope = world.login().json["scope"].split()
    assert "cloud_controller.admin" not in scope
    assert {"cloud_controller.read", "cloud_controller.write", "openid"} <= set(scope)


def test_fewer_scopes_can_be_asked_for_but_no_others(world: World) -> None:
    assert world.login(scope="openid").json["scope"] == "openid"
    refused = world.login(scope="openid doppler.firehose")
    assert (refused.status, refused.json["error"]) == (400, "invalid_scope")
    nothing = world.login(scope="cloud_controller.admin")
    assert (nothing.status, nothing.json["error"]) == (400, "invalid_scope")
    assert "This user is not allowed any of the requested scopes" in nothing.json["error_description"]


@pytest.mark.parametrize(
    ("name", "password"), [("marissa", "wrong"), ("nobody", "koala"), ("marissa", ""), ("", "koala")]
)
def test_wrong_is_wrong_in_one_way(world: World, name: str, password: str) -> None:
    answer = world.login(name, password)
    assert answer.status == 401
    assert answer.json == {"error": "unauthorized", "error_description": "Bad credentials"}


def test_names_have_no_case(world: World) -> None:
    assert world.login("MARISSA").status == 200


def test_the_client_may_come_in_the_form(world: World) -> None:
    """``cf auth --client-credentials`` (cf CLI: api/uaa/auth.go)."""
    form = {"grant_type": "client_credentials", "client_id": "gorouter", "client_secret": "old"}
    assert world.call("POST", "/oauth/token", form=form).status == 200
    assert world.call("POST", "/oauth/token", form=form | {"client_secret": "bad"}).status == 401


def test_a_client_must_be_known_and_prove_it(world: World) -> None:
    for client, secret in (("cf", "x"), ("nobody", ""), ("gorouter", "")):
        answer = world.token(client, secret, grant_type="password", username="marissa", password="koala")
        assert (answer.status, answer.json["error"]) == (401, "unauthorized")
        assert answer.header("www-authenticate").startswith('Basic realm="UAA/client", error="unauthorized"')
    assert world.call("POST", "/oauth/token", form={"grant_type": "password"}).status == 401


def test_secrets_are_form_encoded_inside_basic(maker: Maker) -> None:
    client = {"odd": {"secret": "a b:%", "authorized-grant-types": "client_credentials", "authorities": "x.y"}}
    world = maker(clients=client)
    world.restart()
    assert world.token("odd", quote("a b:%"), grant_type="client_credentials").status == 200
    broken = world.call("POST", "/oauth/token", headers={"authorization": "Basic !!!"}, form={"grant_type": "x"})
    assert broken.status == 401


def test_grants_that_a_client_has_not(world: World) -> None:
    answer = world.token("gorouter", "old", grant_type="password", username="marissa", password="koala")
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert world.token(grant_type="magic").json["error"] == "unsupported_grant_type"
    assert world.token().json == {"error": "invalid_request", "error_description": "Missing grant type"}
    other = world.token(grant_type="password", client_id="gorouter", username="marissa", password="koala")
    assert other.json["error_description"] == "Given client ID does not match authenticated client"


def test_the_origin_of_a_login_hint(world: World) -> None:
    hint = quote(json.dumps({"origin": "uaa"}))
    form = {"grant_type": "password", "username": "marissa", "password": "koala"}
    assert world.call("POST", f"/oauth/token?login_hint={hint}", basic=("cf", ""), form=form).status == 200
    other = quote(json.dumps({"origin": "ldap"}))
    refused = world.call("POST", f"/oauth/token?login_hint={other}", basic=("cf", ""), form=form)
    assert refused.status == 401
    assert "does not match an active Identity Provider" in refused.json["error_description"]
    assert world.call("POST", "/oauth/token?login_hint=rubbish", basic=("cf", ""), form=form).status == 200


def test_clients_for_users_of_some_origins(maker: Maker) -> None:
    closed = {"secret": "", "authorized-grant-types": "password", "scope": "openid", "allowedproviders": ["ldap"]}
    world = maker(clients={"closed": closed})
    world.restart()
    form = {"grant_type": "password", "username": "marissa", "password": "koala"}
    assert world.token("closed", "", **form).status == 401
    hinted = world.token("closed", "", **form, login_hint=json.dumps({"origin": "saml"}))
    assert hinted.json["error_description"] == "Client is not authorized for specified user's identity provider."


def test_clients_for_users_of_some_groups(maker: Maker) -> None:
    picky = {
        "secret": "",
        "authorized-grant-types": "password",
        "scope": "openid",
        "required_user_groups": ["scim.write"],
    }
    world = maker(clients={"picky": picky})
    world.restart()
    assert world.token("picky", "", grant_type="password", username="admin", password="adm1n").status == 200
    refused = world.token("picky", "", grant_type="password", username="marissa", password="koala")
    assert "required group criteria" in refused.json["error_description"]


# --- lockout -----------------------------------------------------------------------------------------------------------------------


def test_five_failures_lock_for_five_minutes(world: World) -> None:
    for _ in range(5):
        assert world.login(password="no").json["error_description"] == "Bad credentials"
    locked = world.login()
    assert (locked.status, locked.json) == (401, {"error": "unauthorized", "error_description": LOCKED})
    world.later(301)
    assert world.login().status == 200
    assert world.login(password="no").json["error_description"] == "Bad credentials"
    assert world.login().status == 200


def test_old_failures_do_not_count(world: World) -> None:
    for _ in range(4):
        world.login(password="no")
    world.later(1201)
    world.login(password="no")
    assert world.login().status == 200


def test_an_administrator_lets_a_locked_user_in(world: World) -> None:
    for _ in range(5):
        world.login(password="no")
    path = f"/Users/{world.user_id('marissa')}/status"
    assert world.call("PATCH", path, token=world.client_token(), body={"locked": False}).json == {"locked": False}
    assert world.login().status == 200
    assert world.call("PATCH", path, token=world.client_token(), body={"locked": True}).status == 400


# --- client credentials ------------------------------------------------------------------------------------------------------------


def test_a_client_gets_its_authorities(world: World) -> None:
    answer = world.token("gorouter", "new", grant_type="client_credentials")
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope", "jti"}
    said = claims(answer.json["access_token"])
    assert (said["sub"], said["scope"], said["authorities"]) == (
        "gorouter",
        ["routing.routes.read"],
        ["routing.routes.read"],
    )
    assert said["exp"] - said["iat"] == 43200
    assert "user_id" not in said
    assert "client_auth_method" not in said
    assert world.token("gorouter", "new", grant_type="client_credentials", scope="x.y").json["error"] == "invalid_scope"


# --- refresh -----------------------------------------------------------------------------------------------------------------------


def test_a_refresh_token_gives_access_again(world: World) -> None:
    first = world.login().json
    said = claims(first["refresh_token"])
    assert said["jti"].endswith("-r")
    assert said["exp"] - said["iat"] == 2592000
    world.later(1500)
    again = world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.status == 200
    assert again.json["refresh_token"] == first["refresh_token"]
    fresh, old = claims(again.json["access_token"]), claims(first["access_token"])
    assert fresh["jti"] != old["jti"]
    assert fresh["iat"] == old["iat"] + 1500
    same = {"scope", "aud", "auth_time", "rev_sig", "sub", "grant_type"}
    assert {key: fresh[key] for key in same} == {key: old[key] for key in same}


def test_refreshing_can_narrow_but_not_widen(world: World) -> None:
    token = world.login(scope="openid uaa.user").json["refresh_token"]
    narrow = world.token(grant_type="refresh_token", refresh_token=token, scope="openid")
    assert narrow.json["scope"] == "openid"
    wide = world.token(grant_type="refresh_token", refresh_token=token, scope="scim.me")
    assert (wide.status, wide.json["error"]) == (400, "invalid_scope")


def test_refresh_tokens_that_are_none(world: World) -> None:
    token = world.login().json
    for value in ("", "rubbish", token["access_token"], "a.b.c"):
        answer = world.token(grant_type="refresh_token", refresh_token=value)
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    other = world.token("spa", "unused", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert other.json["error_description"] == "Wrong client for this refresh token: cf"
    world.later(2592001)
    assert world.token(grant_type="refresh_token", refresh_token=token["refresh_token"]).status == 401


def test_a_refresh_token_is_no_access_token(world: World) -> None:
    token = world.login("admin", "adm1n").json["refresh_token"]
    assert world.call("GET", "/Users", token=token).json["error"] == "invalid_token"


def test_rotated_refresh_tokens_are_for_one_use(maker: Maker, keys_pem: tuple[str, str]) -> None:
    policy = {"keys": {"key-1": {"signingKey": keys_pem[0]}}}
    world = maker(jwt={"policy": policy, "refresh": {"rotate": True}})
    first = world.login().json["refresh_token"]
    second = world.token(grant_type="refresh_token", refresh_token=first).json["refresh_token"]
    assert second != first
    assert world.token(grant_type="refresh_token", refresh_token=first).status == 401
    assert world.token(grant_type="refresh_token", refresh_token=second).status == 200
    assert claims(second)["exp"] == claims(first)["exp"]


def test_opaque_refresh_tokens(maker: Maker, keys_pem: tuple[str, str]) -> None:
    world = maker(jwt={"policy": {"keys": {"k": {"signingKey": keys_pem[0]}}}, "refresh": {"format": "opaque"}})
    token = world.login().json["refresh_token"]
    assert len(token) == 34
    assert token.endswith("-r")
    again = world.token(grant_type="refresh_token", refresh_token=token)
    assert (again.status, again.json["refresh_token"]) == (200, token)


def test_unique_refresh_tokens_void_earlier_ones(maker: Maker, keys_pem: tuple[str, str]) -> None:
    policy = {"keys": {"k": {"signingKey": keys_pem[0]}}}
    world = maker(jwt={"policy": policy, "refresh": {"unique": True}, "revocable": True})
    first, second = world.login().json["refresh_token"], world.login().json["refresh_token"]
    assert world.token(grant_type="refresh_token", refresh_token=first).status == 401
    assert world.token(grant_type="refresh_token", refresh_token=second).status == 200


def test_only_who_approved_offline_access_gets_refresh_tokens(maker: Maker, keys_pem: tuple[str, str]) -> None:
    world = maker(jwt={"policy": {"keys": {"k": {"signingKey": keys_pem[0]}}}, "refresh": {"restrict_grant": True}})
    assert "refresh_token" not in world.login().json


def test_keys_change_while_tokens_live(maker: Maker, keys_pem: tuple[str, str]) -> None:
    before = maker()
    token = before.user_token("admin", "adm1n")
    keys = {"key-1": {"signingKey": keys_pem[0]}, "key-2": {"signingKey": keys_pem[1]}}
    after = maker(jwt={"policy": {"active_key_id": "key-2", "keys": keys}})
    assert after.call("GET", "/Users", token=token).status == 200
    gone = maker(jwt={"policy": {"keys": {"key-2": {"signingKey": keys_pem[1]}}}})
    assert gone.call("GET", "/Users", token=token).status == 401


# --- opaque ------------------------------------------------------------------------------------------------------------------------


def test_opaque_tokens_are_only_read_here(world: World) -> None:
    answer = world.login("admin", "adm1n", token_format="opaque").json
    token = answer["access_token"]
    assert (len(token), token) == (32, answer["jti"])
    assert world.call("GET", "/Users", token=token).status == 200
    said = world.call("POST", "/check_token", basic=("doppler", "dop"), form={"token": token}).json
    assert (said["revocable"], said["user_name"]) == (True, "admin")
    world.later(1201)
    assert world.call("GET", "/Users", token=token).status == 401


def test_the_id_of_a_readable_token_does_not_stand_for_it(maker: Maker, keys_pem: tuple[str, str]) -> None:
    world = maker(jwt={"policy": {"keys": {"k": {"signingKey": keys_pem[0]}}}, "revocable": True})
    answer = world.login("admin", "adm1n").json
    assert world.call("GET", "/Users", token=answer["access_token"]).status == 200
    assert world.call("GET", "/Users", token=answer["jti"]).status == 401


# --- reading -----------------------------------------------------------------------------------------------------------------------


def test_a_resource_server_may_look_into_tokens(world: World) -> None:
    token = world.user_token()
    seen = world.call("POST", "/check_token", basic=("doppler", "dop"), form={"token": token})
    assert (seen.status, seen.json) == (200, claims(token))
    assert world.call("POST", "/check_token", basic=("gorouter", "old"), form={"token": token}).status == 403
    assert world.call("POST", "/check_token", form={"token": token}).status == 401
    lacking = {"token": token, "scopes": "openid,scim.write"}
    missing = world.call("POST", "/check_token", basic=("doppler", "dop"), form=lacking)
    assert missing.json["error_description"] == "Some requested scopes are missing: scim.write"
    bad = world.call("POST", "/check_token", basic=("doppler", "dop"), form={"token": "x"})
    assert (bad.status, bad.json["error"]) == (400, "invalid_token")
    assert world.call("POST", "/check_token", basic=("doppler", "dop"), form={}).status == 400


def test_introspection(world: World) -> None:
    token = world.user_token()
    seen = world.call("POST", "/introspect", basic=("doppler", "dop"), form={"token": token}).json
    assert seen == {**claims(token), "active": True}
    assert world.call("POST", "/introspect", basic=("doppler", "dop"), form={"token": "x"}).json == {"active": False}
    with_bearer = world.call("POST", "/introspect", token=world.client_token("doppler", "dop"), form={"token": token})
    assert with_bearer.json["active"] is True


# --- revoking ----------------------------------------------------------------------------------------------------------------------


def test_logging_out_revokes_what_is_stored(world: World) -> None:
    """``cf logout`` (cf CLI: api/uaa/auth.go): its token is nowhere stored, and the CLI goes on after 404."""
    plain = world.login().json
    assert world.call("DELETE", f"/oauth/token/revoke/{plain['jti']}", token=plain["access_token"]).status == 404
    opaque = world.login(token_format="opaque").json
    path = f"/oauth/token/revoke/{opaque['jti']}"
    assert world.call("DELETE", path, token=opaque["access_token"]).status == 200
    assert world.call("GET", "/userinfo", token=opaque["access_token"]).status == 401


def test_others_tokens_need_a_scope(world: World) -> None:
    opaque = world.login("admin", "adm1n", token_format="opaque").json
    path = f"/oauth/token/revoke/{opaque['jti']}"
    assert world.call("DELETE", path, token=world.user_token()).status == 403
    assert world.call("DELETE", path, token=world.client_token()).status == 200


def test_all_tokens_of_a_user(world: World) -> None:
    answer, user_id = world.login().json, world.user_id("marissa")
    other = world.user_token("admin", "adm1n")
    assert world.call("GET", f"/oauth/token/revoke/user/{user_id}", token=other).status == 403
    assert world.call("GET", f"/oauth/token/revoke/user/{user_id}", token=answer["access_token"]).status == 200
    assert world.call("GET", "/userinfo", token=answer["access_token"]).json["error"] == "invalid_token"
    assert world.token(grant_type="refresh_token", refresh_token=answer["refresh_token"]).status == 401
    assert world.call("GET", "/userinfo", token=other).status == 200
    assert world.call("GET", "/oauth/token/revoke/user/none", token=world.client_token()).status == 404


def test_all_tokens_of_a_client(world: World) -> None:
    token = world.user_token()
    assert world.call("GET", "/oauth/token/revoke/client/cf", token=token).status == 403
    assert world.call("GET", "/oauth/token/revoke/client/cf", token=world.client_token()).status == 200
    assert world.call("GET", "/userinfo", token=token).status == 401
    assert world.login().status == 200


def test_stored_tokens_are_listed_without_their_values(world: World) -> None:
    opaque, user_id = world.login(token_format="opaque").json, world.user_id("marissa")
    own = world.call("GET", "/oauth/token/list", token=opaque["access_token"]).json
    assert {item["responseType"] for item in own} == {"ACCESS_TOKEN", "REFRESH_TOKEN"}
    assert all(item["value"] is None for item in own)
    path = f"/oauth/token/list/user/{user_id}"
    assert world.call("GET", path, token=world.user_token()).status == 403
    assert world.call("GET", path, token=world.client_token()).json == own
    gone = f"/oauth/token/revoke/user/{user_id}/client/cf"
    assert world.call("GET", gone, token=world.client_token()).status == 200
    assert world.call("GET", path, token=world.client_token()).json == []


def test_a_new_secret_or_password_voids_tokens(world: World) -> None:
    token, user_id = world.user_token(), world.user_id("marissa")
    body = {"oldPassword": "koala", "password": "other"}
    assert world.call("PUT", f"/Users/{user_id}/password", token=token, body=body).status == 200
    assert world.call("GET", "/userinfo", token=token).status == 401


# --- codes -------------------------------------------------------------------------------------------------------------------------


def code(world: World, client: str, token: str | None = None, **more: str) -> str:
    query = "&".join(
        f"{key}={quote(value, safe='')}"
        for key, value in {"response_type": "code", "client_id": client, **more}.items()
    )
    answer = world.call("GET", f"/oauth/authorize?{query}", token=token or world.user_token())
    assert answer.status == 302, answer.text
    return parse_qs(urlsplit(answer.header("location")).query)["code"][0]


def test_a_code_is_exchanged_once(world: World) -> None:
    value = code(world, "ssh-proxy")
    answer = world.token("ssh-proxy", "ssh", grant_type="authorization_code", code=value)
    assert set(answer.json) == {"access_token", "token_type", "id_token", "refresh_token", "expires_in", "scope", "jti"}
    said = claims(answer.json["access_token"])
    assert (said["cid"], said["grant_type"], said["user_name"]) == ("ssh-proxy", "authorization_code", "marissa")
    assert said["scope"] == ["cloud_controller.read", "openid"]
    again = world.token("ssh-proxy", "ssh", grant_type="authorization_code", code=value)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


def test_a_code_belongs_to_its_client_and_lives_five_minutes(world: World) -> None:
    stolen = world.token("dashboard", "dash", grant_type="authorization_code", code=code(world, "ssh-proxy"))
    assert stolen.status == 401
    old = code(world, "ssh-proxy")
    world.later(301)
    assert world.token("ssh-proxy", "ssh", grant_type="authorization_code", code=old).status == 400
    assert world.token("ssh-proxy", "ssh", grant_type="authorization_code").json["error"] == "invalid_request"


def test_the_address_must_be_the_one_that_was_asked_for(world: World) -> None:
    value = code(world, "ssh-proxy", redirect_uri=f"{URL}/login")
    refused = world.token("ssh-proxy", "ssh", grant_type="authorization_code", code=value, redirect_uri=f"{URL}/other")
    assert refused.json["error_description"] == "Redirect URI mismatch."


def test_a_public_client_proves_with_pkce_that_it_asked(world: World) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    address = "https://spa.example.com/callback"
    more = {"redirect_uri": address, "code_challenge": challenge, "code_challenge_method": "S256"}

    def exchange(verifier: str | None) -> tuple[int, dict[str, str]]:
        value = code(world, "spa", **more)
        form = {"grant_type": "authorization_code", "client_id": "spa", "code": value, "redirect_uri": address}
        answer = world.call("POST", "/oauth/token", form=form | ({"code_verifier": verifier} if verifier else {}))
        return answer.status, answer.json

    assert exchange("w" * 43) == (400, {"error": "invalid_grant", "error_description": "Invalid code verifier"})
    assert exchange(None)[0] == 401
    status, given = exchange(verifier)
    assert status == 200
    assert claims(given["access_token"])["client_auth_method"] == "none"
    form = {"grant_type": "refresh_token", "client_id": "spa", "refresh_token": given["refresh_token"]}
    again = world.call("POST", "/oauth/token", form=form)
    assert again.status == 200
    assert world.call("POST", "/oauth/token", form=form).status == 401
    assert world.call("POST", "/oauth/token", form=form | {"refresh_token": again.json["refresh_token"]}).status == 200


def test_a_secret_is_still_needed_where_pkce_was_used_with_one(world: World) -> None:
    given = world.token("ssh-proxy", "ssh", grant_type="authorization_code", code=code(world, "ssh-proxy")).json
    form = {"grant_type": "refresh_token", "client_id": "ssh-proxy", "refresh_token": given["refresh_token"]}
    assert world.call("POST", "/oauth/token", form=form).status == 401
