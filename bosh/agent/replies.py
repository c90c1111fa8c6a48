"""A reply that fits the bus (bosh-agent: handler/perform_handler_with_json.go)."""

from __future__ import annotations

from bosh.wire.agent_rpc import MAX_REPLY_BYTES, Reply, encode_reply

TOO_LONG = "Response exceeded maximum allowed length"
MARKER = "\n...[truncated]...\n"


def encode_within(reply: Reply, limit_bytes: int = MAX_REPLY_BYTES) -> bytes:
    """The reply's bytes. A text of an exception that is too long loses its middle; a value that is too long becomes an exception."""
    payload = encode_reply(reply)
    if len(payload) <= limit_bytes:
        return payload
    if reply.exception is None:
        return encode_reply(Reply(exception=TOO_LONG))
    return _shortened(reply.exception, limit_bytes)


def _shortened(text: str, limit_bytes: int) -> bytes:
    """JSON escapes make a text longer than it is, so what is kept shrinks until it fits; context leads, the root cause ends it."""
    kept = min(len(text), limit_bytes)
    while kept > 0:
        head = kept // 2
        payload = encode_reply(Reply(exception=text[:head] + MARKER + text[len(text) - (kept - head) :]))
        if len(payload) <= limit_bytes:
            return payload
        kept = min(kept - 1, kept * limit_bytes // len(payload))
    return encode_reply(Reply(exception=TOO_LONG))
