"""Who may connect to the agents' bus: nats-server's configuration and user list (bosh: jobs/nats, nats-sync).

Users are certificate subjects (``verify_and_map``): the director, the health monitor, and for each VM its agent, by its lasting certificate
and by the short-lived one it is born with. The list comes from the VMs' rows, which exist before their VMs do.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bosh.director.config import Config
from bosh.director.places import places
from bosh.state.contract import Store
from bosh.wire import subjects
from bosh.wire.errors import SystemFailure

MAX_PAYLOAD_BYTES = 1 << 20
"""The original's default, which release authors count on (nats: max_payload_mb 1)."""

# VMs are added in bursts: one reload for all that come within this time.
_DEBOUNCE_S = 0.005

# nats-server reads its configuration within milliseconds of the signal; only a machine without CPU time needs this long.
_APPLIED_WITHIN_S = 15.0
_FIRST_LOOK_S = 0.003
_LONGEST_LOOK_S = 0.2


def _user(common_name: str, *, publish: Sequence[str], subscribe: Sequence[str]) -> dict[str, Any]:
    return _named(subjects.user(common_name), publish=publish, subscribe=subscribe)


def _named(name: str, *, publish: Sequence[str], subscribe: Sequence[str]) -> dict[str, Any]:
    return {"user": name, "permissions": {"publish": list(publish), "subscribe": list(subscribe)}}


def users(agent_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Everybody who may connect, and what they may say and hear."""
    everybody = [
        _user(subjects.DIRECTOR_COMMON_NAME, publish=["agent.*", subjects.DIRECTOR_ALERT], subscribe=["director.>"]),
        _user(
            subjects.HEALTH_MONITOR_COMMON_NAME,
            publish=[],
            subscribe=[subjects.HEARTBEATS, subjects.ALERTS, subjects.SHUTDOWNS, subjects.DIRECTOR_ALERT],
        ),
    ]
    return everybody + [user for agent_id in agent_ids for user in _agent_users(agent_id)]


def _agent_users(agent_id: str) -> list[dict[str, Any]]:
    may_say = [
        subjects.heartbeat(agent_id),
        subjects.alert(agent_id),
        subjects.shutdown(agent_id),
        f"director.*.{agent_id}.*",
    ]
    lasting, bootstrap = subjects.agent_common_name(agent_id), subjects.bootstrap_common_name(agent_id)
    # An alternative name is looked up, a subject is compared with all users there are, for each agent at each reload; the subject is
    # for agents whose certificate has no alternative name.
    names = (lasting, subjects.user(lasting), subjects.user(bootstrap))
    return [_named(name, publish=may_say, subscribe=[subjects.agent(agent_id)]) for name in names]


def users_file(config: Config) -> Path:
    return Path(config.nats.users_file) if config.nats.users_file else places(config).nats / "users.json"


def pid_file(config: Config) -> Path:
    return Path(config.nats.pid_file) if config.nats.pid_file else places(config).nats / "nats.pid"


def monitor_port(config: Config) -> int:
    return config.nats.monitor_port or config.nats.port + 4000


def server_configuration(config: Config) -> str:
    """Text of ``nats.conf``; its files lie beside it."""
    folder = places(config).nats
    # nats-server reads the name of an included file as relative to this one, even when it begins with a slash; all others as they are.
    included = os.path.relpath(users_file(config), folder)
    return f"""\
server_name: bosh
listen: {json.dumps(f"{config.nats.listen_address}:{config.nats.port}")}
http: "127.0.0.1:{monitor_port(config)}"
max_payload: {MAX_PAYLOAD_BYTES}
logtime: true
ping_interval: "5s"
ping_max: 2
write_deadline: "15s"
tls {{
  cert_file: {json.dumps(str(folder / "server.crt"))}
  key_file: {json.dumps(str(folder / "server.key"))}
  ca_file: {json.dumps(str(folder / "client_ca.crt"))}
  verify_and_map: true
  timeout: 30
}}
authorization {{
  include {json.dumps(included)}
}}
"""


def _write(path: Path, text: str) -> None:
    """Atomically, readable by us alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.replace(path)


def write_server_files(config: Config) -> Path:
    """Write nats-server's configuration and keys, and a first list of users if there is none; the configuration's path.

    Raises:
        ValueError: ``nats.server`` is not configured.
    """
    if config.nats.server is None:
        raise ValueError("cannot write nats-server's configuration: set nats.server to its certificate and key")
    folder = places(config).nats
    _write(folder / "server.crt", config.nats.server.certificate)
    _write(folder / "server.key", config.nats.server.private_key)
    _write(folder / "client_ca.crt", config.nats.client_ca.certificate)
    if not users_file(config).exists():
        _write(users_file(config), _users_text([]))
    _write(folder / "nats.conf", server_configuration(config))
    return folder / "nats.conf"


def nats_command(config: Config) -> list[str]:
    """The command that runs nats-server in the foreground; call ``write_server_files`` before it is started.

    Raises:
        SystemFailure: nats-server is not installed.
    """
    beside = Path(sys.executable).with_name("nats-server")
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if program is None:
        raise SystemFailure("cannot find nats-server", resolution="Install the package nats-server.")
    return [program, "-c", str(places(config).nats / "nats.conf"), "-P", str(pid_file(config))]


def _users_text(agent_ids: Iterable[str]) -> str:
    # One user per line, so that a person can compare two versions.
    lines = ",\n".join(json.dumps(user) for user in users(agent_ids))
    return f'"users": [\n{lines}\n]\n'


class Bus:
    """Keeps the bus's user list in step with the VMs. One per director: it runs in the daemon."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self._written = ""
        self._waiting: list[asyncio.Future[None]] = []
        self._running: asyncio.Task[None] | None = None

    async def sync(self) -> None:
        """Returns when the bus knows the VMs that exist now.

        Raises:
            SystemFailure: the server did not take the new list.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._serve())
        await future

    async def _serve(self) -> None:
        while self._waiting:
            await asyncio.sleep(_DEBOUNCE_S)
            served, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._apply()
            except Exception as failure:  # noqa: BLE001 - those who wait must be told whatever went wrong
                error = failure
            for future in served:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    async def _apply(self) -> None:
        text = _users_text(sorted(vm.agent_id for vm in self._store.vms.list()))
        if text == self._written:
            return
        _write(users_file(self._config), text)
        pid = self._server_pid()
        if pid:
            before = datetime.now(UTC)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
                await self._applied(before)
        self._written = text

    def _server_pid(self) -> int:
        """0 when no server runs: it will read the list when it starts."""
        try:
            pid = int(pid_file(self._config).read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return 0
        return pid

    async def _applied(self, since: datetime) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _APPLIED_WITHIN_S
        pause_s, last = _FIRST_LOOK_S, "it did not answer"
        while loop.time() < deadline_s:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_LOOK_S)
            try:
                read_at = await _configuration_read_at(monitor_port(self._config))
            except (OSError, ValueError) as error:
                last = str(error)
                continue
            if read_at >= since:
                return
            last = f"it last read its configuration at {read_at.isoformat()}"
        raise SystemFailure(
            "cannot tell the bus who may connect",
            details=f"nats-server did not take the new list of users: {last}",
            resolution="Look at nats-server's log, then repeat the command.",
        )


async def _configuration_read_at(port: int) -> datetime:
    """``config_load_time`` of nats-server's monitoring page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /varz HTTP/1.0\r\n\r\n")
        reply = await asyncio.wait_for(reader.read(), 2.0)
    finally:
        writer.close()
    body = json.loads(reply.partition(b"\r\n\r\n")[2])
    return parsed_time(str(body["config_load_time"]))


def parsed_time(text: str) -> datetime:
    """RFC 3339 with up to nine digits of a second, as Go prints it; Python takes six."""
    head, dot, tail = text.partition(".")
    if not dot:
        return datetime.fromisoformat(text)
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return datetime.fromisoformat(f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}")
