"""Simulated agents on a real bus: one connection that listens for all agents of a fake cloud.

The connection's user must be allowed to subscribe to ``agent.*`` and to publish to ``director.>`` and ``hm.agent.>``: give it a
certificate of its own. ``TestBus`` starts such a nats-server for tests.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nats.aio.msg import Msg

from bosh.clients.agents import connect
from bosh.director.config import KeyPair, Nats
from bosh.system.clock import Clock, SystemClock
from bosh.system.ids import Ids, SystemIds
from bosh.testing.fake_agent import AgentFailure, Behaviour, FakeAgent
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import agent_rpc, subjects
from bosh.wire.agent_settings import Settings

_LOOK_S = 0.02
"""How often agents with connections of their own look for new VMs: a booting VM is slower."""

FLEET_COMMON_NAME = "fleet.agent.bosh-internal"

BehaviourOf = Callable[[Settings], Behaviour]
StoreBlob = Callable[[bytes], tuple[str, str]]


class Fleet:
    """The agents of all VMs in ``<cloud>/vms/<cid>/settings.json``; they appear and go with their VM's directory."""

    def __init__(
        self,
        cloud: Path,
        *,
        clock: Clock,
        ids: Ids,
        behaviour_of: BehaviourOf = lambda _settings: Behaviour(),
        store_blob: StoreBlob | None = None,
        heartbeat_s: float = 60.0,
    ) -> None:
        self._vms = cloud / "vms"
        self._clock = clock
        self._ids = ids
        self._behaviour_of = behaviour_of
        self._store_blob = store_blob
        self._heartbeat_s = heartbeat_s
        self._directories: dict[str, Path] = {}
        self._known: set[str] = set()
        self.agents: dict[str, FakeAgent] = {}
        """Living agents by agent id."""
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        """Every request heard but ``get_task``, in order: agent id, method, arguments."""

    async def serve(self, nats: Nats, identity: KeyPair, *, ready: asyncio.Event | None = None) -> None:
        """Answer until cancelled."""
        client = await connect(nats, identity, name="fleet")

        async def received(message: Msg) -> None:
            answer = self.answer(message.subject.rpartition(".")[2], message.data)
            if answer is not None:
                await client.publish(*answer)

        try:
            await client.subscribe("agent.*", cb=received)
            await client.flush()
            if ready is not None:
                ready.set()
            while True:
                self.look()
                for agent in list(self.agents.values()):
                    if not agent.behaviour.unresponsive:
                        await client.publish(subjects.heartbeat(agent.id), json.dumps(agent.heartbeat()).encode())
                await self._clock.sleep_s(self._heartbeat_s)
        finally:
            await client.close()

    async def serve_each(self) -> None:
        """Answer until cancelled, every agent over a connection of its own, with the certificate its VM was given."""
        living: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self.look()
                for agent_id in living.keys() - self.agents.keys():
                    living.pop(agent_id).cancel()
                for agent_id in self.agents.keys() - living.keys():
                    living[agent_id] = asyncio.create_task(self._live(self.agents[agent_id]))
                await self._clock.sleep_s(_LOOK_S)
        finally:
            for task in living.values():
                task.cancel()
            await asyncio.gather(*living.values(), return_exceptions=True)

    async def _live(self, agent: FakeAgent) -> None:
        """One agent's life on the bus (bosh-agent: mbus/nats_handler.go)."""
        mbus = agent.settings.env["bosh"]["mbus"]
        address, _, port = mbus["urls"][0].rpartition("://")[2].rpartition(":")
        identity = KeyPair(mbus["cert"]["certificate"], mbus["cert"]["private_key"])
        nats = Nats(address=address, port=int(port), ca=mbus["cert"]["ca"], client_ca=identity, director=identity)
        client = await connect(nats, identity, name=agent.id)

        async def received(message: Msg) -> None:
            answer = self.answer(agent.id, message.data)
            if answer is not None:
                await client.publish(*answer)

        try:
            await client.subscribe(subjects.agent(agent.id), cb=received)
            while True:
                await client.publish(subjects.heartbeat(agent.id), json.dumps(agent.heartbeat()).encode())
                await self._clock.sleep_s(self._heartbeat_s)
        finally:
            await client.close()

    def answer(self, agent_id: str, payload: bytes) -> tuple[str, bytes] | None:
        """Subject and bytes of the reply; None when nobody answers."""
        agent = self._agent(agent_id)
        if agent is None or agent.behaviour.unresponsive:
            return None
        request = agent_rpc.decode_request(payload)
        if request.method != "get_task":
            self.calls.append((agent_id, request.method, request.arguments))
        try:
            reply = agent_rpc.Reply(agent.handle(request.method, request.arguments))
        except AgentFailure as error:
            reply = agent_rpc.Reply(exception=str(error))
        return request.reply_to, agent_rpc.encode_reply(reply)

    def look(self) -> None:
        """Meet the agents of new VMs and forget those of VMs that are gone."""
        present = {path.name: path for path in self._vms.iterdir()} if self._vms.is_dir() else {}
        for name in present.keys() - self._known:
            self._meet(present[name])
        for agent_id, directory in list(self._directories.items()):
            if directory.name not in present:
                del self._directories[agent_id], self.agents[agent_id]
                self._known.discard(directory.name)

    def _agent(self, agent_id: str) -> FakeAgent | None:
        if agent_id not in self.agents:
            self.look()
        directory = self._directories.get(agent_id)
        return self.agents[agent_id] if directory is not None and directory.is_dir() else None

    def _meet(self, directory: Path) -> None:
        try:
            settings = Settings.from_json(json.loads((directory / "settings.json").read_text()))
        except FileNotFoundError:
            return  # its CPI is still at work
        self._known.add(directory.name)
        self._directories[settings.agent_id] = directory
        self.agents[settings.agent_id] = FakeAgent(
            settings, self._clock, self._ids, behaviour=self._behaviour_of(settings), store_blob=self._store_blob
        )


# --- a bus for tests ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TestBus:
    """A running nats-server with mutual TLS: how the director and the fleet reach it."""

    __test__ = False

    nats: Nats
    fleet: KeyPair


def _pair(pem: KeyPairPem) -> KeyPair:
    return KeyPair(pem.certificate, pem.private_key)


def bus_identities(now: datetime, *, port: int) -> TestBus:
    """Certificates for a bus on 127.0.0.1."""
    start = now - timedelta(minutes=5)
    ca = issue(common_name="bus-ca", is_ca=True, not_before=start)

    def client(name: str) -> KeyPair:
        return _pair(issue(common_name=name, ca=ca, usages=("client_auth",), not_before=start))

    nats = Nats(
        address="127.0.0.1",
        port=port,
        ca=ca.certificate,
        client_ca=_pair(ca),
        director=client(subjects.DIRECTOR_COMMON_NAME),
    )
    return TestBus(nats, client(FLEET_COMMON_NAME))


def server_config(bus: TestBus, directory: Path, now: datetime) -> str:
    """Write the server's own certificate and say how it is to run."""
    ca = KeyPairPem(bus.nats.client_ca.certificate, bus.nats.client_ca.private_key)
    server = issue(
        common_name=subjects.NATS_SERVER_COMMON_NAME,
        ca=ca,
        alternative_names=(subjects.NATS_SERVER_COMMON_NAME, "127.0.0.1"),
        usages=("server_auth",),
        not_before=now - timedelta(minutes=5),
    )
    for name, text in (("ca", bus.nats.ca), ("cert", server.certificate), ("key", server.private_key)):
        (directory / f"{name}.pem").write_text(text)
    director = subjects.user(subjects.DIRECTOR_COMMON_NAME)
    fleet = subjects.user(FLEET_COMMON_NAME)
    return f"""
host: 127.0.0.1
port: {bus.nats.port}
tls {{
  cert_file: "{directory}/cert.pem"
  key_file: "{directory}/key.pem"
  ca_file: "{directory}/ca.pem"
  verify_and_map: true
}}
authorization {{ users: [
  {{ user: "{director}", permissions: {{ publish: ["agent.*", "hm.director.alert"], subscribe: ["director.>"] }} }}
  {{ user: "{fleet}", permissions: {{ publish: ["director.>", "hm.agent.>"], subscribe: ["agent.*", "hm.director.alert"] }} }}
] }}
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def running_bus(directory: Path, *, program: str, now: datetime) -> AsyncIterator[TestBus]:
    """A nats-server of one's own, gone afterwards."""
    bus = bus_identities(now, port=free_port())
    config = directory / "nats.conf"
    config.write_text(server_config(bus, directory, now))
    with (directory / "nats.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(program, "-c", str(config), stdout=log, stderr=log)
    try:
        await _listening(bus.nats.port)
        yield bus
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        await server.wait()


async def _listening(port: int) -> None:
    for _attempt in range(200):
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise TimeoutError(f"nothing listens on port {port}")


def nats_server_program() -> str | None:
    """Where nats-server is on this machine, the Python package's first."""
    import sys

    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.is_file() else shutil.which("nats-server")


# --- the program --------------------------------------------------------------------------------------------------------------------


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fake-agent", description="Simulate the agents of a fake cloud's VMs.")
    parser.add_argument("--cloud", type=Path, required=True, help="directory of the fake cloud")
    parser.add_argument(
        "--nats", help="tls://HOST:PORT: one privileged connection for all; else each agent has its own"
    )
    parser.add_argument("--ca", type=Path, help="with --nats: PEM of the CA of the server's certificate")
    parser.add_argument(
        "--identity", type=Path, help="with --nats: PEM, certificate and private key of a privileged user"
    )
    parser.add_argument("--blobs", type=Path, help="root of the local blobstore, for compiled packages")
    parser.add_argument("--action-s", type=float, default=0.0, help="how long an action takes")
    parser.add_argument("--heartbeat-s", type=float, default=60.0)
    parser.add_argument("--failing", default="", help="group whose processes never run")
    parser.add_argument("--unresponsive", default="", help="group whose agents never answer")
    return parser.parse_args(words)


def _behaviour(words: argparse.Namespace) -> BehaviourOf:
    def behaviour_of(settings: Settings) -> Behaviour:
        groups = (settings.env.get("bosh") or {}).get("groups") or []
        return Behaviour(
            unresponsive=bool(words.unresponsive) and words.unresponsive in groups,
            failing=bool(words.failing) and words.failing in groups,
            action_s=words.action_s,
        )

    return behaviour_of


def blob_writer(root: Path, ids: Ids) -> StoreBlob:
    """Puts bytes straight into a local blobstore's directory."""
    from bosh.clients.blobstore import blob_path
    from bosh.wire.digest import of_bytes

    def store(content: bytes) -> tuple[str, str]:
        blob_id = ids.uuid()
        path = blob_path(root, blob_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return blob_id, of_bytes(content)

    return store


def main(words: list[str] | None = None) -> int:
    """Simulate until interrupted."""
    given = _arguments(words)
    ids = SystemIds()
    fleet = Fleet(
        given.cloud,
        clock=SystemClock(),
        ids=ids,
        behaviour_of=_behaviour(given),
        store_blob=blob_writer(given.blobs, ids) if given.blobs else None,
        heartbeat_s=given.heartbeat_s,
    )
    asyncio.run(_until_interrupted(_shared(given, fleet) if given.nats else fleet.serve_each()))
    return 0


def _shared(given: argparse.Namespace, fleet: Fleet) -> Coroutine[Any, Any, None]:
    host, _, port = given.nats.rpartition("://")[2].rpartition(":")
    identity = KeyPair(certificate=given.identity.read_text(), private_key="")
    nats = Nats(address=host, port=int(port), ca=given.ca.read_text(), client_ca=identity, director=identity)
    return fleet.serve(nats, identity)


async def _until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    serving = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
