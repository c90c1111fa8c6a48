"""``/oauth/clients``, ``/identity-providers`` and ``/identity-zones``."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from .conftest import World, claims, filtered

NEW: dict[str, Any] = {
    "client_id": "app",
    "client_secret": "s3cret",
    "scope": ["openid"],
    "authorized_grant_types": ["authorization_code", "client_credentials"],
    "authorities": ["x.read"],
    "redirect_uri": ["https://app.example.com"],
    "autoapprove": True,
    "access_token_validity": 60,
    "name": "App",
    "approvals_deleted": True,
}


def test_a_client_is_made_shown_changed_and_deleted(world: World) -> None:
    token = world.client_token()
    made = world.call("POST", "/oauth/clients", token=token, body=NEW)
    assert made.status == 201
    assert made.json == {
        "client_id": "app",
        "scope": ["openid"],
        "resource_ids": ["none"],
        "authorized_grant_types": ["authorization_code", "client_credentials", "refresh_token"],
        "redirect_uri": ["https://app.example.com"],
        "autoapprove": True,
        "action": "none",
        "authorities": ["x.read"],
        "access_token_validity": 60,
        "name": "App",
        "lastModified": world.now_ms,
    }
    said = claims(world.token("app", "s3cret", grant_type="client_credentials").json["access_token"])
    assert (said["scope"], said["exp"] - said["iat"]) == (["x.read"], 60)
    taken = world.call("POST", "/oauth/clients", token=token, body=NEW)
    assert (taken.status, taken.json["error_description"]) == (409, "Client already exists: app")
    changed = world.call(
        "PUT", "/oauth/clients/app", token=token, body=NEW | {"scope": ["a", "b"], "client_secret": "ignored"}
    )
    assert changed.json["scope"] == ["a", "b"]
    assert world.token("app", "s3cret", grant_type="client_credentials").status == 200
    assert world.call("GET", "/oauth/clients/app", token=token).json == changed.json
    assert world.call("DELETE", "/oauth/clients/app", token=token).json["client_id"] == "app"
    gone = world.call("GET", "/oauth/clients/app", token=token)
    assert (gone.status, gone.json["error_description"]) == (404, "No client with requested id: app")


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": ""},
        {"client_id": "a/b"},
        {"authorized_grant_types": []},
        {"authorized_grant_types": ["magic"]},
        {"redirect_uri": []},
        {"client_secret": None},
        {"authorized_grant_types": ["implicit"]},
        {"access_token_validity": "x"},
    ],
)
def test_what_is_no_client_is_refused(world: World, change: dict[str, Any]) -> None:
    answer = world.call("POST", "/oauth/clients", token=world.client_token(), body=NEW | change)
    assert answer.status == 400
    assert answer.json["error"] in {"invalid_client", "invalid_request"}


def test_the_command_line_looks_up_clients(world: World) -> None:
    """``cf set-org-role --client`` (cf CLI: api/uaa/user.go): 404 and 403 are told apart."""
    token = world.user_token("admin", "adm1n")
    assert world.call("GET", "/oauth/clients/gorouter", token=token).status == 200
    assert world.call("GET", "/oauth/clients/nobody", token=token).status == 404
    assert world.call("GET", "/oauth/clients/gorouter", token=world.user_token()).json["error"] == "insufficient_scope"


def test_lists(world: World) -> None:
    token = world.client_token()

    def found(text: str, more: str = "") -> list[str]:
        answer = world.call("GET", f"/oauth/clients?filter={quote(text)}{more}", token=token).json
        return [item["client_id"] for item in answer["resources"]]

    assert found('client_id eq "cf"') == ["cf"]
    assert found('client_id sw "s"', "&sortOrder=descending") == ["super", "ssh-proxy", "spa"]
    assert found('client_id sw "s" and authorities co "admin"') == ["super"]
    assert found('scope eq "cloud_controller.admin" or client_id eq "doppler"', "&count=2") == ["cf", "doppler"]
    assert found("access_token_validity ge 1200") == ["cf"]
    assert found("name pr") == ["dashboard"]
    few = world.call("GET", "/oauth/clients?attributes=client_id&count=1&startIndex=2", token=token).json
    assert (few["resources"], few["schemas"]) == (
        [{"client_id": "cf"}],
        ["http://cloudfoundry.org/schema/scim/oauth-clients-1.0"],
    )
    assert world.call("GET", "/oauth/clients?filter=x", token=token).status == 400


def test_secrets_are_exchanged_without_an_outage(world: World) -> None:
    token, path = world.client_token(), "/oauth/clients/doppler/secret"

    def works(secret: str) -> bool:
        return world.token("doppler", secret, grant_type="client_credentials").status == 200

    held = world.client_token("doppler", "dop")
    assert (
        world.call("PUT", path, token=token, body={"secret": "two", "changeMode": "ADD"}).json["message"]
        == "Secret is added"
    )
    assert works("dop")
    assert works("two")
    assert world.call("PUT", path, token=token, body={"secret": "3", "changeMode": "ADD"}).status == 400
    assert world.call("POST", "/introspect", token=held, form={"token": held}).json["active"] is True
    assert world.call("PUT", path, token=token, body={"changeMode": "DELETE"}).json["message"] == "Secret is deleted"
    assert not works("dop")
    assert world.call("PUT", path, token=token, body={"changeMode": "DELETE"}).status == 400
    assert world.call("POST", "/introspect", token=held, form={"token": held}).status == 401
    assert world.call("PUT", path, token=token, body={"secret": "new"}).json == {
        "status": "ok",
        "message": "secret updated",
    }
    assert works("new")
    assert not works("two")


def test_a_client_changes_its_own_secret_with_the_old_one(world: World) -> None:
    token = world.client_token("registrar", "reg")
    assert world.call("PUT", "/oauth/clients/cf/secret", token=token, body={"secret": "x"}).status == 400
    wrong = world.call("PUT", "/oauth/clients/registrar/secret", token=token, body={"secret": "x", "oldSecret": "no"})
    assert wrong.status == 400
    right = world.call("PUT", "/oauth/clients/registrar/secret", token=token, body={"secret": "x", "oldSecret": "reg"})
    assert right.status == 200


def test_who_is_no_administrator_gives_no_more_than_it_has(world: World) -> None:
    token = world.client_token("registrar", "reg")
    base = NEW | {"authorities": ["uaa.none"], "scope": ["openid"]}
    assert world.call("POST", "/oauth/clients", token=token, body=base).status == 201
    other = base | {"client_id": "other"}
    for change in (
        {"scope": ["cloud_controller.admin"]},
        {"authorities": ["uaa.admin"]},
        {"authorized_grant_types": ["password"]},
        {"authorized_grant_types": ["authorization_code", "implicit"]},
    ):
        assert world.call("POST", "/oauth/clients", token=token, body=other | change).json["error"] == "invalid_client"
    assert world.call("PUT", "/oauth/clients/app", token=token, body=base | {"scope": ["scim.write"]}).status == 400
    fine = other | {"scope": ["registrar.own"], "authorities": ["uaa.resource"]}
    assert world.call("POST", "/oauth/clients", token=token, body=fine).status == 201


def test_the_cloud_controller_keeps_dashboards_in_one_go(world: World) -> None:
    token, path = world.client_token(), "/oauth/clients/tx/modify"
    dash = {
        "client_id": "dash-1",
        "client_secret": "s",
        "redirect_uri": "https://dash",
        "scope": ["openid"],
        "authorities": ["uaa.resource"],
        "authorized_grant_types": ["authorization_code"],
    }
    made = world.call("POST", path, token=token, body=[dash | {"action": "add"}])
    assert (made.status, made.json[0]["action"]) == (200, "add")
    half = world.call(
        "POST",
        path,
        token=token,
        body=[dash | {"action": "add", "client_id": "dash-2"}, {"client_id": "no", "action": "delete"}],
    )
    assert half.status == 404
    assert world.call("GET", "/oauth/clients/dash-2", token=token).status == 404
    changes = [dash | {"action": "update,secret", "client_secret": "t", "redirect_uri": "https://other"}]
    assert world.call("POST", path, token=token, body=changes).json[0]["redirect_uri"] == ["https://other"]
    assert (
        world.call(
            "POST", path, token=token, body=[{"client_id": "dash-1", "action": "secret", "client_secret": "u"}]
        ).status
        == 200
    )
    assert world.call("POST", path, token=token, body=[dash | {"action": "paint"}]).status == 400
    assert world.call("POST", path, token=token, body=[]).status == 400
    gone = world.call("POST", path, token=token, body=[{"client_id": "dash-1", "action": "delete"}])
    assert gone.json[0]["approvals_deleted"] is True
    assert world.call("POST", path, token=world.client_token("registrar", "reg"), body=[dash]).status == 403


def test_several_at_once(world: World) -> None:
    token = world.client_token()
    pair = [NEW | {"client_id": name} for name in ("a1", "a2")]
    assert world.call("POST", "/oauth/clients/tx", token=token, body=pair).status == 201
    renamed = [item | {"name": "N"} for item in pair]
    assert [item["name"] for item in world.call("PUT", "/oauth/clients/tx", token=token, body=renamed).json] == [
        "N",
        "N",
    ]
    secrets = [{"clientId": "a1", "secret": "z"}]
    assert world.call("POST", "/oauth/clients/tx/secret", token=token, body=secrets).status == 200
    assert world.token("a1", "z", grant_type="client_credentials").status == 200
    assert world.call("POST", "/oauth/clients/tx/delete", token=token, body=pair).status == 200
    assert world.call("GET", "/oauth/clients/a2", token=token).status == 404


def test_how_a_client_shows_itself(world: World) -> None:
    token, path = world.client_token(), "/oauth/clients/dashboard/meta"
    body = {"clientName": "D", "showOnHomePage": True, "appLaunchUrl": "https://dash"}
    stored = world.call("PUT", path, token=token, body=body).json
    assert stored == {"clientId": "dashboard", **body}
    assert world.call("GET", path, token=world.user_token()).json == stored
    assert stored in world.call("GET", "/oauth/clients/meta", token=token).json


# --- providers and zones -----------------------------------------------------------------------------------------------------------


def test_providers_are_stored(world: World) -> None:
    token = world.client_token()
    (own,) = world.call("GET", "/identity-providers", token=token).json
    assert (own["originKey"], own["type"], own["active"], own["identityZoneId"]) == ("uaa", "uaa", True, "uaa")
    body = {
        "originKey": "okta",
        "name": "Okta",
        "type": "oidc1.0",
        "active": True,
        "config": {"relyingPartySecret": "s", "issuer": "i"},
    }
    made = world.call("POST", "/identity-providers?rawConfig=true", token=token, body=body)
    assert (made.status, made.json["config"]) == (201, '{"issuer":"i"}')
    assert world.call("POST", "/identity-providers", token=token, body=body).status == 409
    path = f"/identity-providers/{made.json['id']}"
    assert world.call("GET", f"{path}?rawConfig=true", token=token).json["config"] == {"issuer": "i"}
    put = world.call("PUT", path, token=token, body=body | {"config": '{"issuer":"j"}', "active": False})
    assert (put.json["config"], put.json["version"]) == ('{"issuer":"j"}', 1)
    assert len(world.call("GET", "/identity-providers?active_only=true", token=token).json) == 1
    assert world.call("GET", "/identity-providers?originKey=okta", token=token).json[0]["id"] == made.json["id"]
    inactive = {"userName": "u", "origin": "okta", "emails": [{"value": "u"}]}
    assert world.call("POST", "/Users", token=token, body=inactive).status == 400
    world.call("PUT", path, token=token, body=body)
    assert world.call("POST", "/Users", token=token, body=inactive).status == 201
    assert world.call("DELETE", path, token=token).status == 200
    assert world.call("GET", filtered("/Users", 'origin eq "okta"'), token=token).json["totalResults"] == 0
    assert world.call("GET", path, token=token).status == 404
    for wrong in ({"type": "magic"}, {"originKey": ""}, {"config": "{"}, {"config": [1]}):
        assert world.call("POST", "/identity-providers", token=token, body=body | wrong).status == 400


def test_the_provider_of_passwords_can_be_switched_off_but_not_deleted(world: World) -> None:
    token = world.client_token()
    (own,) = world.call("GET", "/identity-providers", token=token).json
    path = f"/identity-providers/{own['id']}"
    assert world.call("DELETE", path, token=token).status == 400
    assert world.call("PUT", path, token=token, body=own | {"type": "ldap"}).status == 400
    assert world.call("PUT", path, token=token, body=own | {"active": False}).status == 200
    assert world.login().status == 401


def test_there_is_one_zone(world: World) -> None:
    token = world.client_token()
    (zone,) = world.call("GET", "/identity-zones", token=token).json
    assert (zone["id"], zone["subdomain"], zone["config"]["tokenPolicy"]["activeKeyId"]) == ("uaa", "", "key-1")
    assert world.call("GET", "/identity-zones/uaa", token=token).json == zone
    assert world.call("GET", "/identity-zones/other", token=token).status == 404
    assert world.call("GET", "/identity-zones", token=world.user_token()).status == 403
