"""The API in this process, over a store in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bosh.director.api.calls import Desk
from bosh.director.api.routes import application
from bosh.director.config import BlobstoreConfig, Config, CpiConfig, KeyPair, Nats, Tls, User
from bosh.director.places import Places
from bosh.director.tasks.engine import Tasks
from bosh.state.sql import SqlStore
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.testing import memory_store


def plain_config(state_dir: Path) -> Config:
    pair = KeyPair("", "")
    return Config(
        name="test",
        state_dir=state_dir,
        tls=Tls("", "", ""),
        users=[
            User("admin", "secret:with:colons"),
            User("reader", "reader", ["bosh.read"]),
            User("dev", "dev", ["bosh.teams.dev.admin"]),
            User("uploader", "uploader", ["bosh.releases.upload"]),
        ],
        nats=Nats("127.0.0.1", "", pair, pair),
        cpi=CpiConfig("/usr/bin/fake-cpi"),
        blobstore=BlobstoreConfig(path=str(state_dir / "blobs")),
        max_upload_bytes=1000,
    )


PASSWORDS = {"admin": "secret:with:colons", "reader": "reader", "dev": "dev", "uploader": "uploader"}


@dataclass
class Api:
    desk: Desk
    store: SqlStore
    clock: FakeClock
    connect: Callable[[str], httpx.AsyncClient]

    def as_(self, user: str) -> httpx.AsyncClient:
        return self.connect(user)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    config, store, clock, places = plain_config(tmp_path), memory_store(), FakeClock(), Places(tmp_path)
    places.create()
    desk = Desk(config, "uuid-1", store, Tasks(store, clock, places), clock, SeededIds(), places)
    transport = httpx.ASGITransport(application(desk))

    def connect(user: str) -> httpx.AsyncClient:
        auth = httpx.BasicAuth(user, PASSWORDS[user]) if user else None
        return httpx.AsyncClient(transport=transport, base_url="https://director", auth=auth)

    yield Api(desk, store, clock, connect)
    store.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def admin(api: Api) -> httpx.AsyncClient:
    return api.as_("admin")


YAML = {"Content-Type": "text/yaml"}
