"""bosh/wire/nats.py"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.wire import nats

INFO = b'INFO {"server_id":"x","max_payload":1048576,"tls_required":true,"connect_urls":["10.0.0.1:4222"]}\r\n'
STREAM = (
    INFO + b"PONG\r\n+OK\r\nMSG agent.1 1 5\r\nhello\r\nMSG agent.1 1 reply.to 2\r\n\r\n\r\nPING\r\n-ERR 'Unknown'\r\n"
)
EVENTS = [
    nats.Info(1048576, True, ("10.0.0.1:4222",), json.loads(INFO[5:])),
    nats.Pong(),
    nats.Ok(),
    nats.Message("agent.1", "1", b"hello"),
    nats.Message("agent.1", "1", b"\r\n", "reply.to"),
    nats.Ping(),
    nats.ServerError("Unknown"),
]


def test_a_stream_becomes_events() -> None:
    assert nats.Parser().feed(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int]) -> None:
    parser, events, edges = nats.Parser(), [], sorted({0, *cuts, len(STREAM)})
    for start, end in pairwise(edges):
        events += parser.feed(STREAM[start:end])
    assert events == EVENTS


@given(st.binary(max_size=200))
def test_any_payload_survives(payload: bytes) -> None:
    sent = nats.publish("agent.1", payload, max_payload_bytes=1000)
    assert sent.startswith(b"PUB agent.1 %d\r\n" % len(payload))
    received = b"MSG agent.1 1" + sent[len(b"PUB agent.1") :]
    assert nats.Parser().feed(received) == [nats.Message("agent.1", "1", payload)]


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200 OK\r\n", b"MSG a\r\n", b"MSG a 1 x\r\n", b"INFO nonsense\r\n", b"INFO []\r\n", b"MSG a 1 1\r\nxyz"],
)
def test_what_is_not_the_protocol_is_refused(data: bytes) -> None:
    with pytest.raises(nats.ProtocolError):
        nats.Parser().feed(data)


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(nats.ProtocolError):
        nats.Parser().feed(b"x" * (nats.MAX_CONTROL_LINE_BYTES + 1))


def test_too_much_is_not_sent() -> None:
    with pytest.raises(nats.PayloadTooLarge):
        nats.publish("a", b"12345", max_payload_bytes=4)


def test_only_permissions_are_survived() -> None:
    assert not nats.ServerError("Permissions Violation for Publish to x").fatal
    assert nats.ServerError("Authorization Violation").fatal


def test_what_the_client_says() -> None:
    greeting = nats.connect(name="a", user="u", password="p")
    body = json.loads(greeting.removeprefix(b"CONNECT "))
    assert (body["user"], body["pass"], body["verbose"]) == ("u", "p", False)
    assert "user" not in json.loads(nats.connect(name="a").removeprefix(b"CONNECT "))
    assert nats.subscribe("agent.1", "7") == b"SUB agent.1 7\r\n"
    assert (nats.ping(), nats.pong()) == (b"PING\r\n", b"PONG\r\n")
