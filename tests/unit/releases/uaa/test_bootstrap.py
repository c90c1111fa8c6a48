"""What the manifest lists is made at every start, with the same result however often, by any number of instances."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from uaa.config import Connection, Database
from uaa.errors import ConfigError, UaaError
from uaa.main import sweep
from uaa.records import Code, Session
from uaa.store import clients, groups, schema, tokens, users
from uaa.store.database import connect

from .conftest import CLIENTS, USERS, Maker, World, claims, filtered


def everything(world: World) -> dict[str, Any]:
    with world.uaa.db.reading() as connection:
        return {
            table.name: sorted(map(str, connection.execute(table.select()))) for table in schema.metadata.sorted_tables
        }


def test_a_second_start_changes_nothing_and_voids_no_token(world: World) -> None:
    token, before = world.user_token(), everything(world)
    world.later(60)
    world.restart()
    assert everything(world) == before
    assert world.call("GET", "/userinfo", token=token).status == 200


def test_the_manifest_wins_over_what_was_changed(world: World) -> None:
    token = world.client_token()
    body = {"client_id": "doppler", "authorized_grant_types": ["client_credentials"], "authorities": ["scim.write"]}
    world.call("PUT", "/oauth/clients/doppler", token=token, body=body)
    world.call("PUT", f"/Users/{world.user_id('marissa')}/password", token=token, body={"password": "other"})
    world.restart()
    assert claims(world.client_token("doppler", "dop"))["scope"] == ["uaa.resource"]
    assert world.login().status == 200


def test_what_must_not_be_overridden_is_left_alone(maker: Maker) -> None:
    client = {"kept": CLIENTS["doppler"] | {"override": False}}
    world = maker(clients=client)
    world.restart()
    changed = maker(
        clients={"kept": client["kept"] | {"authorities": "x.y"}}, scim={"users": USERS, "user_override": False}
    )
    token = changed.client_token()
    changed.call("PUT", f"/Users/{changed.user_id('marissa')}/password", token=token, body={"password": "other"})
    changed.restart()
    assert claims(changed.client_token("kept", "dop"))["scope"] == ["uaa.resource"]
    assert changed.login(password="other").status == 200


def test_memberships_follow_the_manifest(maker: Maker) -> None:
    world = maker(scim={"users": [{"name": "marissa", "password": "koala", "groups": ["scim.read"]}]})
    world.restart()
    assert "scim.read" in claims(world.user_token())["scope"]
    without = maker(scim={"users": [{"name": "marissa", "password": "koala"}]})
    without.restart()
    assert "scim.read" not in claims(without.user_token())["scope"]


def test_groups_have_descriptions_and_other_origins(maker: Maker) -> None:
    world = maker(
        scim={"groups": {"team.read": "New words"}, "external_groups": {"ldap": {"CN=X": ["team.read", "new.group"]}}}
    )
    world.restart()
    found = world.call("GET", filtered("/Groups", 'displayName eq "team.read"'), token=world.client_token()).json
    assert found["resources"][0]["description"] == "New words"
    mapped = world.call("GET", "/Groups/External", token=world.client_token()).json["resources"]
    assert {item["displayName"] for item in mapped} == {"team.read", "new.group"}


def test_what_is_to_go_goes(maker: Maker) -> None:
    world = maker(delete={"clients": ["doppler"], "users": ["marissa"], "identityProviders": ["uaa", "none"]})
    world.restart()
    assert world.token("doppler", "dop", grant_type="client_credentials").status == 401
    assert world.login().status == 401
    assert world.login("admin", "adm1n").status == 200


def test_users_of_other_origins_have_no_password(maker: Maker) -> None:
    world = maker(scim={"users": [{"name": "ext", "origin": "ldap", "email": "e@x"}]})
    world.restart()
    found = world.call("GET", filtered("/Users", 'origin eq "ldap"'), token=world.client_token())
    assert found.json["totalResults"] == 1
    assert world.login("ext", "").status == 401


@pytest.mark.slow
def test_instances_may_start_at_once(maker: Maker) -> None:
    more = {f"c{number}": CLIENTS["doppler"] for number in range(3)}
    worlds = [
        maker(clients=more, scim={"users": [{"name": "x", "password": "y", "groups": ["a", "b"]}]}) for _ in range(3)
    ]
    faults: list[BaseException] = []

    def start(world: World) -> None:
        try:
            world.uaa.db.prepare()
            world.restart()
        except BaseException as error:
            faults.append(error)
            raise

    threads = [threading.Thread(target=start, args=(world,)) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert worlds[0].login("x", "y").status == 200


def test_a_code_is_spent_by_one_of_two(maker: Maker) -> None:
    one, two = maker(), maker()
    with one.uaa.db.transaction() as connection:
        tokens.add_code(connection, Code("c", "passcode", {}, one.now_ms + 1))
    spent = []
    for world in (one, two):
        with world.uaa.db.transaction() as connection:
            spent.append(tokens.spend_code(connection, "c", "passcode", now_ms=world.now_ms))
    assert [item is not None for item in spent] == [True, False]


def test_what_has_expired_is_swept(world: World) -> None:
    world.login(token_format="opaque")
    world.login(password="no")
    with world.uaa.db.transaction() as connection:
        tokens.open_session(connection, "s", Session("u", 0, world.now_ms + 1000))
        tokens.add_code(connection, Code("c", "passcode", {}, world.now_ms + 1000))
    sweep(world.uaa)
    kept = everything(world)
    assert all(kept[name] for name in ("tokens", "sessions", "codes", "login_failures"))
    world.later(2592001)
    sweep(world.uaa)
    left = everything(world)
    assert [left[name] for name in ("tokens", "sessions", "codes", "login_failures")] == [[], [], [], []]
    assert left["users"] == kept["users"]


def test_newer_tables_are_refused(world: World) -> None:
    with world.uaa.db.transaction() as connection:
        connection.execute(schema.versions.insert().values(version=schema.VERSION + 1))
    with pytest.raises(ConfigError, match="this program knows up to"):
        world.uaa.db.prepare()


def test_a_database_that_is_not_there(tmp_path: Any) -> None:
    database = connect(Database(), Connection(f"sqlite:///{tmp_path}/deep/er/uaa.db", "disabled", ""))
    database.prepare()
    database.answers()
    database.close()


def test_two_who_change_a_user_at_once(world: World) -> None:
    with world.uaa.db.transaction() as connection:
        user = users.by_name(connection, "marissa")
        assert user is not None
        users.put(connection, replace(user, given_name="A"), now_ms=1)
        with pytest.raises(UaaError, match="wrong version"):
            users.put(connection, replace(user, given_name="B"), now_ms=1)
        assert clients.find(connection, "none") is None
        assert groups.by_name(connection, "OPENID") is not None
    with pytest.raises(ValueError, match="everybody"), world.uaa.db.transaction() as connection:
        tokens.revoke_all(connection)
