"""The program as its package installs it: TLS, ports, signals, memory; two instances on one database."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bosh.release import sources

ROOT = Path(__file__).parents[4]
RELEASE = ROOT / "releases/uaa"
PYTHON = Path("/usr/bin/python3")
LIMIT_S = 20.0
MEMORY_LIMIT_KIB = 60 * 1024


def is_right_python() -> bool:
    if not PYTHON.exists():
        return False
    done = subprocess.run(
        [PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() == "3 11"


pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not is_right_python(), reason=f"{PYTHON} is not Python 3.11, as the stemcell's is"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin/uaa`` of the package, made by its own packaging script from its own blobs."""
    folder, target = tmp_path_factory.mktemp("compile"), tmp_path_factory.mktemp("target") / "uaa"
    sources.fetch(RELEASE, ROOT / ".cache/blobs")
    shutil.copytree(RELEASE / "blobs/wheels", folder / "wheels")
    shutil.copytree(RELEASE / "src/uaa", folder / "uaa", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"BOSH_INSTALL_TARGET": str(target), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", RELEASE / "packages/uaa/packaging"], cwd=folder, env=environment, check=True)
    return target / "bin/uaa"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def text(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture(scope="module")
def signing_key() -> str:
    return text(rsa.generate_private_key(65537, 2048))


class Machine:
    """A folder with a certificate and configurations."""

    def __init__(self, folder: Path, program: Path, signing_key: str) -> None:
        self.folder, self.program, self.signing_key = folder, program, signing_key
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (folder / "key.pem").write_text(text(key))

    @property
    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    @contextmanager
    def running(self, name: str = "one", **listen: Any) -> Iterator[Instance]:
        ports = {"port": free_port(), "http_port": free_port(), "metrics_port": free_port()}
        tls = {
            "certificate_file": str(self.folder / "certificate.pem"),
            "private_key_file": str(self.folder / "key.pem"),
        }
        config = {
            "url": "https://127.0.0.1",
            "listen": {"address": "127.0.0.1", "drain_ms": 0, **ports, **tls, **listen},
            "database": {"path": str(self.folder / "uaa.db")},
            "jwt": {"policy": {"keys": {"key-1": {"signingKey": self.signing_key}}}},
            "clients": {
                "cf": {"secret": "", "authorized-grant-types": "password,refresh_token", "scope": "openid,uaa.user"}
            },
            "scim": {"users": [{"name": "admin", "password": "pw", "groups": ["x"]}]},
        }
        path, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        path.write_text(json.dumps(config))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.program, "--config", path], stdout=output, stderr=output, env={"MALLOC_ARENA_MAX": "1"}
            )
        try:
            instance = Instance(process, ports, log)
            instance.wait()
            yield instance
        finally:
            process.kill()
            process.wait(LIMIT_S)


class Instance:
    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, int], log: Path) -> None:
        self.process, self.ports, self.log = process, ports, log
        self.url = f"https://127.0.0.1:{ports['port']}"

    def health(self) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports['http_port']}/healthz", trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def wait(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.health() == 200:
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def memory_kib(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.fixture
def machine(tmp_path: Path, program: Path, signing_key: str) -> Machine:
    return Machine(tmp_path, program, signing_key)


def login(machine: Machine, instance: Instance) -> dict[str, Any]:
    form = {"grant_type": "password", "username": "admin", "password": "pw"}
    answer = httpx.post(
        f"{instance.url}/oauth/token", data=form, auth=("cf", ""), verify=machine.trust, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_it_serves_over_tls_within_its_memory_and_stops_when_told(machine: Machine) -> None:
    with machine.running() as instance:
        for _ in range(20):
            token = login(machine, instance)["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        seen = httpx.get(f"{instance.url}/userinfo", headers=bearer, verify=machine.trust, trust_env=False)
        assert seen.json()["user_name"] == "admin"
        measured = httpx.get(f"http://127.0.0.1:{instance.ports['metrics_port']}/metrics", trust_env=False).text
        assert 'uaa_events_total{event="TokenIssued"} 20.0' in measured
        assert instance.memory_kib() <= MEMORY_LIMIT_KIB
        instance.process.send_signal(signal.SIGTERM)
        assert instance.process.wait(LIMIT_S) == 0
        lines = instance.log.read_text().splitlines()
        assert all(line.startswith("time=") for line in lines)
        assert any("event=TokenIssued client_id=cf" in line for line in lines)


def test_while_it_drains_it_says_so_and_serves(machine: Machine) -> None:
    with machine.running(drain_ms=3000) as instance:
        instance.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + LIMIT_S
        while instance.health() != 503 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert instance.health() == 503
        assert login(machine, instance)["token_type"] == "bearer"
        assert instance.process.wait(LIMIT_S) == 0


def test_two_instances_are_one_server(machine: Machine) -> None:
    with machine.running("one") as one, machine.running("two") as two:
        given = login(machine, one)
        bearer = {"Authorization": f"Bearer {given['access_token']}"}
        assert (
            httpx.get(f"{two.url}/userinfo", headers=bearer, verify=machine.trust, trust_env=False).status_code == 200
        )
        form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
        again = httpx.post(f"{two.url}/oauth/token", data=form, auth=("cf", ""), verify=machine.trust, trust_env=False)
        assert again.status_code == 200


def test_clients_without_a_certificate_stay_out_when_one_is_asked_for(machine: Machine) -> None:
    authority: dict[str, Any] = {
        "client_ca_file": str(machine.folder / "certificate.pem"),
        "require_client_certificate": True,
    }
    with machine.running(**authority) as instance:
        with pytest.raises(httpx.TransportError):
            login(machine, instance)
        context = machine.trust
        context.load_cert_chain(machine.folder / "certificate.pem", machine.folder / "key.pem")
        answer = httpx.get(f"{instance.url}/healthz", verify=context, trust_env=False)
        assert answer.status_code == 200


def test_a_configuration_that_cannot_work_is_said_at_once(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"url": "x"}')
    for more in ([], ["--check"]):
        done = subprocess.run([machine.program, "--config", path, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "- url: not an http(s) URL: 'x'" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_ends_the_program(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssertionError), machine.running(port=taken.getsockname()[1]):
            raise RuntimeError("must not come so far")


def test_the_interpreter_of_the_tests_is_another(program: Path) -> None:
    """The package must not lean on this environment."""
    assert program.read_text().startswith("#!/usr/bin/python3 -IOO\n")
    assert not str(program).startswith(sys.prefix)
