"""``bosh-health-monitor --config FILE``: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
import ssl
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bosh.health import config as configuration
from bosh.health.director import HttpDirector
from bosh.health.http import application
from bosh.health.monitor import Monitor
from bosh.health.plugins.contract import Plugin, World
from bosh.system.clock import SystemClock
from bosh.wire import subjects

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

log = logging.getLogger(__name__)


def _plugins(config: configuration.Config, world: World) -> list[tuple[Plugin, frozenset[str]]]:
    """Raises ValueError naming a plugin that does not exist or lacks an option."""
    made = []
    for plugin in config.plugins:
        try:
            module = importlib.import_module(f"bosh.health.plugins.{plugin.name}")
            made.append((module.make(plugin.options, world), frozenset(plugin.events)))
        except ModuleNotFoundError as error:
            raise ValueError(f"cannot use plugin '{plugin.name}': there is none of that name") from error
        except KeyError as error:
            raise ValueError(f"cannot use plugin '{plugin.name}': option {error} is missing") from error
    return made


def tls_context(nats: configuration.Nats) -> ssl.SSLContext:
    """The monitor's identity on the bus."""
    context = ssl.create_default_context(cadata=nats.ca)
    context.check_hostname = False  # agents and monitor reach the bus by changing addresses; its CA is ours alone
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        certificate.write_text(nats.certificate)
        key.touch(mode=0o600)
        key.write_text(nats.private_key)
        context.load_cert_chain(certificate, key)
    return context


async def _connect(config: configuration.Nats, monitor: Monitor) -> Client:
    import nats

    async def failed(error: Exception) -> None:
        log.warning("bus trouble error=%s", error)

    client = await nats.connect(
        f"tls://{config.address}:{config.port}",
        tls=tls_context(config),
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        error_cb=failed,
        name="health-monitor",
    )

    async def received(message: Msg) -> None:
        monitor.message(message.subject, message.data)

    for subject in (subjects.HEARTBEATS, subjects.ALERTS, subjects.SHUTDOWNS, subjects.DIRECTOR_ALERT):
        await client.subscribe(subject, cb=received)
    return client


async def _serve(config: configuration.Config) -> None:
    import uvicorn

    clock = SystemClock()
    director = HttpDirector(config.director)
    monitor = Monitor(
        intervals=config.intervals,
        director=director,
        plugins=_plugins(config, World(clock, director)),
        clock=clock,
    )
    client = await _connect(config.nats, monitor)
    app = application(monitor.counts, lambda: client.is_connected)
    server = uvicorn.Server(
        uvicorn.Config(app, host=config.http_address, port=config.http_port, log_level="warning", lifespan="off")
    )
    log.info("health monitor is running plugins=%s", ",".join(plugin.name for plugin in config.plugins))
    running = asyncio.gather(monitor.run(), server.serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        log.info("health monitor stops")
    finally:
        await client.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="bosh-health-monitor")
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="time=%(asctime)s level=%(levelname)s at=%(name)s %(message)s"
    )
    try:
        config = configuration.load(options.config)
        asyncio.run(_serve(config))
    except ValueError as error:
        sys.exit(f"bosh-health-monitor: {error}")


if __name__ == "__main__":
    main()
