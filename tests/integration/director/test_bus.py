"""The bus's user list against a real nats-server: who gets in, and that a sync returns only when it does."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bosh.clients import agents
from bosh.director import bus
from bosh.director.config import Config, KeyPair
from bosh.director.places import places
from bosh.state import records
from bosh.testing import memory_store
from bosh.testing.director import configuration
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects
from bosh.wire.errors import SystemFailure

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configuration(tmp_path)


@pytest.fixture
def server(config: Config) -> Iterator[subprocess.Popen[bytes]]:
    places(config).create()
    bus.write_server_files(config)
    process = subprocess.Popen(bus.nats_command(config))
    try:
        deadline = time.monotonic() + 10
        while not bus.pid_file(config).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def agent_identity(config: Config, name: str, *, is_old: bool) -> KeyPair:
    ca = KeyPairPem(config.nats.client_ca.certificate, config.nats.client_ca.private_key)
    names = [] if is_old else [name]
    now = datetime.now(UTC)
    pem = issue(common_name=name, ca=ca, alternative_names=names, usages=["client_auth"], not_before=now, days=1)
    return KeyPair(pem.certificate, pem.private_key)


async def can_connect(config: Config, identity: KeyPair) -> bool:
    try:
        client = await asyncio.wait_for(agents.connect(config.nats, identity, name="test"), 0.7)
    except Exception:  # noqa: BLE001 - refused in whichever way
        return False
    await client.close()
    return True


@pytest.mark.parametrize(
    ("name", "is_old"),
    [
        (subjects.agent_common_name("a-1"), False),
        (subjects.agent_common_name("a-1"), True),
        (subjects.bootstrap_common_name("a-1"), True),
    ],
)
async def test_an_agent_gets_in_as_soon_as_its_row_is_synced(
    config: Config, server: subprocess.Popen[bytes], name: str, is_old: bool
) -> None:
    store = memory_store()
    the_bus, identity = bus.Bus(config, store), agent_identity(config, name, is_old=is_old)
    await the_bus.sync()
    assert await can_connect(config, config.nats.director)
    assert not await can_connect(config, identity)
    store.vms.insert(records.Vm("a-1", "i-1", "cf"))
    began = time.monotonic()
    await asyncio.gather(*(the_bus.sync() for _ in range(20)))
    assert time.monotonic() - began < 2
    assert await can_connect(config, identity)
    store.vms.delete(agent_id="a-1")
    await the_bus.sync()
    assert not await can_connect(config, identity)
    store.close()


async def test_without_a_server_the_list_waits_for_it(config: Config) -> None:
    places(config).create()
    store = memory_store()
    store.vms.insert(records.Vm("a-1", "i-1", "cf"))
    await bus.Bus(config, store).sync()
    assert "a-1.bootstrap.agent.bosh-internal" in bus.users_file(config).read_text()
    store.close()


@pytest.fixture
def deaf_server(config: Config) -> Iterator[None]:
    """A process that takes the signal and does nothing."""
    places(config).create()
    process = subprocess.Popen(["/bin/sh", "-c", "trap '' HUP; exec sleep 30"])
    bus.pid_file(config).write_text(str(process.pid))
    yield
    process.kill()
    process.wait()


async def test_a_server_that_does_not_reload_is_an_error(
    config: Config, deaf_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "_APPLIED_WITHIN_S", 0.1)
    store = memory_store()
    with pytest.raises(SystemFailure, match="cannot tell the bus"):
        await bus.Bus(config, store).sync()
    store.close()
