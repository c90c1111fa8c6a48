"""``/Groups``: what users may do."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import World, claims, filtered

STAR = {"if-match": "*"}


def make(world: World, name: str = "team.write", **more: Any) -> Any:
    return world.call("POST", "/Groups", token=world.client_token(), body={"displayName": name, **more})


def test_a_group_is_made_and_found(world: World) -> None:
    made = make(world, description="Writes")
    assert made.status == 201
    assert (made.json["displayName"], made.json["description"], made.json["members"]) == ("team.write", "Writes", [])
    token = world.client_token()
    found = world.call("GET", filtered("/Groups", 'displayName eq "TEAM.write"'), token=token).json
    assert [item["id"] for item in found["resources"]] == [made.json["id"]]
    few = world.call(
        "GET", filtered("/Groups", 'displayName sw "team"', "&attributes=displayName&sortBy=displayName"), token=token
    )
    assert few.json["resources"] == [{"displayName": "team.read"}, {"displayName": "team.write"}]
    assert world.call("GET", "/Groups?filter=x", token=token).status == 400
    assert world.call("GET", filtered("/Groups", "nothing pr"), token=token).status == 400
    taken = make(world, "Team.Write")
    assert (taken.status, taken.json["error"]) == (409, "scim_resource_already_exists")
    assert make(world, " ").status == 400


def test_being_in_a_group_is_having_a_scope(world: World) -> None:
    group = world.call(
        "GET", filtered("/Groups", 'displayName eq "cloud_controller.admin"'), token=world.client_token()
    )
    path = f"/Groups/{group.json['resources'][0]['id']}/members"
    user_id = world.user_id("marissa")
    assert "cloud_controller.admin" not in claims(world.user_token())["scope"]
    joined = world.call(
        "POST", path, token=world.client_token(), body={"value": user_id, "type": "USER", "origin": "uaa"}
    )
    assert (joined.status, joined.json) == (201, {"value": user_id, "type": "USER", "origin": "uaa"})
    again = world.call("POST", path, token=world.client_token(), body={"value": user_id})
    assert (again.status, again.json["error"]) == (409, "member_already_exists")
    assert "cloud_controller.admin" in claims(world.user_token())["scope"]
    assert world.call("GET", f"{path}/{user_id}", token=world.client_token()).json["value"] == user_id
    whole = world.call("GET", f"{path}?returnEntities=true", token=world.client_token()).json
    assert {item["entity"]["userName"] for item in whole} == {"admin", "marissa"}
    assert world.call("DELETE", f"{path}/{user_id}", token=world.client_token()).status == 200
    gone = world.call("DELETE", f"{path}/{user_id}", token=world.client_token())
    assert (gone.status, gone.json["error"]) == (404, "scim_resource_not_found")
    assert "cloud_controller.admin" not in claims(world.user_token())["scope"]


def test_groups_in_groups(world: World) -> None:
    user_id = world.user_id("marissa")
    inner = make(world, "inner", members=[{"value": user_id}]).json
    outer = make(world, "scim.read2", members=[{"value": inner["id"], "type": "GROUP"}]).json
    make(world, "odd", members=[{"value": outer["id"], "type": "GROUP"}])
    # A circle must not be walked for ever.
    circle = {"value": outer["id"], "type": "GROUP"}
    assert world.call("POST", f"/Groups/{inner['id']}/members", token=world.client_token(), body=circle).status == 201
    user = world.call("GET", f"/Users/{user_id}", token=world.client_token()).json
    kinds = {group["display"]: group["type"] for group in user["groups"]}
    assert (kinds["inner"], kinds["scim.read2"], kinds["odd"]) == ("DIRECT", "INDIRECT", "INDIRECT")
    assert (
        world.call("GET", f"/Groups/{outer['id']}/members?returnEntities=true", token=world.client_token()).status
        == 200
    )


@pytest.mark.parametrize(
    "member", [{"value": "nobody"}, {"value": "none", "type": "GROUP"}, {"value": "x", "type": "ROBOT"}, {}, "x"]
)
def test_members_must_be_there(world: World, member: Any) -> None:
    assert make(world, members=[member]).status in {400, 404}
    found = world.call("GET", filtered("/Groups", 'displayName eq "team.write"'), token=world.client_token())
    assert found.json["totalResults"] == 0


def test_a_group_is_replaced_patched_and_deleted(world: World) -> None:
    token, user_id, other = world.client_token(), world.user_id("marissa"), world.user_id("admin")
    group = make(world, members=[{"value": user_id}]).json
    path = f"/Groups/{group['id']}"
    assert world.call("PUT", path, token=token, body={"displayName": "x"}).status == 400
    itself = {"displayName": "x", "members": [{"value": group["id"], "type": "GROUP"}]}
    assert world.call("PUT", path, token=token, body=itself, headers=STAR).status == 400
    put = world.call(
        "PUT", path, token=token, body={"displayName": "renamed", "members": [{"value": other}]}, headers=STAR
    ).json
    assert (put["displayName"], [item["value"] for item in put["members"]], put["meta"]["version"]) == (
        "renamed",
        [other],
        1,
    )
    body = {"members": [{"value": user_id}, {"value": other, "operation": "delete"}], "description": "D"}
    patched = world.call("PATCH", path, token=token, body=body, headers={"if-match": '"1"'}).json
    assert ([item["value"] for item in patched["members"]], patched["description"]) == ([user_id], "D")
    dropped = world.call(
        "PATCH", path, token=token, body={"meta": {"attributes": ["members", "description"]}}, headers=STAR
    ).json
    assert (dropped["members"], dropped.get("description")) == ([], None)
    assert world.call("PATCH", path, token=token, body={}, headers={"if-match": "0"}).status == 409
    assert world.call("PUT", path, token=token, body={"displayName": "openid"}, headers=STAR).status == 409
    assert world.call("DELETE", path, token=token, headers={"if-match": "0"}).status == 409
    assert world.call("DELETE", path, token=token).json["displayName"] == "renamed"
    assert world.call("GET", path, token=token).status == 404


def test_who_may(world: World) -> None:
    weak = world.user_token()
    for method, path in (("GET", "/Groups"), ("POST", "/Groups"), ("GET", "/Groups/External"), ("DELETE", "/Groups/x")):
        assert world.call(method, path, token=weak, body={}).status == 403


def test_groups_of_other_origins(world: World) -> None:
    token = world.client_token()
    body = {"displayName": "team.read", "externalGroup": "CN=Devs", "origin": "ldap"}
    made = world.call("POST", "/Groups/External", token=token, body=body)
    assert (made.status, made.json["externalGroup"]) == (201, "cn=devs")
    assert world.call("POST", "/Groups/External", token=token, body=body).status == 409
    assert world.call("POST", "/Groups/External", token=token, body=body | {"displayName": "none"}).status == 404
    assert world.call("POST", "/Groups/External", token=token, body={"displayName": "team.read"}).status == 400
    assert world.call("GET", "/Groups/External?origin=ldap", token=token).json["totalResults"] == 1
    assert world.call("GET", "/Groups/External?origin=saml", token=token).json["totalResults"] == 0
    gone = "/Groups/External/displayName/team.read/externalGroup/cn%3Ddevs/origin/ldap"
    assert world.call("DELETE", gone, token=token).status == 200
    assert world.call("DELETE", gone, token=token).status == 404
