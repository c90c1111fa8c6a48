"""bosh/agent/transport: the pauses, the switch, the name of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bosh.agent.transport import switch, tls
from bosh.agent.transport.contract import OnMessage
from bosh.agent.transport.nats import NatsTransport, pause_s
from bosh.agent.transport.switch import SwitchingTransport
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError


def test_pauses_grow_to_a_second_in_the_first_minute_and_to_ten_later() -> None:
    assert [pause_s(attempt, 0) for attempt in range(1, 6)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert pause_s(1000, 59) == 1.0
    assert pause_s(1000, 61) == 10.0


def peer(name: str) -> dict[str, Any]:
    return {"subject": ((("countryName", "USA"),), (("commonName", name),))}


def test_only_a_bus_is_a_bus() -> None:
    tls.check_bus_name(peer("default.nats.bosh-internal"))
    tls.check_bus_name(peer("*.nats.bosh-internal"))
    for name in ("x.agent.bosh-internal", "a.b.nats.bosh-internal", "defaultxnats.bosh-internal", ""):
        with pytest.raises(BoshError, match="does not match"):
            tls.check_bus_name(peer(name))
    with pytest.raises(BoshError):
        tls.check_bus_name(None)


def test_without_an_address_there_is_no_bus() -> None:
    with pytest.raises(BoshError, match="name no message bus"):
        NatsTransport([], None, "a", FakeClock())


class FakeTransport:
    """Connects when told."""

    def __init__(self, *, connects: bool = True) -> None:
        self.connects = connects
        self.sent: list[tuple[str, bytes]] = []
        self.hear: OnMessage = lambda _: None
        self.ended = False

    def publish(self, subject: str, payload: bytes) -> None:
        self.sent.append((subject, payload))

    async def flush(self) -> None: ...

    async def run(self, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        self.hear = on_message
        if self.connects:
            on_connected()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_after_a_switch_only_the_new_one_is_used() -> None:
    old, new, heard = FakeTransport(), FakeTransport(), list[bytes]()
    transport = SwitchingTransport(old)
    serving = asyncio.create_task(transport.run(heard.append, lambda: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await transport.switch(new)
    await asyncio.sleep(0)
    transport.publish("s", b"x")
    assert (old.sent, new.sent) == ([], [("s", b"x")])
    new.hear(b"one")
    new.hear(b"one")
    assert heard == [b"one", b"one"]
    await asyncio.sleep(0)
    assert old.ended
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await asyncio.sleep(0)
    assert new.ended


async def test_what_both_hear_is_heard_once() -> None:
    heard = list[bytes]()
    old, new = FakeTransport(), FakeTransport(connects=False)
    transport = SwitchingTransport(old)
    serving = asyncio.create_task(transport.run(heard.append, lambda: None))
    await asyncio.sleep(0.001)
    switching = asyncio.create_task(transport.switch(new))
    await asyncio.sleep(0.001)
    for ear in (old, new, old):
        ear.hear(b"request")
    assert heard == [b"request"]
    for task in (switching, serving):
        task.cancel()
    await asyncio.gather(switching, serving, return_exceptions=True)


async def test_a_bus_that_cannot_be_reached_is_not_changed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "SWITCH_TIMEOUT_S", 0.01)
    old = FakeTransport()
    transport = SwitchingTransport(old)
    serving = asyncio.create_task(transport.run(lambda _: None, lambda: None))
    await asyncio.sleep(0)
    assert not await transport.switch(FakeTransport(connects=False))
    transport.publish("s", b"x")
    assert old.sent == [("s", b"x")]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def test_messages_wait_while_the_bus_is_away_but_not_without_end() -> None:
    transport = NatsTransport(["nats://127.0.0.1:1"], None, "a", FakeClock())
    for number in range(20):
        transport.publish(str(number), b"x" * (1 << 20))
    assert [subject for subject, _ in transport._waiting] == [str(number) for number in range(12, 20)]
