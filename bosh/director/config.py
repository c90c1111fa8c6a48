"""The director's configuration: parsed once at start, passed on as small values.

The file is YAML; keys follow the original's job properties where there is one (bosh: jobs/director/spec).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec


class KeyPair(msgspec.Struct, frozen=True):
    """PEM texts."""

    certificate: str
    private_key: str


class Tls(msgspec.Struct, frozen=True):
    """A server's identity. ``ca`` is the PEM that clients are told to trust."""

    ca: str
    certificate: str
    private_key: str


class User(msgspec.Struct, frozen=True):
    name: str
    password: str
    scopes: list[str] = msgspec.field(default_factory=lambda: ["bosh.admin"])


class Nats(msgspec.Struct, frozen=True):
    """The agents' bus. With ``users_file`` the director writes who may connect and tells the server (``pid_file``) to reload."""

    address: str
    """Host or IP that agents connect to."""
    ca: str
    """PEM of the CA of the server's certificate."""
    client_ca: KeyPair
    """CA that signs the certificates of director, health monitor and agents."""
    director: KeyPair
    port: int = 4222
    local_address: str = ""
    """Where the director itself connects, when that differs from ``address``."""
    users_file: str = ""
    """Default: ``<state_dir>/nats/users.json``."""
    pid_file: str = ""
    """Default: ``<state_dir>/nats/nats.pid``."""
    server: KeyPair | None = None
    """The server's own certificate and key (common name ``….nats.bosh-internal``); without it the director leaves the server's
    configuration alone and writes only the users."""
    listen_address: str = "0.0.0.0"
    monitor_port: int = 0
    """Port on loopback where the server tells when it last read its configuration; default ``port`` + 4000."""


class BlobstoreConfig(msgspec.Struct, frozen=True):
    """Embedded: a directory served by the director over DAV on ``port``; agents get user and password in their settings."""

    provider: Literal["local"] = "local"
    path: str = ""
    """Default: ``<state_dir>/blobs``."""
    address: str = ""
    """Host or IP that agents use."""
    port: int = 25250
    agent_user: str = "agent"
    agent_password: str = ""
    director_user: str = "director"
    director_password: str = ""
    secret: str = ""
    """Key of signed URLs' HMAC."""
    enable_signed_urls: bool = False


class CpiConfig(msgspec.Struct, frozen=True):
    """The default CPI: a program, and whether it can serve many calls in one process (cpi/kit)."""

    exec_path: str
    arguments: list[str] = []
    long_lived: bool = False
    properties: dict[str, Any] = {}
    """Merged into each request's context."""


class SshOptions(msgspec.Struct, frozen=True):
    """The host over which people reach VMs, told to ``bosh ssh`` (job property director.default_ssh_options)."""

    gateway_host: str
    gateway_user: str = "vcap"


class HealthMonitor(msgspec.Struct, frozen=True):
    port: int = 25923


class Config(msgspec.Struct, frozen=True):
    """Everything the director needs to know. Durations carry their unit in the name."""

    name: str
    state_dir: Path
    """Owns everything: database, blobs, task files, sockets."""
    tls: Tls
    users: list[User]
    nats: Nats
    cpi: CpiConfig
    blobstore: BlobstoreConfig = BlobstoreConfig()
    listen_address: str = "127.0.0.1"
    port: int = 25555
    blobstore_listen_address: str = "0.0.0.0"
    database_url: str = ""
    """SQLAlchemy URL; default SQLite in ``state_dir``."""
    workers: int = 3
    urgent_workers: int = 1
    max_threads: int = 32
    agent_wait_timeout_s: float = 600.0
    """How long a new VM's agent may take to answer its first ping (original default)."""
    agent_answer_timeout_s: float = 10.0
    """How long all agents of a deployment together may take to say how they are before it is changed; others count as unresponsive."""
    max_vm_create_tries: int = 5
    keep_unreachable_vms: bool = False
    auto_fix_stateful_nodes: bool = True
    trusted_certs: str = ""
    agent_env: dict[str, Any] = {}
    """Merged under ``env.bosh`` of every VM."""
    generate_vm_passwords: bool = False
    dns_domain: str = "bosh"
    use_dns_addresses: bool = False
    record_events: bool = True
    max_tasks: int = 2000
    max_events: int = 10000
    max_upload_bytes: int = 10_000 * 1024 * 1024
    allow_errands_on_stopped_instances: bool = False
    enable_snapshots: bool = False
    enable_cpi_resize_disk: bool = False
    orphaned_disks_max_age_days: int = 5
    health_monitor: HealthMonitor = HealthMonitor()
    default_ssh_options: SshOptions | None = None


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"cannot make {kind} of {value!r}")


def read(content: Any) -> Config:
    """A parsed configuration document. Raises ValueError naming an unknown key or a wrong type."""
    known = {field.name for field in msgspec.structs.fields(Config)}
    unknown = sorted(set(content) - known) if isinstance(content, dict) else []
    if unknown:
        raise ValueError(f"unknown keys {', '.join(unknown)}")
    return msgspec.convert(content, Config, dec_hook=_path)


def load(path: Path) -> Config:
    """Read the file.

    Raises:
        ValueError: unreadable, an unknown key or a wrong type; the message says which.
    """
    import yaml

    try:
        return read(yaml.safe_load(path.read_text()))
    except ValueError as error:
        raise ValueError(f"cannot use {path}: {error}") from error
