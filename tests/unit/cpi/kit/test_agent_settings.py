from __future__ import annotations

from typing import Any

from cpi_kit.agent_settings import agent_settings

from bosh.wire.agent_settings import Settings

DEFAULTS = {"mbus": "nats://default:4222", "blobstore": {"provider": "local"}, "ntp": ["a"], "trusted_certs": "PEM"}


def made(env: dict[str, Any]) -> Settings:
    return agent_settings(DEFAULTS, agent_id="a", vm_cid="vm-1", networks={"n": {"ip": "1.2.3.4"}}, disks={}, env=env)


def test_defaults_of_the_operator() -> None:
    settings = made({})
    assert (settings.mbus, settings.blobstore, settings.ntp) == ("nats://default:4222", {"provider": "local"}, ("a",))
    assert (settings.agent_id, settings.vm_name, settings.trusted_certs) == ("a", "vm-1", "PEM")


def test_the_directors_env_wins() -> None:
    env = {"bosh": {"mbus": {"urls": ["nats://d:1"]}, "blobstores": [{"provider": "dav"}], "ntp": ["b"]}}
    settings = made(env)
    assert (settings.mbus, settings.blobstore, settings.ntp) == ("nats://d:1", {"provider": "dav"}, ("b",))
    assert settings.env == env


def test_survives_its_own_file_form() -> None:
    assert Settings.from_json(made({}).to_json()) == made({})
