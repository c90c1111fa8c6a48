"""A director's configuration with certificates of its own, for tests of the daemon and of its parts."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bosh.director.config import BlobstoreConfig, Config, CpiConfig, KeyPair, Nats, Tls, User
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects

# What the Go agent and CLI verify against; valid from the day before any test runs.
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pair(pem: KeyPairPem) -> KeyPair:
    return KeyPair(pem.certificate, pem.private_key)


def certificate_authority(name: str) -> KeyPairPem:
    return issue(common_name=name, is_ca=True, not_before=datetime.now(UTC), days=3)


def configuration(state_dir: Path, *, cpi: CpiConfig | None = None, **values: Any) -> Config:
    """A director on free ports of loopback, users ``admin``/``admin`` and ``reader``/``reader``."""
    now = datetime.now(UTC)
    ca, nats_ca = certificate_authority("test CA"), certificate_authority("test NATS CA")
    server = issue(common_name="director", ca=ca, alternative_names=["127.0.0.1", "localhost"], not_before=now, days=2)

    def client(name: str) -> KeyPair:
        return _pair(issue(common_name=name, ca=nats_ca, usages=["client_auth"], not_before=now, days=2))

    bus = issue(
        common_name=subjects.NATS_SERVER_COMMON_NAME,
        ca=nats_ca,
        alternative_names=["127.0.0.1"],
        usages=["server_auth", "client_auth"],
        not_before=now,
        days=2,
    )
    nats = Nats(
        address="127.0.0.1",
        ca=nats_ca.certificate,
        client_ca=_pair(nats_ca),
        director=client(subjects.DIRECTOR_COMMON_NAME),
        port=free_port(),
        server=_pair(bus),
        listen_address="127.0.0.1",
        monitor_port=free_port(),
    )
    blobstore = BlobstoreConfig(
        address="127.0.0.1",
        port=free_port(),
        agent_password="agent-password",
        director_password="director-password",
        secret="blobstore-secret",
        enable_signed_urls=True,
    )
    settings: dict[str, Any] = {
        "name": "test",
        "state_dir": state_dir,
        "tls": Tls(ca.certificate, server.certificate, server.private_key),
        "users": [User("admin", "admin"), User("reader", "reader", ["bosh.read"])],
        "nats": nats,
        "cpi": cpi or CpiConfig("/bin/false"),
        "blobstore": blobstore,
        "port": free_port(),
        "blobstore_listen_address": "127.0.0.1",
        "workers": 2,
    }
    return Config(**(settings | values))
