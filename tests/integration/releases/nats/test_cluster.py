"""Three real servers from rendered jobs on loopback addresses: mutual TLS, routes, smoke tests, lame-duck drain."""

from __future__ import annotations

import datetime
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bosh.testing.jobs import render_job

SERVER = Path(sys.executable).parent / "nats-server"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("ruby") and SERVER.exists()), reason="ruby or nats-server is not installed"),
]

RELEASE = Path(__file__).parents[4] / "releases/nats"
ADDRESSES = ("127.0.0.81", "127.0.0.82", "127.0.0.83")
IDS = tuple(f"{number}" * 8 + "-1111-4111-8111-111111111111" for number in (1, 2, 3))
PORT, CLUSTER_PORT, MONITOR_PORT = 24222, 24223, 28222
LIMIT_S = 30.0


class Authority:
    """A certificate authority for one test run."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        self._certificate = self._sign(self._name, self._key.public_key(), (), is_ca=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str, addresses: tuple[str, ...] = ()) -> tuple[str, str]:
        """Certificate and key, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), addresses, is_ca=False)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*form).decode()

    def _sign(self, subject: x509.Name, key: Any, addresses: tuple[str, ...], *, is_ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if addresses:
            names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address)) for address in addresses])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def wait(what: str, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s"
        time.sleep(0.05)


def monitor(address: str, page: str) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}:{MONITOR_PORT}/{page}", timeout=5) as reply:
        return json.load(reply)  # type: ignore[no-any-return]


def routes(address: str) -> int:
    try:
        remotes = monitor(address, "routez")["routes"]
    except OSError:
        return 0
    return len({route["remote_id"] for route in remotes})


class Cluster:
    """Servers started from what the job's templates give, with paths of the VM moved into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority()
        self.processes: list[subprocess.Popen[bytes]] = []
        certificate, key = self.authority.issue("nats", ADDRESSES)
        self.client = self.authority.issue("client")
        self._properties = {
            "nats.user": "nats",
            "nats.password": "secret",
            "nats.port": PORT,
            "nats.cluster_port": CLUSTER_PORT,
            "nats.monitor_port": MONITOR_PORT,
            "nats.external.tls.ca": self.authority.pem,
            "nats.external.tls.certificate": certificate,
            "nats.external.tls.private_key": key,
            "nats.internal.tls.enabled": True,
            "nats.internal.tls.ca": self.authority.pem,
            "nats.internal.tls.certificate": certificate,
            "nats.internal.tls.private_key": key,
            "nats.jetstream.enabled": True,
            "nats.drain.grace_period": "1s",
        }

    @property
    def link(self) -> Mapping[str, Any]:
        instances = [
            {"name": "nats", "id": name, "index": place, "address": address, "properties": {}}
            for place, (name, address) in enumerate(zip(IDS, ADDRESSES, strict=True))
        ]
        properties = {
            "port": PORT,
            "cluster_port": CLUSTER_PORT,
            "user": "nats",
            "password": "secret",
            "external": {"tls": {"ca": self.authority.pem}},
        }
        return {"nats": {"instances": instances, "properties": {"nats": properties}}}

    async def start(self, count: int = 3) -> None:
        for name, address in list(zip(IDS, ADDRESSES, strict=True))[:count]:
            here = {"nats.address": address, "nats.monitor_address": address}
            files = await render_job(RELEASE, "nats", self._properties | here, links=self.link, spec={"id": name})
            home = self.folder / address
            moved = (
                files["config/nats.conf"]
                .replace("/var/vcap/jobs/nats/", f"{home}/")
                .replace("/var/vcap/store", str(home))
            )
            write(home, files | {"config/nats.conf": moved})
            self._run(home)
        for address in ADDRESSES[:count]:
            wait(f"{address} knows the others", lambda address=address: routes(address) == count - 1)  # type: ignore[misc]

    def post_start(self, place: int, timeout_s: int = 30) -> subprocess.CompletedProcess[str]:
        """The job's script, with another time-out."""
        script = (self.folder / ADDRESSES[place] / "bin/post-start").read_text()
        changed = script.replace("timeout_s=30", f"timeout_s={timeout_s}")
        return subprocess.run(["bash"], input=changed, capture_output=True, text=True, timeout=60, check=False)

    def _run(self, home: Path) -> None:
        with (home / "log").open("w") as log:
            command = [SERVER, "--config", home / "config/nats.conf"]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def drain(self, place: int) -> None:
        """As the job's drain script does."""
        subprocess.run([SERVER, "--signal", f"ldm={self.processes[place].pid}"], check=True, capture_output=True)

    def smoke_tests(self, files: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        home = self.folder / "smoke-tests"
        write(home, files)
        command = [sys.executable, "-I", home / "bin/smoke_tests.py", home / "config"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def write(home: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.stop()


async def smoke_test_files(cluster: Cluster, client: tuple[str, str]) -> dict[str, str]:
    properties = {"nats.client.tls.certificate": client[0], "nats.client.tls.private_key": client[1]}
    properties |= {"nats.smoke_tests.timeout_seconds": 5}  # type: ignore[dict-item]
    return await render_job(RELEASE, "smoke-tests", properties, links=cluster.link)


async def test_messages_pass_between_all_servers_until_one_is_gone(cluster: Cluster) -> None:
    await cluster.start()
    files = await smoke_test_files(cluster, cluster.client)
    whole = cluster.smoke_tests(files)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert whole.stdout.endswith("9 of 9 pairs work\n")

    cluster.processes[2].kill()
    cluster.processes[2].wait()
    without = cluster.smoke_tests(files)
    assert without.returncode == 1
    assert without.stdout.endswith("4 of 9 pairs work\n")


async def test_a_server_is_up_once_healthy_or_waiting_for_the_others(cluster: Cluster) -> None:
    await cluster.start(1)
    first = cluster.post_start(0)
    assert (first.returncode, first.stdout) == (0, "nats runs and waits for the other servers of its cluster\n"), (
        first.stderr
    )

    cluster.processes[0].kill()
    cluster.processes[0].wait()
    gone = cluster.post_start(0, timeout_s=1)
    assert gone.returncode == 1
    assert "nats is not healthy after 1 seconds" in gone.stderr


async def test_servers_of_a_whole_cluster_are_up_once_their_streams_are(cluster: Cluster) -> None:
    await cluster.start()
    for place in range(3):
        up = cluster.post_start(place)
        assert (up.returncode, up.stdout) == (0, ""), up.stderr


async def test_strangers_are_kept_out(cluster: Cluster) -> None:
    await cluster.start()
    stranger = cluster.smoke_tests(await smoke_test_files(cluster, Authority().issue("stranger")))
    assert stranger.returncode == 1
    assert stranger.stdout.endswith("0 of 9 pairs work\n")

    files = await smoke_test_files(cluster, cluster.client)
    wrong = files["config/config.json"].replace("secret", "wrong")
    refused = cluster.smoke_tests(files | {"config/config.json": wrong})
    assert "Authorization Violation" in refused.stdout
    assert refused.stdout.endswith("0 of 9 pairs work\n")


async def test_drain_sends_clients_away_and_ends_the_server(cluster: Cluster) -> None:
    await cluster.start()
    context = ssl.create_default_context(cadata=cluster.authority.pem)
    home = cluster.folder / "client"
    write(home, {"certificate.pem": cluster.client[0], "key.pem": cluster.client[1]})
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    with socket.create_connection((ADDRESSES[0], PORT), timeout=LIMIT_S) as plain:
        plain.recv(65536)
        with context.wrap_socket(plain, server_hostname=ADDRESSES[0]) as client:
            options = {
                "verbose": False,
                "pedantic": False,
                "user": "nats",
                "pass": "secret",
                "protocol": 1,
                "lang": "python",
            }
            client.sendall(f"CONNECT {json.dumps(options | {'version': '1'})}\r\nPING\r\n".encode())
            read_until(client, b"PONG")
            cluster.drain(0)
            read_until(client, b'"ldm":true')
            assert cluster.processes[0].wait(60) == 0
    wait("the others have noticed", lambda: routes(ADDRESSES[1]) == 1)


def read_until(client: ssl.SSLSocket, word: bytes) -> None:
    """Read what the server says until a word comes; the connection's end or its time-out is a failure."""
    received = b""
    while word not in received:
        piece = client.recv(65536)
        assert piece, f"the server closed the connection after {received!r}"
        received += piece
