"""The health monitor's configuration; names follow the original's job properties (bosh: jobs/health_monitor/spec)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Intervals(msgspec.Struct, frozen=True):
    """Seconds."""

    poll_director: float = 60
    analyze_agents: float = 60
    analyze_instances: float = 60
    agent_timeout: float = 60
    rogue_agent_alert: float = 120
    log_stats: float = 60


class Director(msgspec.Struct, frozen=True):
    url: str
    user: str
    password: str
    ca_cert: str


class Nats(msgspec.Struct, frozen=True):
    address: str
    ca: str
    certificate: str
    private_key: str
    port: int = 4222


class Plugin(msgspec.Struct, frozen=True):
    """``name`` is a module of ``bosh/health/plugins``; ``events`` of ``alert`` and ``heartbeat``."""

    name: str
    events: list[str] = msgspec.field(default_factory=lambda: ["alert"])
    options: dict[str, Any] = {}


class Config(msgspec.Struct, frozen=True):
    director: Director
    nats: Nats
    intervals: Intervals = Intervals()
    http_address: str = "127.0.0.1"
    http_port: int = 25923
    plugins: list[Plugin] = msgspec.field(default_factory=list)


def load(path: Path) -> Config:
    """Read the YAML file. Raises ValueError naming what is wrong."""
    import yaml

    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), Config)
    except msgspec.ValidationError as error:
        raise ValueError(f"cannot use {path}: {error}") from error
