"""``uaa --config FILE``: reads the configuration, makes the tables and what the manifest lists, serves until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from uaa import bootstrap, logs, metrics, system
from uaa.application import application
from uaa.config import Config, Listen, connection, load
from uaa.context import Uaa
from uaa.errors import ConfigError
from uaa.keys import KeyRing
from uaa.metrics import Metrics
from uaa.passwords import Hasher
from uaa.store import tokens
from uaa.store.database import Db, connect

_log = logging.getLogger("uaa")
_SWEEP_EVERY_S: Final = 600.0
_FINISH_S: Final = 10
_HERE: Final = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after a stop that was asked for, 1 when the program cannot work."""
    parser = argparse.ArgumentParser(prog="uaa", description="OAuth2 and OpenID Connect server")
    parser.add_argument("--config", type=Path, required=True, help="configuration, JSON")
    parser.add_argument("--check", action="store_true", help="only say whether the configuration can be used")
    given = parser.parse_args(arguments)
    try:
        config = load(given.config)
        keys = KeyRing(config.jwt.policy.keys, config.active_key_id, config.base_url)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if given.check:
        return 0
    logs.start(config.level)
    return _run(config, keys)


def _run(config: Config, keys: KeyRing) -> int:
    counters = Metrics()
    db = connect(config.database, connection(config.database))
    try:
        uaa = build(config, keys, db, counters)
        db.prepare()
        bootstrap.run(uaa)
        asyncio.run(_serve(uaa, counters))
    except (ConfigError, SQLAlchemyError, OSError) as error:
        _log.error("CannotStart", extra={"details": {"reason": error}})
        return 1
    finally:
        db.close()
    return 0


def build(config: Config, keys: KeyRing, db: Db, counters: Metrics) -> Uaa:
    """The only place that builds objects."""
    return Uaa(config, db, keys, Hasher(config.bcrypt_rounds), system.real(), counters.event)


async def _serve(uaa: Uaa, counters: Metrics) -> None:
    """All ports at once; on SIGTERM say ``stopping`` for a while, then finish what is under way."""
    servers = [_Server(settings) for settings in _settings(uaa.config.listen, application(uaa, counters), counters)]
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(server.serve()) for server in servers]
        sweeping = group.create_task(_sweep(uaa))
        stopped = group.create_task(stop.wait())
        await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        uaa.stopping.set()
        if stop.is_set():
            await asyncio.sleep(uaa.config.listen.drain_ms / 1000)
        stop.set()
        sweeping.cancel()
        for server in servers:
            server.should_exit = True


class _Server(uvicorn.Server):
    """Signals are the program's, not one of its servers'."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _settings(listen: Listen, app: ASGIApp, counters: Metrics) -> list[uvicorn.Config]:
    main_port = _port(app, listen.address, listen.port, listen)
    local = [_port(app, _HERE, listen.http_port)] if listen.http_port else []
    measured = (
        [_port(metrics.application(counters), listen.metrics_address, listen.metrics_port)]
        if listen.metrics_port
        else []
    )
    return [main_port, *local, *measured]


def _port(app: ASGIApp, address: str, port: int, tls: Listen | None = None) -> uvicorn.Config:
    secure = tls if tls and tls.certificate_file else None
    settings = uvicorn.Config(
        app,
        host=address,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        server_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_FINISH_S,
        ssl_certfile=secure.certificate_file if secure else None,
        ssl_keyfile=secure.private_key_file if secure else None,
        ssl_ca_certs=(secure.client_ca_file or None) if secure else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if secure and secure.require_client_certificate else ssl.CERT_NONE,
    )
    settings.load()
    if settings.ssl is not None:
        settings.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return settings


async def _sweep(uaa: Uaa) -> None:
    """Throw away what has expired, now and then; any number of instances may."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            await asyncio.to_thread(sweep, uaa)


def sweep(uaa: Uaa) -> None:
    """Once. A database that does not answer is no reason to stop: the next time will do."""
    window_ms = 1000 * max(uaa.config.lockout.count_failures_within_s, uaa.config.lockout.period_s)
    now = uaa.now_ms()
    try:
        with uaa.db.transaction() as connected:
            swept = tokens.sweep(connected, now_ms=now, failures_before_ms=now - window_ms)
    except SQLAlchemyError as error:
        _log.warning("SweepFailed", extra={"details": {"reason": error}})
        return
    _log.debug("Swept", extra={"details": {"rows": swept}})


if __name__ == "__main__":
    sys.exit(main())
