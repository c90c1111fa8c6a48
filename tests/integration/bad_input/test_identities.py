"""Who comes with a wrong password or an expired certificate."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bosh.agent.settings import MbusCertificate
from bosh.agent.transport.nats import NatsTransport
from bosh.clients.agents import BusAgents
from bosh.director import bus
from bosh.director.config import Config, KeyPair
from bosh.director.places import places
from bosh.state import records
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds
from bosh.testing import memory_store
from bosh.testing.daemon import make_director, until
from bosh.testing.director import certificate_authority, configuration
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects
from bosh.wire.errors import SystemFailure

from .conftest import Site, group, manifest

LAST_WEEK = datetime.now(UTC) - timedelta(days=7)


def test_a_wrong_password(site: Site) -> None:
    with site.director.client() as client, site.unchanged():
        for auth in (("admin", "wrong"), ("nobody", "admin"), ("admin", "")):
            for reply in (
                client.get("/deployments", auth=auth),
                client.post(
                    "/deployments",
                    content=manifest(group()),
                    headers={"Content-Type": "text/yaml"},
                    auth=auth,
                ),
                client.delete("/deployments/good", auth=auth),
            ):
                assert reply.status_code == 401
                assert "Not authorized" in reply.text


def test_a_reader_may_not_deploy(site: Site) -> None:
    with site.director.client("reader") as client, site.unchanged():
        reply = client.post("/deployments", content=manifest(group()), headers={"Content-Type": "text/yaml"})
    assert reply.status_code == 401
    assert "bosh.admin" in reply.text


def cli(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("bosh")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run([program, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_names_the_directors_expired_certificate(tmp_path: Path) -> None:
    ca = certificate_authority("test CA")
    expired = issue(common_name="director", ca=ca, alternative_names=["127.0.0.1"], not_before=LAST_WEEK, days=2)
    director = make_director(tmp_path)
    tls = msgspec.structs.replace(
        director.config.tls, ca=ca.certificate, certificate=expired.certificate, private_key=expired.private_key
    )
    (tmp_path / "ca.pem").write_text(ca.certificate)
    director = make_director(tmp_path, tls=tls)
    try:
        director.start()
        options = ["-e", director.url, "--ca-cert", str(tmp_path / "ca.pem"), "--client", "admin"]
        ended = cli(*options, "--client-secret", "admin", "deployments", home=tmp_path)
    finally:
        director.end()
    assert ended.returncode == 1
    assert "certificate has expired" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


# --- the bus


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configuration(tmp_path)


@pytest.fixture
def server(config: Config) -> Iterator[None]:
    places(config).create()
    bus.write_server_files(config)
    process = subprocess.Popen(bus.nats_command(config), stderr=subprocess.DEVNULL)
    try:
        until(bus.pid_file(config).exists)
        yield
    finally:
        process.terminate()
        process.wait(10)


def expired_client(config: Config, name: str) -> KeyPair:
    ca = KeyPairPem(config.nats.client_ca.certificate, config.nats.client_ca.private_key)
    pem = issue(common_name=name, ca=ca, usages=["client_auth"], not_before=LAST_WEEK, days=2)
    return KeyPair(pem.certificate, pem.private_key)


async def test_a_director_whose_certificate_has_expired_says_so(config: Config, server: None) -> None:
    identity = expired_client(config, subjects.DIRECTOR_COMMON_NAME)
    nats = msgspec.structs.replace(config.nats, director=identity)
    agents = BusAgents(nats, director_uuid="d", ids=SystemIds(), clock=SystemClock())
    with pytest.raises(SystemFailure) as caught:
        await agents.call("a-1", "ping", timeout_s=5)
    assert "cannot connect to the bus" in caught.value.brief
    assert "expired" in caught.value.details


async def test_an_agent_whose_certificate_has_expired_is_refused_and_told_why(
    config: Config, server: None, caplog: pytest.LogCaptureFixture
) -> None:
    store = memory_store()
    store.vms.insert(records.Vm("a-1", "i-1", "good"))
    await bus.Bus(config, store).sync()
    store.close()
    identity = expired_client(config, subjects.agent_common_name("a-1"))
    certificate = MbusCertificate(config.nats.ca, identity.certificate, identity.private_key)
    transport = NatsTransport([f"nats://127.0.0.1:{config.nats.port}"], certificate, "a-1", SystemClock())
    connected = asyncio.Event()

    def heard(_payload: bytes) -> None:
        """Nothing comes."""

    running = asyncio.create_task(transport.run(heard, connected.set))
    try:
        async with asyncio.timeout(20):
            while "expired" not in caplog.text:
                assert not connected.is_set()
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
