"""``/Users`` and ``/ids/Users`` as the cf CLI, the cloud controller and libraries call them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Maker, World, filtered


def new(name: str = "new", **more: Any) -> dict[str, Any]:
    """The body of ``cf create-user`` (cf CLI: api/uaa/user.go)."""
    return {
        "userName": name,
        "password": "pw",
        "origin": "",
        "name": {"familyName": name, "givenName": name},
        "emails": [{"value": name, "primary": True}],
    } | more


def search(world: World, text: str, **more: str) -> Any:
    query = "&".join(f"{key}={quote(value)}" for key, value in {"filter": text, **more}.items())
    return world.call("GET", f"/Users?{query}", token=world.client_token())


def names(world: World, text: str, **more: str) -> list[str]:
    return [item["userName"] for item in search(world, text, **more).json["resources"]]


def test_a_user_is_made_and_logs_in(world: World) -> None:
    answer = world.call("POST", "/Users", token=world.client_token(), body=new())
    assert answer.status == 201
    user = answer.json
    assert user["origin"] == "uaa"
    assert user["schemas"] == ["urn:scim:schemas:core:1.0"]
    assert user["meta"]["version"] == 0
    assert {"value", "display", "type"} == set(user["groups"][0])
    assert "uaa.user" in {group["display"] for group in user["groups"]}
    assert "password" not in user
    assert world.login("new", "pw").status == 200
    assert world.call("GET", f"/Users/{user['id']}", token=world.client_token()).json["userName"] == "new"


def test_a_name_is_taken_once_for_each_origin(world: World) -> None:
    token = world.client_token()
    taken = world.call("POST", "/Users", token=token, body=new("MARISSA"))
    assert taken.status == 409
    assert taken.json == {
        "error": "scim_resource_already_exists",
        "error_description": "Username already in use: marissa",
        "message": "Username already in use: marissa",
        "active": True,
        "verified": True,
        "user_id": world.user_id("marissa"),
    }
    other = world.call("POST", "/Users", token=token, body=new("marissa", origin="ldap", password=""))
    assert (other.status, other.json["origin"]) == (201, "ldap")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"userName": ""}, "A username must be provided."),
        ({"userName": "a b"}, "Username must match pattern"),
        ({"emails": []}, "Exactly one email must be provided."),
        ({"emails": [{"value": ""}]}, "An email must be provided."),
        ({"emails": [{"value": "a"}, {"value": "b"}]}, "Exactly one email must be provided."),
    ],
)
def test_what_is_no_user_is_refused(world: World, change: dict[str, Any], sentence: str) -> None:
    answer = world.call("POST", "/Users", token=world.client_token(), body=new() | change)
    assert (answer.status, answer.json["error"]) == (400, "invalid_scim_resource")
    assert answer.json["error_description"].startswith(sentence)


def test_a_password_must_be_there_and_follow_the_policy(maker: Maker) -> None:
    world = maker(password_policy={"minLength": 8})
    for password in ("", "short"):
        answer = world.call("POST", "/Users", token=world.client_token(), body=new(password=password))
        assert (answer.status, answer.json["error"]) == (400, "invalid_password")


def test_who_may(world: World) -> None:
    assert world.call("POST", "/Users", body=new()).status == 401
    weak = world.user_token()
    assert world.call("POST", "/Users", token=weak, body=new()).json["error"] == "insufficient_scope"
    assert world.call("GET", "/Users", token=weak).status == 403
    own = world.user_id("marissa")
    assert world.call("GET", f"/Users/{own}", token=weak).status == 200
    assert world.call("GET", f"/Users/{world.user_id('admin')}", token=weak).status == 403
    assert world.call("DELETE", f"/Users/{own}", token=weak).status == 403


# --- lists -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('userName eq "marissa"', ["marissa"]),
        ('username EQ "MARISSA"', ["marissa"]),
        ('userName eq "marissa" and origin eq "uaa"', ["marissa"]),
        ('userName eq "marissa" and origin eq "ldap"', []),
        ('userName eq "marissa" or userName eq "admin"', ["admin", "marissa"]),
        ('userName co "ari"', ["marissa"]),
        ('userName sw "adm"', ["admin"]),
        ('userName co "%"', []),
        ('emails.value eq "marissa@test.org"', ["marissa"]),
        ('familyName eq "Bloggs"', ["marissa"]),
        ('(userName sw "a" or userName sw "m") and active eq true', ["admin", "marissa"]),
        ("active eq false", []),
        ("externalId pr", []),
        ("externalId eq null", ["admin", "marissa"]),
        ('meta.created gt "2001-01-01T00:00:00.000Z"', ["admin", "marissa"]),
        ('created lt "2001-01-01"', []),
        ("meta.version ge 1", []),
    ],
)
def test_filters(world: World, text: str, found: list[str]) -> None:
    assert sorted(names(world, text)) == found


@pytest.mark.parametrize(
    "text", ["userName", 'nothing eq "x"', "active co true", 'meta.version eq "x"', "userName eq 5", "userName gt null"]
)
def test_filters_that_make_no_sense(world: World, text: str) -> None:
    answer = search(world, text)
    assert (answer.status, answer.json["error"]) == (400, "scim")
    assert answer.json["error_description"].startswith("Invalid filter expression: [")


def test_many_ids_at_once(world: World) -> None:
    text = " or ".join(f'id eq "{number}"' for number in range(399))
    assert names(world, text) == []


def test_pages_and_order(world: World) -> None:
    for number in range(5):
        world.later(1)
        world.call("POST", "/Users", token=world.client_token(), body=new(f"u{number}"))
    page = search(world, 'userName sw "u"', startIndex="2", count="2").json
    assert [item["userName"] for item in page["resources"]] == ["u1", "u2"]
    assert (page["startIndex"], page["itemsPerPage"], page["totalResults"]) == (2, 2, 5)
    assert names(world, 'userName sw "u"', sortBy="userName", sortOrder="descending", count="1") == ["u4"]
    assert search(world, 'userName sw "u"', sortBy="nothing").status == 400
    assert search(world, 'userName sw "u"', count="x").status == 400


def test_attributes(world: World) -> None:
    found = search(
        world, 'userName eq "marissa"', attributes="id,userName,emails.value,familyName,groups.display,meta.version"
    ).json
    (item,) = found["resources"]
    assert item["emails.value"] == ["marissa@test.org"]
    assert item["familyName"] == "Bloggs"
    assert "openid" in item["groups.display"]
    assert (item["meta.version"], item["userName"]) == (0, "marissa")


def test_names_of_ids_for_the_cloud_controller(world: World) -> None:
    token, user_id = world.client_token(), world.user_id("marissa")
    found = world.call("GET", filtered("/ids/Users", f'id eq "{user_id}" or id eq "x"'), token=token).json
    assert found["resources"] == [{"id": user_id, "userName": "marissa", "origin": "uaa"}]
    for text in ("", 'userName co "x"', "id pr", 'origin eq "uaa"', 'email eq "x"', 'id gt "x"'):
        assert world.call("GET", f"/ids/Users?filter={quote(text)}", token=token).status == 400
    assert world.call("GET", filtered("/ids/Users", 'userName eq "x"'), token=world.user_token()).status == 403


def test_names_of_ids_leave_out_who_is_inactive_unless_asked(world: World) -> None:
    token, user_id = world.client_token(), world.user_id("marissa")
    body = {"active": False}
    world.call("PATCH", f"/Users/{user_id}", token=token, body=body, headers={"if-match": "*"})
    text = quote('userName eq "marissa"')
    assert world.call("GET", f"/ids/Users?filter={text}", token=token).json["totalResults"] == 0
    assert world.call("GET", f"/ids/Users?filter={text}&includeInactive=true", token=token).json["totalResults"] == 1


# --- changes -----------------------------------------------------------------------------------------------------------------------


def test_a_put_replaces_and_needs_the_version(world: World) -> None:
    token, path = world.client_token(), f"/Users/{world.user_id('marissa')}"
    body = new("marissa") | {"name": {"givenName": "M"}, "phoneNumbers": [{"value": "5"}]}
    assert world.call("PUT", path, token=token, body=body).json["error_description"] == "Missing If-Match for PUT"
    changed = world.call("PUT", path, token=token, body=body, headers={"if-match": '"0"'})
    assert changed.json["name"] == {"givenName": "M"}
    assert changed.json["phoneNumbers"] == [{"value": "5"}]
    assert (changed.json["meta"]["version"], changed.header("etag")) == (1, '"1"')
    stale = world.call("PUT", path, token=token, body=body, headers={"if-match": "0"})
    assert (stale.status, stale.json["error"]) == (409, "scim_resource_already_exists")
    assert world.call("PUT", path, token=token, body=body, headers={"if-match": "x"}).status == 400
    moved = world.call("PUT", path, token=token, body=body | {"origin": "ldap"}, headers={"if-match": "*"})
    assert moved.json["error_description"] == "Cannot change user's origin in update operation."
    taken = world.call("PUT", path, token=token, body=body | {"userName": "admin"}, headers={"if-match": "*"})
    assert taken.status == 409


def test_a_patch_changes_what_it_names(world: World) -> None:
    token, path = world.client_token(), f"/Users/{world.user_id('marissa')}"
    star = {"if-match": "*"}
    patched = world.call(
        "PATCH", path, token=token, body={"name": {"givenName": "Ma"}, "externalId": "7"}, headers=star
    ).json
    assert patched["name"] == {"givenName": "Ma", "familyName": "Bloggs"}
    assert (patched["externalId"], patched["emails"][0]["value"]) == ("7", "marissa@test.org")
    dropped = world.call(
        "PATCH", path, token=token, body={"meta": {"attributes": ["externalId", "name.givenName"]}}, headers=star
    )
    assert "externalId" not in dropped.json
    assert dropped.json["name"] == {"familyName": "Bloggs"}
    unknown = world.call("PATCH", path, token=token, body={"meta": {"attributes": ["nothing"]}}, headers=star)
    assert unknown.status == 400


def test_an_inactive_user_is_out(world: World) -> None:
    refresh = world.login().json["refresh_token"]
    path = f"/Users/{world.user_id('marissa')}"
    world.call("PATCH", path, token=world.client_token(), body={"active": False}, headers={"if-match": "*"})
    assert world.login().json["error_description"] == "Bad credentials"
    assert world.token(grant_type="refresh_token", refresh_token=refresh).status == 401


def test_users_change_their_name_but_not_what_they_may(world: World) -> None:
    token, path = world.user_token(), f"/Users/{world.user_id('marissa')}"
    shown = world.call("GET", path, token=token).json
    star = {"if-match": "*"}
    renamed = world.call(
        "PUT", path, token=token, body=shown | {"name": {"givenName": "X", "familyName": "Y"}}, headers=star
    )
    assert renamed.json["name"] == {"givenName": "X", "familyName": "Y"}
    for change in (
        {"userName": "root"},
        {"emails": [{"value": "x@y"}]},
        {"active": False},
        {"verified": False},
        {"externalId": "x"},
    ):
        assert world.call("PUT", path, token=token, body=shown | change, headers=star).status == 403


def test_a_deleted_user_is_gone_with_its_tokens(world: World) -> None:
    opaque, path = world.login(token_format="opaque").json["access_token"], f"/Users/{world.user_id('marissa')}"
    plain = world.user_token()
    assert world.call("DELETE", path, token=world.client_token()).json["userName"] == "marissa"
    for token in (opaque, plain):
        assert world.call("GET", "/userinfo", token=token).status == 401
    gone = world.call("DELETE", path, token=world.client_token())
    assert (gone.status, gone.json["error"]) == (404, "scim_resource_not_found")
    assert gone.json["error_description"].endswith("does not exist")


# --- passwords ---------------------------------------------------------------------------------------------------------------------


def change(world: World, name: str, token: str, **body: str) -> Any:
    return world.call("PUT", f"/Users/{world.user_id(name)}/password", token=token, body=body)


def test_users_change_their_password_with_the_old_one(world: World) -> None:
    token = world.user_token()
    assert (
        change(world, "marissa", token, oldPassword="no", password="n").json["error_description"]
        == "Old password is incorrect"
    )
    assert change(world, "marissa", token, password="n").json["error_description"] == "Previous password is required"
    same = change(world, "marissa", token, oldPassword="koala", password="koala")
    assert (same.status, same.json["error"]) == (422, "invalid_password")
    assert change(world, "admin", token, oldPassword="x", password="n").json["error"] == "invalid_password"
    done = change(world, "marissa", token, oldPassword="koala", password="n")
    assert done.json == {"status": "ok", "message": "password updated"}
    assert (world.login().status, world.login(password="n").status) == (401, 200)


def test_a_client_changes_any_password(world: World) -> None:
    assert change(world, "marissa", world.client_token(), password="n").status == 200
    assert world.login(password="n").status == 200
    assert change(world, "marissa", world.client_token(), password="").status == 400
    nobody = world.call("PUT", "/Users/nobody/password", token=world.client_token(), body={"password": "x"})
    assert (nobody.status, nobody.json["error_description"]) == (401, "Invalid password change request")


def test_a_password_can_be_asked_for_anew_and_can_expire(maker: Maker) -> None:
    world = maker(password_policy={"expirePasswordInMonths": 1})
    path = f"/Users/{world.user_id('marissa')}/status"
    assert world.call("PATCH", path, token=world.client_token(), body={"passwordChangeRequired": False}).status == 400
    world.call("PATCH", path, token=world.client_token(), body={"passwordChangeRequired": True})
    assert world.login().json["error_description"] == "password change required"
    change(world, "marissa", world.client_token(), password="n")
    assert world.login(password="n").status == 200
    world.later(32 * 24 * 3600)
    assert world.login(password="n").json["error_description"] == "password change required"


def test_a_user_that_is_not_verified_waits(world: World) -> None:
    user = world.call("POST", "/Users", token=world.client_token(), body=new(verified=False)).json
    assert world.login("new", "pw").json["error_description"] == "Account not verified"
    assert world.call("GET", f"/Users/{user['id']}/verify", token=world.client_token()).json["verified"] is True
    assert world.login("new", "pw").status == 200


def test_management_can_be_switched_off(maker: Maker) -> None:
    world = maker(internal_user_management_disabled=True)
    answer = world.call("POST", "/Users", token=world.client_token(), body=new())
    assert (answer.status, answer.json["error"]) == (403, "internal_user_management_disabled")
    assert maker("other", internal_auth_disabled=True).login().status == 401
