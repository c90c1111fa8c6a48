"""A bus with mutual TLS, an agent process on it, and the director's side of the conversation."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bosh.wire import nats as wire
from bosh.wire import subjects
from bosh.wire.agent_rpc import Reply, Request, decode_reply, encode_request, running_task

REPOSITORY = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Authority:
    """Signs P-256 certificates for the bus and its clients."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("ca")
        self.pem = _pem(_build(self._name, self._name, self._key, self._key, authority=True))

    def issue(self, common_name: str) -> tuple[str, str]:
        """(certificate, key) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _build(_name(common_name), self._name, key, self._key, authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _pem(certificate), private.decode()


def _name(common_name: str) -> x509.Name:
    """The names of the field are longer than the standard lets them be: a country of three letters, a common name of 66."""
    parts = (
        (NameOID.COUNTRY_NAME, "USA"),
        (NameOID.ORGANIZATION_NAME, "Cloud Foundry"),
        (NameOID.COMMON_NAME, common_name),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in parts])


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        # The original agent wants the bus's address in its certificate.
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Bus:
    """nats-server with ``verify_and_map``, as the director configures it."""

    directory: Path
    authority: Authority
    port: int
    users: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def configure(self) -> None:
        certificate, key = self.authority.issue(subjects.NATS_SERVER_COMMON_NAME)
        for name, text in (("ca.pem", self.authority.pem), ("server.pem", certificate), ("server.key", key)):
            (self.directory / name).write_text(text)
        everyone = [subjects.DIRECTOR_COMMON_NAME, subjects.HEALTH_MONITOR_COMMON_NAME, *self.users]
        users = "\n".join(_user(name) for name in everyone)
        (self.directory / "nats.conf").write_text(
            f"""
            listen: "127.0.0.1:{self.port}"
            pid_file: "{self.directory}/nats.pid"
            tls {{ cert_file: "{self.directory}/server.pem", key_file: "{self.directory}/server.key",
                   ca_file: "{self.directory}/ca.pem", verify_and_map: true }}
            authorization {{ users: [ {users} ] }}
            """
        )

    def start(self) -> None:
        self.configure()
        self.process = subprocess.Popen(
            [
                REPOSITORY / ".venv/bin/nats-server",
                "-c",
                self.directory / "nats.conf",
                "-l",
                self.directory / "nats.log",
            ]
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError((self.directory / "nats.log").read_text())

    def add_agent(self, agent_id: str) -> None:
        """As the director's sync does: write the users anew and have the server read them."""
        self.users += [subjects.agent_common_name(agent_id), subjects.bootstrap_common_name(agent_id)]
        if self.process is not None:
            self.configure()
            self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


def _user(common_name: str) -> str:
    if common_name == subjects.DIRECTOR_COMMON_NAME:
        allowed = '{publish: ["agent.*", "hm.director.alert"], subscribe: ["director.>"]}'
    elif common_name == subjects.HEALTH_MONITOR_COMMON_NAME:
        allowed = '{publish: [], subscribe: ["hm.agent.heartbeat.*", "hm.agent.alert.*", "hm.agent.shutdown.*"]}'
    else:
        agent = common_name.split(".")[0]
        allowed = (
            f'{{publish: ["hm.agent.heartbeat.{agent}", "hm.agent.alert.{agent}", "hm.agent.shutdown.{agent}",'
            f' "director.*.{agent}.*"], subscribe: ["agent.{agent}"]}}'
        )
    return f'{{user: "{subjects.user(common_name)}", permissions: {allowed}}}'


class Listener:
    """One client of the bus."""

    def __init__(self, bus: Bus, common_name: str, subscriptions: list[str]) -> None:
        self._bus = bus
        self._common_name = common_name
        self._subscriptions = subscriptions
        self.messages: list[wire.Message] = []
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Listener:
        certificate, key = self._bus.authority.issue(self._common_name)
        pair = self._bus.directory / f"{self._common_name}.pem"
        pair.write_text(certificate + key)
        context = ssl.create_default_context(cadata=self._bus.authority.pem)
        context.check_hostname = False
        context.load_cert_chain(pair)
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._bus.port)
        self._parser = wire.Parser()
        self._parser.feed(await self._reader.read(65536))
        await self._writer.start_tls(context)
        self._writer.write(wire.connect(name=self._common_name))
        for number, subject in enumerate(self._subscriptions):
            self._writer.write(wire.subscribe(subject, str(number)))
        self._writer.write(wire.ping())
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        self._writer.close()

    def publish(self, subject: str, payload: bytes) -> None:
        self._writer.write(wire.publish(subject, payload, max_payload_bytes=1 << 20))

    async def _read(self) -> None:
        while data := await self._reader.read(65536):
            for event in self._parser.feed(data):
                if isinstance(event, wire.Message):
                    self.messages.append(event)
                    self._arrived.set()
                elif isinstance(event, wire.Ping):
                    self._writer.write(wire.pong())

    async def message(self, subject: str, timeout_s: float = 15) -> wire.Message:
        """The first message on the subject, taken out."""
        async with asyncio.timeout(timeout_s):
            while True:
                for message in self.messages:
                    if message.subject == subject:
                        self.messages.remove(message)
                        return message
                self._arrived.clear()
                await self._arrived.wait()


class Caller:
    """The director's side: ask, and wait for tasks."""

    def __init__(self, listener: Listener, agent_id: str) -> None:
        self._listener = listener
        self._agent_id = agent_id

    async def ask(self, method: str, *arguments: Any, timeout_s: float = 15) -> Reply:
        reply_to = subjects.reply("uuid", self._agent_id, uuid.uuid4().hex)
        self._listener.publish(subjects.agent(self._agent_id), encode_request(Request(method, arguments, reply_to)))
        return decode_reply((await self._listener.message(reply_to, timeout_s)).payload)

    async def call(self, method: str, *arguments: Any) -> Any:
        """The value, after waiting for the task where there is one."""
        reply = await self.ask(method, *arguments)
        assert reply.exception is None, reply.exception
        task = running_task(reply.value)
        return reply.value if task is None else await self.wait(task)

    async def wait(self, task: str) -> Any:
        for _ in range(600):
            reply = await self.ask("get_task", task)
            if reply.exception is not None:
                raise AssertionError(reply.exception)
            if running_task(reply.value) is None:
                return reply.value
            await asyncio.sleep(0.02)
        raise AssertionError("task does not end")

    async def until_pong(self, timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                with contextlib.suppress(TimeoutError):
                    assert (await self.ask("ping", timeout_s=0.3)).value == "pong"
                    return


@dataclass
class AgentProcess:
    directory: Path
    bus: Bus
    agent_id: str
    blobs: Path
    program: list[str] = field(default_factory=lambda: [sys.executable, "-m", "bosh.agent.main"])
    heartbeat_interval_s: float = 0.5
    supervisor: str = "dummy-nats"
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> Path:
        return self.directory / "vcap"

    def settings(self) -> dict[str, Any]:
        certificate, key = self.bus.authority.issue(subjects.bootstrap_common_name(self.agent_id))
        pair = {"ca": self.bus.authority.pem, "certificate": certificate, "private_key": key}
        blobstore = {"provider": "local", "options": {"blobstore_path": str(self.blobs)}}
        return {
            "agent_id": self.agent_id,
            "vm": {"name": "vm-1"},
            "mbus": "nats://203.0.113.1:1",
            "networks": {
                "default": {
                    "type": "manual",
                    "ip": "10.0.0.5",
                    "netmask": "255.255.255.0",
                    "default": ["dns", "gateway"],
                }
            },
            "env": {"bosh": {"mbus": {"urls": [self.bus.url], "cert": pair}, "blobstores": [blobstore]}},
        }

    def start(self) -> None:
        bosh = self.base / "bosh"
        bosh.mkdir(parents=True, exist_ok=True)
        (bosh / "settings-source.json").write_text(json.dumps(self.settings()))
        config = {
            "Infrastructure": {
                "Settings": {"Sources": [{"Type": "File", "SettingsPath": str(bosh / "settings-source.json")}]}
            },
            "Agent": {"HeartbeatIntervalSeconds": self.heartbeat_interval_s},
        }
        (bosh / "agent.json").write_text(json.dumps(config))
        options = ["-C", str(bosh / "agent.json"), "-b", str(self.base), "-P", "dummy", "-M", self.supervisor]
        self.process = subprocess.Popen(
            [*self.program, *options],
            cwd=REPOSITORY,
            stderr=(self.directory / "agent.log").open("ab"),
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        return (self.directory / "agent.log").read_text()

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait(10)


class BlobDirectory:
    """Archives as a director would upload them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def add(self, files: Mapping[str, str], *, compressed: bool = True, dotted: bool = False) -> dict[str, str]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz" if compressed else "w") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"./{name}" if dotted else name)
                entry.size = len(text.encode())
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        content = buffer.getvalue()
        blob_id = str(uuid.uuid4())
        (self.path / blob_id).write_bytes(content)
        digest = f"{hashlib.sha1(content).hexdigest()};sha256:{hashlib.sha256(content).hexdigest()}"
        return {"blobstore_id": blob_id, "sha1": digest}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def bus(tmp_path: Path, authority: Authority) -> Iterator[Bus]:
    directory = tmp_path / "bus"
    directory.mkdir()
    bus = Bus(directory, authority, free_port())
    try:
        bus.start()
        yield bus
    finally:
        bus.stop()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobDirectory:
    return BlobDirectory(tmp_path / "blobs")


@pytest.fixture
def agent(tmp_path: Path, bus: Bus, blobs: BlobDirectory) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, bus, str(uuid.uuid4()), blobs.path)
    bus.add_agent(agent.agent_id)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()
        shutil.rmtree(agent.base, ignore_errors=True)


@pytest.fixture
async def director(bus: Bus, agent: AgentProcess) -> AsyncIterator[Caller]:
    async with Listener(bus, subjects.DIRECTOR_COMMON_NAME, ["director.>"]) as listener:
        caller = Caller(listener, agent.agent_id)
        await caller.until_pong()
        yield caller
