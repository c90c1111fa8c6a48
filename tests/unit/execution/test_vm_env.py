from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from bosh.director.config import Config
from bosh.execution import vm_env
from bosh.testing.director import configuration
from bosh.wire import subjects

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configuration(tmp_path, agent_env={"ntp": ["time"], "password": "default"})


def complete(config: Config, env: dict[str, Any], **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "config": config,
        "deployment": "My_Dep",
        "group": "web",
        "tags": {},
        "certificate": {"ca": "CA"},
        "blobstores": [{"provider": "dav"}],
    }
    return vm_env.complete_env(env, **(given | more))


def test_the_director_adds_its_keys(config: Config) -> None:
    bosh = complete(config, {"persistent_disk_fs": "xfs", "bosh": {"password": "mine"}}, tags={"team": "a"})["bosh"]
    assert bosh["group"] == "test-my-dep-web"
    assert bosh["groups"] == ["test", "my-dep", "web", "test-my-dep", "my-dep-web", "test-my-dep-web"]
    assert bosh["mbus"] == {"urls": [f"nats://127.0.0.1:{config.nats.port}"], "cert": {"ca": "CA"}}
    assert bosh["blobstores"] == [{"provider": "dav"}]
    assert bosh["tags"] == {"team": "a"}
    assert bosh["ntp"] == ["time"]
    assert bosh["password"] == "mine"


def test_the_manifests_env_stays_as_it_is(config: Config) -> None:
    env = {"bosh": {"password": "mine"}, "other": 1}
    result = complete(config, env)
    assert env == {"bosh": {"password": "mine"}, "other": 1}
    assert result["other"] == 1
    assert "tags" not in result["bosh"]


def test_a_password_is_given_where_there_is_none(config: Config) -> None:
    assert complete(config, {}, password="hash")["bosh"]["password"] == "default"
    bare = complete(configuration(config.state_dir), {}, password="hash")
    assert bare["bosh"]["password"] == "hash"


def test_the_agents_certificate_names_it_and_is_signed_by_the_bus_ca(config: Config) -> None:
    pair = vm_env.agent_certificate(config.nats, "agent-1", now=NOW)
    certificate = x509.load_pem_x509_certificate(pair["certificate"].encode())
    ca = x509.load_pem_x509_certificate(config.nats.client_ca.certificate.encode())
    certificate.verify_directly_issued_by(ca)
    assert subjects.agent_common_name("agent-1") in certificate.subject.rfc4514_string()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [subjects.agent_common_name("agent-1")]
    assert (certificate.not_valid_after_utc - NOW).days >= 729
    assert pair["ca"] == config.nats.ca


def test_agents_that_get_signed_urls_get_no_credentials(config: Config) -> None:
    options = {"provider": "dav", "options": {"endpoint": "https://h", "user": "u", "password": "p", "tls": {}}}
    assert vm_env.blobstores_for(options, signed_urls=False) == [options]
    assert vm_env.blobstores_for(options, signed_urls=True) == [
        {"provider": "dav", "options": {"endpoint": "https://h", "tls": {}}}
    ]
    assert vm_env.signs_urls(config, 3)
    assert not vm_env.signs_urls(config, 2)
