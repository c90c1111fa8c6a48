"""The job: rendered with defaults and with everything set, and read by the program itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from uaa.config import DEFAULT_USER_GROUPS, Config, connection, parse

from bosh.testing.jobs import render_job

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")]

RELEASE = Path(__file__).parents[4] / "releases/uaa"
KEYS = {"key-1": {"signingKey": "one"}}
REQUIRED: Mapping[str, Any] = {"uaa.url": "https://uaa.sys.example.com", "uaa.jwt.policy.keys": KEYS}
EVERYTHING: Mapping[str, Any] = {
    "uaa.url": "https://uaa.sys.example.com",
    "uaa.issuer": "https://issuer.example.com",
    "login.url": "https://login.example.com",
    "login.prompt.username.text": "Who?",
    "login.prompt.password.text": "Prove it",
    "uaa.address": "127.0.0.1",
    "uaa.ssl.port": 1,
    "uaa.localhost_http_port": 2,
    "uaa.metrics.address": "0.0.0.0",
    "uaa.metrics.port": 3,
    "uaa.sslCertificate": "CERTIFICATE",
    "uaa.sslPrivateKey": "KEY",
    "uaa.ssl.client_ca": "CLIENT CA",
    "uaa.ssl.require_client_certificate": True,
    "uaa.shutdown.sleep": 7000,
    "uaadb.address": "sql-db.service.cf.internal",
    "uaadb.port": 3307,
    "uaadb.db_scheme": "mysql",
    "uaadb.databases": [{"name": "uaa", "tag": "uaa"}],
    "uaadb.roles": [{"name": "uaa", "password": 'p"ss', "tag": "admin"}],
    "uaadb.tls": "enabled_skip_hostname_validation",
    "uaa.ca_certs": ["DATABASE CA", "ANOTHER CA"],
    "uaa.database.max_connections": 3,
    "uaa.jwt.policy.active_key_id": "key-2",
    "uaa.jwt.policy.keys": KEYS | {"key-2": {"signingKey": "two", "signingAlg": "HS256", "signingCert": ""}},
    "uaa.jwt.policy.accessTokenValiditySeconds": 11,
    "uaa.jwt.policy.refreshTokenValiditySeconds": 12,
    "uaa.jwt.revocable": True,
    "uaa.jwt.refresh.format": "opaque",
    "uaa.jwt.refresh.rotate": True,
    "uaa.jwt.refresh.unique": True,
    "uaa.jwt.refresh.restrict_grant": True,
    "uaa.jwt.claims.exclude": ["email"],
    "uaa.jwt.queryString.enabled": False,
    "uaa.admin.client_secret": "s",
    "uaa.clients": {"c": {"secret": "", "authorized-grant-types": "password"}},
    "uaa.scim.users": [{"name": "u", "password": "p"}],
    "uaa.scim.user.override": False,
    "uaa.scim.userids_enabled": False,
    "uaa.scim.groups": {"g": "words", "h": None},
    "uaa.scim.external_groups": {"ldap": {"cn=x": ["g"]}},
    "uaa.user.authorities": ["openid"],
    "uaa.delete": {"clients": ["x"], "users": ["y"], "identityProviders": ["z"]},
    "uaa.authentication.policy.lockoutAfterFailures": 21,
    "uaa.authentication.policy.countFailuresWithinSeconds": 22,
    "uaa.authentication.policy.lockoutPeriodSeconds": 23,
    "uaa.password.policy.minLength": 1,
    "uaa.password.policy.maxLength": 2,
    "uaa.password.policy.requireUpperCaseCharacter": 3,
    "uaa.password.policy.requireLowerCaseCharacter": 4,
    "uaa.password.policy.requireDigit": 5,
    "uaa.password.policy.requireSpecialCharacter": 6,
    "uaa.password.policy.expirePasswordInMonths": 7,
    "uaa.client.secret.policy.minLength": 8,
    "uaa.client.secret.policy.maxLength": 9,
    "uaa.client.redirect_uri.matching_mode": "exact",
    "uaa.disableInternalAuth": True,
    "uaa.disableInternalUserManagement": True,
    "uaa.servlet.idle-timeout": 24,
    "uaa.logging_level": "WARN",
}


async def read(properties: Mapping[str, Any]) -> tuple[Config, dict[str, str]]:
    files = await render_job(RELEASE, "uaa", properties)
    return parse(files["config/uaa.json"].encode()), files


async def test_defaults_are_those_of_the_program() -> None:
    config, files = await read(REQUIRED)
    plain = parse(json.dumps({"url": REQUIRED["uaa.url"], "jwt": {"policy": {"keys": KEYS}}}).encode())
    assert config == Config(
        **{name: getattr(plain, name) for name in plain.__struct_fields__ if name != "log_level"}, log_level="INFO"
    )
    assert tuple(config.user_groups) == DEFAULT_USER_GROUPS
    assert connection(config.database).url == "sqlite:////var/vcap/store/uaa/uaa.db"
    assert "install -d -o vcap -g vcap -m 0750 /var/vcap/store/uaa" in files["bin/pre-start"]


async def test_every_property_reaches_the_program() -> None:
    spec = yaml.safe_load((RELEASE / "jobs/uaa/spec").read_text())
    assert set(EVERYTHING) == set(spec["properties"])
    config, files = await read(EVERYTHING)
    default, _ = await read(REQUIRED)
    same = _same(config, default)
    assert same <= {"url", "zone_name", "bcrypt_rounds", "database.url", "database.path"} | {
        f"client_secret_policy.{name}" for name in config.client_secret_policy.__struct_fields__ if "length" not in name
    }
    assert config.level == "warning"
    assert connection(config.database).url == "mysql+pymysql://uaa:p%22ss@sql-db.service.cf.internal:3307/uaa"
    assert files["config/tls/database_ca.pem"].split("\n")[:2] == ["DATABASE CA", "ANOTHER CA"]
    assert files["config/tls/certificate.pem"].strip() == "CERTIFICATE"
    assert files["config/tls/private_key.pem"].strip() == "KEY"
    assert files["config/tls/client_ca.pem"].strip() == "CLIENT CA"
    assert "127.0.0.1:2/healthz" in files["bin/dns/healthy"]
    assert "/var/vcap/store" not in files["bin/pre-start"]
    assert "drain_timeout_s=22" in files["bin/drain"]


def _same(one: Any, two: Any, path: str = "") -> set[str]:
    """The settings that are alike."""
    found: set[str] = set()
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(two, name)
        if hasattr(left, "__struct_fields__"):
            found |= _same(left, right, f"{path}{name}.")
        elif left == right:
            found.add(f"{path}{name}")
    return found


async def test_the_scripts_are_scripts() -> None:
    _, files = await read(REQUIRED)
    for name in ("bin/ctl", "bin/pre-start", "bin/post-start", "bin/drain", "bin/dns/healthy"):
        assert _complaint(files[name]) == "", name
    assert "/var/vcap/jobs/uaa/bin/ctl start" in files["monit"]


def _complaint(script: str) -> str:
    return subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False).stderr


async def test_cloud_foundrys_own_instance_group_is_understood() -> None:
    """Properties as cf-deployment gives them, those that this server has."""
    config, _ = await read(
        {
            **REQUIRED,
            "uaa.admin.client_secret": "a",
            "uaa.logging_level": "INFO",
            "uaa.scim.users": [
                {"name": "admin", "password": "p", "groups": ["clients.read", "cloud_controller.admin"]}
            ],
            "uaa.clients": {
                "cf": {
                    "access-token-validity": 1200,
                    "authorities": "uaa.none",
                    "authorized-grant-types": "password,refresh_token,urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "override": True,
                    "refresh-token-validity": 2592000,
                    "scopes": ["network.admin", "openid"],
                    "secret": "",
                },
                "ssh-proxy": {
                    "authorized-grant-types": "authorization_code",
                    "autoapprove": True,
                    "override": True,
                    "redirect-uri": "https://uaa.sys.example.com/login",
                    "scopes": ["openid"],
                    "secret": "x",
                },
            },
        }
    )
    assert [seed.id for seed in config.client_seeds()] == ["cf", "ssh-proxy", "admin"]
