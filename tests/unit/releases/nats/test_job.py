"""The jobs of the nats release: rendered with defaults and with everything set, and read by the program itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.testing.jobs import INSTANCE, render_job

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")]

RELEASE = Path(__file__).parents[4] / "releases/nats"
OTHERS = ("22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333")
EVERYTHING: Mapping[str, Any] = {
    "nats.user": 'na"ts',
    "nats.password": "pass'word\\",
    "nats.users": [
        {"user": "reader", "password": "r", "permissions": {"publish": ["_INBOX.>"], "subscribe": {"allow": ["a.>"]}}}
    ],
    "nats.external.tls.ca": "CA",
    "nats.external.tls.certificate": "CERTIFICATE",
    "nats.external.tls.private_key": "KEY",
    "nats.internal.tls.enabled": True,
    "nats.internal.tls.ca": "CLUSTER CA",
    "nats.internal.tls.certificate": "CLUSTER CERTIFICATE",
    "nats.internal.tls.private_key": "CLUSTER KEY",
    "nats.jetstream.enabled": True,
    "nats.monitor_address": "0.0.0.0",
    "nats.cluster_port": 4223,
}


def link(addresses: Mapping[str, str], **properties: object) -> dict[str, Any]:
    """The link ``nats`` over instances by id."""
    instances = [
        {
            "name": "nats",
            "id": name,
            "index": place,
            "az": "z1",
            "address": address,
            "bootstrap": place == 0,
            "properties": {},
        }
        for place, (name, address) in enumerate(addresses.items())
    ]
    return {"nats": {"instances": instances, "properties": {"nats": {"cluster_port": 4223, "port": 4222} | properties}}}


CLUSTER = link({str(INSTANCE["id"]): "10.244.0.21", OTHERS[0]: "10.244.0.22", OTHERS[1]: "10.244.0.23"})


def run(command: list[str], given: str = "") -> None:
    subprocess.run(command, input=given, text=True, check=True, capture_output=True)


async def configuration(properties: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    files = await render_job(RELEASE, "nats", properties, **rest)
    return json.loads(files["config/nats.conf"])  # type: ignore[no-any-return]


async def test_defaults_make_a_server_alone() -> None:
    config = await configuration({})
    assert config["port"] == 4222
    assert config["http"] == "127.0.0.1:8222"
    assert not {"cluster", "tls", "authorization", "jetstream"} & config.keys()


async def test_instances_of_the_link_but_oneself_are_the_routes() -> None:
    config = await configuration({}, links=CLUSTER)
    assert config["cluster"]["routes"] == ["nats-route://10.244.0.22:4223", "nats-route://10.244.0.23:4223"]
    assert "tls" not in config["cluster"]


async def test_a_cluster_of_one_is_a_server_alone() -> None:
    assert "cluster" not in await configuration({}, links=link({str(INSTANCE["id"]): "10.244.0.21"}))


async def test_everything_set() -> None:
    files = await render_job(RELEASE, "nats", EVERYTHING, links=CLUSTER)
    config = json.loads(files["config/nats.conf"])
    assert config["authorization"]["users"][0] == {"user": 'na"ts', "password": "pass'word\\"}
    assert config["authorization"]["users"][1]["user"] == "reader"
    assert config["tls"]["verify"] is True
    assert config["cluster"]["tls"]["verify"] is True
    assert config["jetstream"]["store_dir"] == "/var/vcap/store/nats"
    for folder, prefix in (("tls", ""), ("cluster_tls", "CLUSTER ")):
        texts = [files[f"config/{folder}/{name}.pem"].strip() for name in ("ca", "certificate", "private_key")]
        assert texts == [f"{prefix}CA", f"{prefix}CERTIFICATE", f"{prefix}KEY"]
    assert "monitor=http://127.0.0.1:8222\nothers_to_agree=1\n" in files["bin/post-start"]
    assert "/var/vcap/store/nats" in files["bin/pre-start"]


async def test_without_verification_clients_need_no_certificate() -> None:
    config = await configuration({"nats.external.tls.certificate": "C", "nats.external.tls.verify": False})
    assert config["tls"]["verify"] is False
    assert "ca_file" not in config["tls"]


@pytest.mark.parametrize("properties", [{}, EVERYTHING], ids=["defaults", "everything"])
async def test_the_scripts_are_ones(properties: Mapping[str, Any]) -> None:
    files = await render_job(RELEASE, "nats", properties, links=CLUSTER)
    for name, text in files.items():
        if name.startswith("bin/"):
            assert text.startswith("#!/bin/bash\n")
            run(["bash", "-n"], text)
    assert "group vcap" in files["monit"]
    assert "with pidfile /var/vcap/sys/run/nats/nats.pid" in files["monit"]


@pytest.mark.parametrize("properties", [{}, {"nats.user": "a", "nats.password": "b", "nats.jetstream.enabled": True}])
async def test_the_server_takes_its_configuration(tmp_path: Path, properties: Mapping[str, Any]) -> None:
    server = Path(sys.executable).parent / "nats-server"
    if not server.exists():
        pytest.skip(f"{server} is not installed")
    config = await configuration(properties, links=CLUSTER)
    if "jetstream" in config:
        config["jetstream"]["store_dir"] = str(tmp_path / "store")
    (tmp_path / "nats.conf").write_text(json.dumps(config))
    run([str(server), "--config", str(tmp_path / "nats.conf"), "-t"])


async def test_the_smoke_tests_know_every_server() -> None:
    links = CLUSTER | {
        "nats": CLUSTER["nats"]
        | {"properties": {"nats": {"port": 4222, "user": "u", "password": "p", "external": {"tls": {"ca": "CA"}}}}}
    }
    properties = {"nats.client.tls.certificate": "C", "nats.client.tls.private_key": "K"}
    files = await render_job(RELEASE, "smoke-tests", properties, links=links)
    assert json.loads(files["config/config.json"]) == {
        "addresses": ["10.244.0.21", "10.244.0.22", "10.244.0.23"],
        "port": 4222,
        "user": "u",
        "password": "p",
        "tls": True,
        "client_certificate": True,
        "timeout_s": 10,
    }
    assert files["config/tls/ca.pem"] == "CA\n"
    assert files["monit"] == ""
    compile(files["bin/smoke_tests.py"], "smoke_tests.py", "exec")
