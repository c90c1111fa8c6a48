"""Requests to agents over NATS (bosh: agent_client.rb, nats_rpc.rb).

One connection and one wildcard subscription serve all agents. A request is published with its ``reply_to`` as the NATS reply subject
too, so that the server says at once when nobody listens ("no responders"); such a request reached nobody and is sent again.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from bosh.director.config import KeyPair, Nats
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire import agent_rpc, subjects
from bosh.wire.errors import RpcRemoteException, RpcTimeout, SystemFailure

CALL_TIMEOUT_S = 45.0
"""The original's default; update_settings restarts an agent for some seconds, and a request may fall into the gap."""

CONNECT_TIMEOUT_S = 15.0
"""How long a first connection may take: the bus may be restarting."""

GET_TASK_TRIES = 5
"""One and four retries, as the original has them."""

_SHORTEST_POLL_S = 0.01
_LONGEST_POLL_S = 1.0
_POLL_SHARE = 0.15
"""An action is asked for when this share of the time it has taken so far is over: it costs no more time than that to see its end."""
_PING_TIMEOUT_S = 1.0
_UNHEARD_PAUSE_S = 0.02
_LONGEST_UNHEARD_PAUSE_S = 0.1
"""A request that nobody hears costs the server some microseconds, and VMs boot in a second."""

DebugLog = Callable[[str], None]

_NOBODY = object()
"""Stands for the server's "no responders"."""


class BusAgents:
    """All agents, over one connection; keeps the ``Agents`` contract. Connects on first use.

    Args:
        nats: where the bus is and who we are on it.
        director_uuid: goes into reply subjects, followed by a part of this client's own, so that worker processes do not read each
            other's replies.
        log: takes debug lines (``SENT: agent.<id> {…}``), secrets removed; may be replaced for each task.
    """

    def __init__(
        self, nats: Nats, *, director_uuid: str, ids: Ids, clock: Clock, log: DebugLog = lambda _line: None
    ) -> None:
        self._nats = nats
        self._inbox = f"{director_uuid}-{ids.uuid()[:8]}"
        self._ids = ids
        self._clock = clock
        self.log = log
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    async def close(self) -> None:
        """Leave the bus. Requests under way end with RpcTimeout when their time is over."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(self, agent_id: str, method: str, *arguments: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """One request, one bare value.

        Raises:
            RpcTimeout: no answer in time.
            RpcRemoteException: the agent answered with an exception.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        pause_s = _UNHEARD_PAUSE_S
        while True:
            try:
                reply = await self._ask(agent_id, method, arguments, deadline_s)
            except TimeoutError as error:
                raise _timed_out(agent_id, method, timeout_s, "") from error
            if reply is not _NOBODY:
                return _value(reply, agent_id, method)
            if self._clock.monotonic_s() + pause_s >= deadline_s:
                raise _timed_out(agent_id, method, timeout_s, "no agent with this id is connected to the bus")
            await self._clock.sleep_s(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_UNHEARD_PAUSE_S)

    async def run(self, agent_id: str, method: str, *arguments: Any) -> Any:
        """A long action, until its bare result; on cancellation the agent is told too.

        Raises:
            RpcTimeout: the agent stopped answering.
            RpcRemoteException: the action failed.
        """
        value = await self.call(agent_id, method, *arguments)
        task_id = agent_rpc.running_task(value)
        if task_id is None:
            return value
        try:
            return await self._result(agent_id, task_id)
        except asyncio.CancelledError:
            await self.send(agent_id, "cancel_task", task_id)
            raise

    async def send(self, agent_id: str, method: str, *arguments: Any) -> None:
        """One request whose answer nobody waits for."""
        client = await self._connected()
        request = self._request(agent_id, method, arguments)
        await client.publish(subjects.agent(agent_id), self._encoded(agent_id, request))

    async def alert(self, alert: Mapping[str, Any]) -> None:
        """An alert of the director's own, for the health monitor."""
        client = await self._connected()
        await client.publish(subjects.DIRECTOR_ALERT, json.dumps(dict(alert)).encode())

    async def wait_until_ready(self, agent_id: str, *, timeout_s: float) -> None:
        """``ping`` until it answers; an agent that says it is restarting is asked again. Raises RpcTimeout."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while (left_s := deadline_s - self._clock.monotonic_s()) > 0:
            try:
                await self.call(agent_id, "ping", timeout_s=min(_PING_TIMEOUT_S, left_s))
            except RpcTimeout:
                continue
            except RpcRemoteException as error:
                if not error.details.startswith("restarting agent"):
                    raise
                await self._clock.sleep_s(_UNHEARD_PAUSE_S)
            else:
                return
        raise RpcTimeout(f"Timed out pinging agent '{agent_id}' after {timeout_s:g} seconds")

    async def _result(self, agent_id: str, task_id: str) -> Any:
        began_s = self._clock.monotonic_s()
        # Asked at once: most actions are over by then, and there are a dozen of them for each instance.
        while agent_rpc.running_task(value := await self._get_task(agent_id, task_id)) is not None:
            pause_s = _POLL_SHARE * (self._clock.monotonic_s() - began_s)
            await self._clock.sleep_s(min(max(_SHORTEST_POLL_S, pause_s), _LONGEST_POLL_S))
        return value

    async def _get_task(self, agent_id: str, task_id: str) -> Any:
        for _attempt in range(GET_TASK_TRIES - 1):
            try:
                return await self.call(agent_id, "get_task", task_id)
            except RpcTimeout:
                continue
        return await self.call(agent_id, "get_task", task_id)

    async def _ask(self, agent_id: str, method: str, arguments: tuple[Any, ...], deadline_s: float) -> Any:
        client = await self._connected()
        request = self._request(agent_id, method, arguments)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        key = request.reply_to.rpartition(".")[2]
        self._waiting[key] = answer
        payload = self._encoded(agent_id, request)
        left_s = deadline_s - self._clock.monotonic_s()
        try:
            await client.publish(subjects.agent(agent_id), payload, reply=request.reply_to)
            async with asyncio.timeout(max(0.0, left_s)):
                return await answer
        finally:
            self._waiting.pop(key, None)

    def _request(self, agent_id: str, method: str, arguments: tuple[Any, ...]) -> agent_rpc.Request:
        return agent_rpc.Request(method, arguments, subjects.reply(self._inbox, agent_id, self._ids.uuid()))

    async def _connected(self) -> Client:
        if self._client is not None:
            return self._client
        async with self._connecting:
            if self._client is None:
                client = await connect(self._nats, self._nats.director, name="director")
                await client.subscribe(subjects.replies(self._inbox), cb=self._received)
                await client.flush()
                self._client = client
        return self._client

    async def _received(self, message: Msg) -> None:
        answer = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if answer is None or answer.done():
            return
        if not message.data and (message.headers or {}).get("Status") == "503":
            answer.set_result(_NOBODY)
            return
        self.log(f"RECEIVED: {message.subject} {message.data.decode(errors='replace')}")
        try:
            answer.set_result(agent_rpc.decode_reply(message.data))
        except agent_rpc.InvalidMessage as error:
            answer.set_result(agent_rpc.Reply(exception=str(error)))

    def _encoded(self, agent_id: str, request: agent_rpc.Request) -> bytes:
        """The request's bytes; the log hears of it."""
        payload = agent_rpc.encode_request(request)
        arguments = redacted(request.arguments, request.method)
        shown = payload
        if arguments is not request.arguments:
            shown = agent_rpc.encode_request(
                agent_rpc.Request(request.method, tuple(arguments), request.reply_to, request.protocol)
            )
        self.log(f"SENT: {subjects.agent(agent_id)} {shown.decode()}")
        return payload


async def connect(config: Nats, identity: KeyPair, *, name: str) -> Client:
    """A connection that mends itself for ever.

    Raises:
        SystemFailure: the bus cannot be reached at all.
    """
    address = config.local_address or config.address
    host = f"[{address}]" if ":" in address else address
    url = f"tls://{host}:{config.port}"

    last: list[Exception] = []

    async def note(error: Exception) -> None:
        """A lost connection is mended by the client; requests meanwhile time out by themselves."""
        last[:] = [error]

    try:
        # Without a bound of our own the client tries for ever: it does not tell a first connection from a lost one.
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await nats.connect(
                url,
                name=name,
                tls=tls_context(config.ca, identity),
                tls_hostname=subjects.NATS_SERVER_COMMON_NAME,
                error_cb=note,
                connect_timeout=10,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                ping_interval=30,
                pending_size=64 * 1024 * 1024,
            )
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise SystemFailure(
            f"cannot connect to the bus at {url}",
            details=f"{type(reason := last[0] if last else error).__name__}: {reason}",
            resolution="See whether nats-server runs and whether its certificate is still valid.",
        ) from error


def tls_context(ca: str, identity: KeyPair) -> ssl.SSLContext:
    """Mutual TLS from PEM texts. The server is known by our own CA; agents and directors reach it by many addresses."""
    context = ssl.create_default_context(cadata=ca)
    context.check_hostname = False
    with tempfile.TemporaryDirectory(prefix="bosh-bus-") as directory:
        path = Path(directory) / "identity.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(identity.certificate.rstrip() + "\n" + identity.private_key)
        context.load_cert_chain(path)
    return context


_SECRET_KEYS = frozenset({"signed_url", "package_get_signed_url", "upload_signed_url", "blobstore_headers"})
_SECRET_KEYS_OF = {
    "update_settings": frozenset({"mbus", "blobstores"}),
    "upload_blob": frozenset({"payload", "checksum"}),
}


def redacted(value: Any, method: str) -> Any:
    """The argument as it may be logged (bosh: nats_rpc.rb sanitize_log_message; signed URLs besides); itself when it has no secret."""
    return _redacted(value, _SECRET_KEYS | _SECRET_KEYS_OF.get(method, frozenset()))


def _redacted(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        entries = {k: "<redacted>" if k in secret else _redacted(item, secret) for k, item in value.items()}
        return value if all(item is value[k] for k, item in entries.items()) else entries
    if isinstance(value, (list, tuple)):
        items = [_redacted(item, secret) for item in value]
        return value if all(one is other for one, other in zip(items, value, strict=True)) else items
    return value


def _value(reply: agent_rpc.Reply, agent_id: str, method: str) -> Any:
    if reply.exception is None:
        return reply.value
    raise RpcRemoteException(
        f"Agent '{agent_id}' answered '{method}' with an error", details=reply.exception or "no text"
    )


def _timed_out(agent_id: str, method: str, timeout_s: float, details: str) -> RpcTimeout:
    return RpcTimeout(
        f"Timed out sending '{method}' to agent-id: '{agent_id}' after {timeout_s:g} seconds", details=details
    )
