"""The configuration files of a one-machine environment, as text. Pure: who writes them is ``files.py``'s business."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bosh.local.home import Home
from bosh.local.identity import Identity
from bosh.variables.certificates import KeyPairPem


def _pair(pair: KeyPairPem) -> dict[str, str]:
    return {"certificate": pair.certificate, "private_key": pair.private_key}


def director(home: Home, identity: Identity, *, cpi_program: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The director's configuration (bosh.director.config.Config); ``settings`` are the operator's own values from
    ``manifests/bosh/local.yml``.
    """
    address = str(home.host_address)
    return {
        **settings,
        "name": settings.get("name", "bosh-local"),
        "state_dir": str(home.director_state),
        "listen_address": "127.0.0.1",
        "port": home.port,
        "tls": {"ca": identity.authority.certificate, **_pair(identity.director)},
        "users": [
            {"name": "admin", "password": identity.admin_password},
            {"name": "health_monitor", "password": identity.monitor_password},
        ],
        "nats": {
            "address": address,
            "listen_address": address,
            "port": home.nats_port,
            "ca": identity.authority.certificate,
            "client_ca": _pair(identity.client_authority),
            "director": _pair(identity.nats_director),
            "server": _pair(identity.nats_server),
        },
        "blobstore": {
            "address": address,
            "port": home.blobstore_port,
            "agent_password": identity.blobstore_agent_password,
            "director_password": identity.blobstore_director_password,
            "secret": identity.blobstore_secret,
        },
        "blobstore_listen_address": address,
        "health_monitor": {"port": home.monitor_port},
        "cpi": {
            "exec_path": str(cpi_program),
            "arguments": ["--config", str(home.config / "cpi.json")],
            "long_lived": True,
        },
    }


def health_monitor(home: Home, identity: Identity, *, settings: dict[str, Any]) -> dict[str, Any]:
    """The health monitor's configuration (bosh.health.config.Config)."""
    return {
        **settings,
        "director": {
            "url": f"https://127.0.0.1:{home.port}",
            "user": "health_monitor",
            "password": identity.monitor_password,
            "ca_cert": identity.authority.certificate,
        },
        "nats": {
            "address": str(home.host_address),
            "port": home.nats_port,
            "ca": identity.authority.certificate,
            **_pair(identity.nats_monitor),
        },
        "http_port": home.monitor_port,
    }


def cpi(home: Home, *, settings: dict[str, Any]) -> dict[str, Any]:
    """The container CPI's configuration (container_cpi.config.Config)."""
    slices = list(home.network.subnets(new_prefix=max(home.network.prefixlen, 19)))
    # The top slice is the host's and the dynamic networks', the one below it managed networks'; cloud configs use the rest.
    top = slices[-1]
    dynamic = list(top.subnets(new_prefix=max(top.prefixlen, 24)))[-2 if top.prefixlen < 24 else -1]
    return {
        **settings,
        "state_dir": str(home.cpi_state),
        "ranges": [str(home.network)],
        "host_addresses": [str(home.host_address)],
        "dynamic_range": str(dynamic),
        "managed_range": str(slices[-2] if len(slices) > 1 else top),
        "agent": {"mbus": f"nats://{home.host_address}:{home.nats_port}"},
    }


def supervisor(home: Home, commands: dict[str, list[str]]) -> str:
    """supervisord's configuration: one program a daemon, restarted when it ends, logs rotated."""
    head = f"""\
[unix_http_server]
file={home.supervisor_socket}
chmod=0600

[supervisord]
logfile={home.logs}/supervisor.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={home.supervisor_pid}
childlogdir={home.logs}
minfds=1024
identifier=bosh-local

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{home.supervisor_socket}
"""
    programs = [_program(home, name, words, order) for order, (name, words) in enumerate(commands.items())]
    return head + "".join(programs)


def _program(home: Home, name: str, words: list[str], order: int) -> str:
    command = " ".join(_quoted(word) for word in words)
    return f"""
[program:{name}]
command={command}
priority={order}
autorestart=true
startsecs=1
startretries=100
stopsignal=TERM
stopwaitsecs=15
killasgroup=true
redirect_stderr=true
stdout_logfile={home.logs}/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""


def _quoted(word: str) -> str:
    """For supervisord: its values know ``%`` expansions and shell quoting."""
    escaped = word.replace("%", "%%")
    return json.dumps(escaped) if not escaped or set(escaped) & set(" \t\"'$;&|") else escaped
