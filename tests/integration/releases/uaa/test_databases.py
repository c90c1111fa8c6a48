"""Several instances on one real database: they start at once, and what can be used once is used once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from uaa import bootstrap, tokens
from uaa.claims import Grant
from uaa.config import connection, parse
from uaa.context import Uaa
from uaa.errors import UaaError
from uaa.filters import parse as parse_filter
from uaa.keys import KeyRing
from uaa.passwords import Hasher
from uaa.records import Code
from uaa.store import clients, users
from uaa.store import tokens as token_store
from uaa.store.database import Db, connect
from uaa.system import real

from bosh.testing import postgres

PROGRAMS = postgres.programs()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed"),
]
INSTANCES = 3
AT_ONCE = 6


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.PrivateServer]:
    assert PROGRAMS is not None
    with postgres.private_server(PROGRAMS) as running:
        yield running


@pytest.fixture
def instances(server: postgres.PrivateServer) -> Iterator[list[Uaa]]:
    """On one new database, not started yet."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings = {
        "url": "https://uaa",
        "bcrypt_rounds": 4,
        "database": {"url": server.new_database().replace("postgresql:", "postgresql+psycopg:")},
        "jwt": {"policy": {"keys": {"k": {"signingKey": key.decode()}}}, "refresh": {"rotate": True}},
        "clients": {"cf": {"secret": "", "authorized-grant-types": "password,refresh_token", "scope": "openid"}},
        "scim": {"users": [{"name": "admin", "password": "pw", "groups": ["a", "b"]}], "groups": {"c": "words"}},
    }
    config = parse(json.dumps(settings).encode())
    made = [_instance(config) for _ in range(INSTANCES)]
    yield made
    for uaa in made:
        uaa.db.close()


def _instance(config: Any) -> Uaa:
    database: Db = connect(config.database, connection(config.database))
    keys = KeyRing(config.jwt.policy.keys, config.active_key_id, config.base_url)
    return Uaa(config, database, keys, Hasher(config.bcrypt_rounds), real())


def start(uaa: Uaa) -> None:
    uaa.db.prepare()
    bootstrap.run(uaa)


def together(works: list[Callable[[], Any]]) -> list[Any]:
    """What each gave, or the error it ended with."""

    def outcome(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except UaaError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(outcome, works))


def test_instances_start_at_once_and_agree(instances: list[Uaa]) -> None:
    assert together([lambda uaa=uaa: start(uaa) for uaa in instances]) == [None] * INSTANCES  # type: ignore[misc]
    with instances[0].db.reading() as connected:
        found, total = users.page(
            connected,
            parse_filter('userName eq "ADMIN" and active eq true'),
            sort_by="created",
            ascending=True,
            start=0,
            count=9,
        )
    assert (total, found[0].username) == (1, "admin")


def test_a_code_and_a_rotated_token_are_used_once(instances: list[Uaa]) -> None:
    for uaa in instances:
        start(uaa)
    first = instances[0]
    with first.db.transaction() as connected:
        token_store.add_code(connected, Code("c", "passcode", {}, first.now_ms() + 60_000))
        client, user = clients.find(connected, "cf"), users.by_name(connected, "admin")
        assert client is not None
        assert user is not None
        given = tokens.issue(first, connected, Grant(client, "password", frozenset({"openid"}), user=user))

    def spend(uaa: Uaa) -> Any:
        with uaa.db.transaction() as connected:
            return token_store.spend_code(connected, "c", "passcode", now_ms=uaa.now_ms())

    def refresh(uaa: Uaa) -> Any:
        with uaa.db.transaction() as connected:
            value = given["refresh_token"]
            return tokens.refresh(uaa, connected, client, value, client_method="empty", requested=None, opaque=False)

    ways = [instances[number % INSTANCES] for number in range(AT_ONCE)]
    spent = together([lambda uaa=uaa: spend(uaa) for uaa in ways])  # type: ignore[misc]
    assert sum(item is not None for item in spent) == 1
    refreshed = together([lambda uaa=uaa: refresh(uaa) for uaa in ways])  # type: ignore[misc]
    assert sum(isinstance(item, dict) for item in refreshed) == 1
    assert {item.error for item in refreshed if isinstance(item, UaaError)} == {"invalid_token"}
