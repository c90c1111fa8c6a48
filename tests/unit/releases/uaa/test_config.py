"""The configuration: defaults, derived values, and faults before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from uaa import config as module
from uaa.config import Database, Role, Schema, connection, load, parse
from uaa.errors import ConfigError

MINIMUM: dict[str, Any] = {
    "url": "https://uaa.sys.example.com/",
    "jwt": {"policy": {"keys": {"only": {"signingKey": "k"}}}},
}


def read(**changes: Any) -> module.Config:
    return parse(json.dumps(MINIMUM | changes).encode())


def test_a_minimum_is_enough() -> None:
    config = read()
    assert config.token_issuer == "https://uaa.sys.example.com/oauth/token"
    assert config.login_link == "https://login.sys.example.com"
    assert config.active_key_id == "only"
    assert config.client_seeds() == ()
    assert "uaa.user" in config.user_groups


def test_links_can_be_said() -> None:
    config = read(issuer="https://issuer", login_url="https://login.elsewhere/")
    assert (config.token_issuer, config.login_link) == ("https://issuer/oauth/token", "https://login.elsewhere")


def test_the_admin_client_is_there_once_it_has_a_secret_unless_it_is_described() -> None:
    (seed,) = read(admin_client_secret="s").client_seeds()
    assert (seed.id, "uaa.admin" in seed.authorities) == ("admin", True)
    described = {"admin": {"authorized-grant-types": "client_credentials", "secret": "x", "authorities": "a"}}
    (seed,) = read(admin_client_secret="s", clients=described).client_seeds()
    assert seed.authorities == ("a",)


def test_what_is_deleted_is_not_made() -> None:
    users = [{"name": "gone", "password": "x"}]
    config = read(admin_client_secret="s", scim={"users": users}, delete={"clients": ["admin"], "users": ["gone"]})
    assert (config.client_seeds(), config.user_seeds()) == ((), ())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"url": "uaa"}, "url: not an http"),
        ({"url": ""}, "url: must be set"),
        ({"jwt": {}}, "at least one key"),
        ({"jwt": {"policy": {"keys": {"a": {"signingKey": "k"}}, "active_key_id": "b"}}}, "'b' is not one of the keys"),
        ({"listen": {"certificate_file": "x"}}, "go together"),
        ({"listen": {"require_client_certificate": True}}, "client_ca_file"),
        ({"redirect_matching_mode": "any"}, "legacy or exact"),
        ({"log_level": "loud"}, "log_level"),
        ({"bcrypt_rounds": 3}, "from 4 to 31"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"database": {"address": "db", "db_scheme": "oracle"}}, "oracle"),
        ({"database": {"address": "db", "db_scheme": "mysql"}}, "tag admin"),
        ({"clients": {"a": {}}}, "authorized-grant-types"),
        ({"scim": {"users": [{}]}}, "name: must be set"),
    ],
)
def test_faults(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read(**changes)


def test_several_faults_come_together() -> None:
    with pytest.raises(ConfigError, match=r"(?s)url.*bcrypt_rounds"):
        read(url="x", bcrypt_rounds=1)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.json")


def test_databases() -> None:
    assert connection(Database()).url == "sqlite:////var/vcap/store/uaa/uaa.db"
    parts = Database(
        address="sql-db.service.cf.internal",
        db_scheme="mysql",
        databases=[Schema(name="uaa", tag="uaa")],
        roles=[Role(name="u:s", password="p@ss/", tag="admin")],
    )
    assert connection(parts).url == "mysql+pymysql://u%3As:p%40ss%2F@sql-db.service.cf.internal:3306/uaa"
    assert connection(Database(url="postgresql+psycopg://h/d")).tls == "disabled"
