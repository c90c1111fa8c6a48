"""``bosh-director --config FILE``: the only place that builds the daemon's objects."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, make_url

from bosh.director import log, nursery, places
from bosh.director.config import Config, load
from bosh.director.world import MakeWorld, RealWorld
from bosh.state import records
from bosh.state.contract import Store
from bosh.state.migrate import current_revision, newest_revision
from bosh.state.sql import SqlStore
from bosh.system.ids import SystemIds


def director_uuid(store: Store) -> str:
    """The director's name for life, made at its first start."""
    known = store.attributes.get(name="uuid")
    if known is None:
        known = store.attributes.insert(records.DirectorAttribute("uuid", SystemIds().uuid()))
    return known.value


def hold_lock(path: Path) -> int:
    """Wait until no process of an earlier director runs any more, and keep the next one waiting; the descriptor to keep open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.line("waiting", reason="processes of another director with this state_dir still run")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def migrate(config: Config) -> None:
    """Where something is to be done, in a process of its own: what migrations import is needed once and would stay in memory for ever.

    Raises:
        subprocess.CalledProcessError: it failed, and has said why.
    """
    url = places.database_url(config)
    _keep_private(make_url(url))
    if current_revision(url) != newest_revision():
        subprocess.run([sys.executable, "-m", "bosh.state.migrate"], input=f"{url}\n", text=True, check=True)


def _keep_private(url: URL) -> None:
    """Variables' values are in it. A file that SQLite makes itself would be readable by everybody."""
    if url.get_backend_name() == "sqlite" and url.database:
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def run(config: Config, make_world: MakeWorld = RealWorld) -> int:
    """The daemon's whole life; its exit status."""
    places.places(config).create()
    lock = hold_lock(places.places(config).workers_lock)
    migrate(config)
    uuid = _prepared(config)
    gc.collect()
    gc.freeze()
    # Before the first thread and the event loop: a forked child has neither.
    nursery_pid, orders = nursery.start(config, uuid, make_world)
    from bosh.director.daemon import Daemon

    async def live() -> int:
        return await Daemon(config, uuid, orders).run()

    log.line("starting", name=config.name, uuid=uuid, pid=os.getpid())
    status = asyncio.run(live())
    os.waitpid(nursery_pid, 0)
    os.close(lock)
    return status


def _prepared(config: Config) -> str:
    store = SqlStore(places.database_url(config))
    try:
        return director_uuid(store)
    finally:
        store.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bosh-director", description="The BOSH director.")
    parser.add_argument("--config", required=True, type=Path, help="the director's configuration, YAML")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
        status = run(config)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        log.line("failed", error=error)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
