"""A whole Cloud Controller in memory, with a fake BBS and a fake UAA."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cf_wire.bbs.actual_lrp_pb2 import ActualLRP, ActualLRPInstanceKey, ActualLRPKey, ActualLRPNetInfo, PortMapping
from cf_wire.bbs.desired_lrp_pb2 import DesiredLRP, DesiredLRPKey, DesiredLRPSchedulingInfo, DesiredLRPUpdate
from cf_wire.bbs.task_pb2 import Task, TaskDefinition
from cloud_controller import program
from cloud_controller.auth.tokens import Verifier
from cloud_controller.auth.uaa import UserName
from cloud_controller.blobstore.local import LocalBlobstore
from cloud_controller.blobstore.signing import Signer
from cloud_controller.clock import random_guid
from cloud_controller.config import (
    BlobstoreConfig,
    BuildpackSeed,
    Config,
    DiegoConfig,
    SecurityGroupSeed,
    SeedConfig,
    UaaConfig,
)
from cloud_controller.diego.contract import LrpExists, LrpNotFound
from cloud_controller.diego.usage import InstanceUsage
from cloud_controller.services import Services
from cloud_controller.state import database, migrate
from cloud_controller.state.store import Database, StoreSettings
from cloud_controller.vault import Vault, new_key
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://uaa.sys.test/oauth/token"
KEY = rsa.generate_private_key(65537, 2048)


class FakeClock:
    """A clock that moves when it is told to, and a little each time it is read, so that times differ."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 5, 1, 12, 0, 0)  # noqa: DTZ001

    def now(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeBbs:
    """Wants what it is told and runs it when asked to."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.desired: dict[str, DesiredLRP] = {}
        self.actual: dict[tuple[str, int], ActualLRP] = {}
        self.wanted_tasks: dict[str, tuple[str, TaskDefinition]] = {}
        self.cancelled: list[str] = []
        self.retired: list[tuple[str, int]] = []
        self.domains: dict[str, int] = {}
        self.questions = 0

    def desire_lrp(self, lrp: DesiredLRP) -> None:
        if lrp.process_guid in self.desired:
            raise LrpExists(lrp.process_guid)
        self.desired[lrp.process_guid] = lrp

    def update_lrp(self, process_guid: str, update: DesiredLRPUpdate) -> None:
        lrp = self.desired.get(process_guid)
        if lrp is None:
            raise LrpNotFound(process_guid)
        lrp.instances, lrp.annotation = update.instances, update.annotation
        lrp.routes.CopyFrom(update.routes)

    def remove_lrp(self, process_guid: str) -> None:
        if self.desired.pop(process_guid, None) is None:
            raise LrpNotFound(process_guid)
        self.actual = {key: lrp for key, lrp in self.actual.items() if key[0] != process_guid}

    def desired_lrp(self, process_guid: str) -> DesiredLRP | None:
        return self.desired.get(process_guid)

    def scheduling_infos(self, domain: str) -> list[DesiredLRPSchedulingInfo]:
        return [
            DesiredLRPSchedulingInfo(
                desired_lrp_key=DesiredLRPKey(process_guid=lrp.process_guid, domain=lrp.domain),
                annotation=lrp.annotation,
            )
            for lrp in self.desired.values()
            if lrp.domain == domain
        ]

    def actual_lrps(self, process_guids: Iterable[str]) -> list[ActualLRP]:
        self.questions += 1
        wanted = set(process_guids)
        return [lrp for (guid, _), lrp in self.actual.items() if guid in wanted]

    def retire_instance(self, process_guid: str, index: int) -> None:
        self.retired.append((process_guid, index))

    def desire_task(self, guid: str, domain: str, definition: TaskDefinition) -> None:
        if guid in self.wanted_tasks:
            raise LrpExists(guid)
        self.wanted_tasks[guid] = (domain, definition)

    def cancel_task(self, guid: str) -> None:
        if guid not in self.wanted_tasks:
            raise LrpNotFound(guid)
        self.cancelled.append(guid)

    def tasks(self, domain: str) -> list[Task]:
        return [Task(task_guid=guid, domain=where) for guid, (where, _) in self.wanted_tasks.items() if where == domain]

    def bump_domain(self, domain: str, ttl_seconds: int) -> None:
        self.domains[domain] = ttl_seconds

    def run_all(self, state: str = "RUNNING") -> None:
        """Have every wanted instance in a state."""
        for guid, lrp in self.desired.items():
            for index in range(lrp.instances):
                self.actual[(guid, index)] = instance(guid, index, state, self.clock.now())


def instance(guid: str, index: int, state: str, since: datetime) -> ActualLRP:
    return ActualLRP(
        actual_lrp_key=ActualLRPKey(process_guid=guid, index=index, domain="cf-apps"),
        actual_lrp_instance_key=ActualLRPInstanceKey(instance_guid=f"instance-{index}", cell_id="cell-1"),
        actual_lrp_net_info=ActualLRPNetInfo(
            address="10.0.0.9", instance_address="10.255.1.2", ports=[PortMapping(container_port=8080, host_port=61001)]
        ),
        state=state,
        since=int((since - datetime(1970, 1, 1)).total_seconds() * 1e9),  # noqa: DTZ001
    )


class FakeUsers:
    """UAA's users."""

    def __init__(self) -> None:
        self.known: dict[str, UserName] = {}

    def names(self, guids: Iterable[str]) -> dict[str, UserName]:
        return {guid: self.known[guid] for guid in guids if guid in self.known}

    def find(self, username: str, origin: str | None) -> list[UserName]:
        return [user for user in self.known.values() if user.username == username and origin in (None, user.origin)]


class FakeUsage:
    """log-cache's numbers."""

    def read(self, app_guid: str, process_guid: str) -> dict[int, InstanceUsage]:
        return {0: InstanceUsage(cpu=0.25, memory_bytes=1 << 20, disk_bytes=2 << 20, log_rate=7)}


class FakeKeys:
    """UAA's verification keys."""

    def __init__(self) -> None:
        self.keys = [jwk(KEY, "key-1")]
        self.fetched = 0

    def fetch(self) -> list[dict[str, Any]]:
        self.fetched += 1
        return self.keys


def jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "kty": "RSA"}


def token(guid: str, *scopes: str, key: rsa.RSAPrivateKey = KEY, kid: str = "key-1", **claims: Any) -> str:
    """An access token as UAA signs it."""
    body = {
        "jti": "some-token",
        "user_id": guid,
        "user_name": f"{guid}-name",
        "email": f"{guid}@test",
        "origin": "uaa",
        "client_id": "cf",
        "scope": list(scopes),
        "aud": ["cloud_controller", "cf"],
        "iss": ISSUER,
        "exp": int(time.time()) + 600,
        **claims,
    }
    return jwt.encode(body, key, algorithm="RS256", headers={"kid": kid})


@dataclass
class World:
    """A Cloud Controller and the people around it."""

    services: Services
    program: program.Program
    clock: FakeClock
    bbs: FakeBbs
    users: FakeUsers
    keys: FakeKeys
    statements: list[str] = field(default_factory=list)

    def client(self, guid: str = "admin", *scopes: str) -> httpx.AsyncClient:
        """A client with somebody's token."""
        scopes = scopes or ("cloud_controller.admin", "cloud_controller.read", "cloud_controller.write")
        self.users.known.setdefault(guid, UserName(guid, f"{guid}-name", "uaa"))
        transport = httpx.ASGITransport(app=self.program.public)
        headers = {"Authorization": f"bearer {token(guid, *scopes)}"}
        return httpx.AsyncClient(transport=transport, base_url="https://api.sys.test", headers=headers)

    def somebody(self, guid: str) -> httpx.AsyncClient:
        """A client of an ordinary user."""
        return self.client(guid, "cloud_controller.read", "cloud_controller.write")

    def internal(self) -> httpx.AsyncClient:
        """A client of another component."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.program.internal), base_url="http://cc.internal"
        )


def make_config(folder: Path, database_url: str) -> Config:
    (folder / "python_buildpack-v1.zip").write_bytes(b"a buildpack")
    return Config(
        external_domain="api.sys.test",
        system_domain="sys.test",
        database_url=database_url,
        database_keys=[new_key()],
        uaa=UaaConfig(url="https://uaa.sys.test", login_url="https://login.sys.test", internal_url="http://uaa"),
        blobstore=BlobstoreConfig(
            directory=str(folder / "blobs"), signing_secret="secret", base_url="http://cc.internal"
        ),
        diego=DiegoConfig(lifecycle_bundles={"buildpack/cflinuxfs4": "lifecycle.tgz", "docker": "docker.tgz"}),
        seed=SeedConfig(
            shared_domains=["apps.test"],
            buildpacks=[
                BuildpackSeed(name="python_buildpack", file=str(folder / "python_buildpack-*.zip"), stack="cflinuxfs4")
            ],
            tcp_domains={"tcp.test": "router-group-1"},
            security_groups=[SecurityGroupSeed(name="public", rules=[{"protocol": "all", "destination": "0.0.0.0/0"}])],
            running_security_groups=["public"],
            staging_security_groups=["public"],
            default_quota_memory_in_mb=1_000_000,
        ),
        log_cache_url="https://log-cache.sys.test",
        ssh_address="ssh.sys.test:2222",
        ssh_host_key_fingerprint="fingerprint",
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the newest schema, made once."""
    path = tmp_path_factory.mktemp("capi") / "template.db"
    migrate.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    (tmp_path / "cc.db").write_bytes(migrated.read_bytes())
    with a_world(tmp_path, f"sqlite:///{tmp_path / 'cc.db'}") as made:
        yield made


@contextmanager
def a_world(folder: Path, database_url: str) -> Iterator[World]:
    """A Cloud Controller on a migrated database."""
    config, clock, users, keys = make_config(folder, database_url), FakeClock(), FakeUsers(), FakeKeys()
    engine = database.create(config.database_url)
    bbs = FakeBbs(clock)
    services = Services(
        config=config,
        database=Database(engine, StoreSettings(clock, random_guid, Vault(config.database_keys))),
        clock=clock,
        verifier=Verifier(keys, frozenset({ISSUER})),
        users=users,
        blobs=LocalBlobstore(folder / "blobs"),
        signer=Signer("secret", config.blob_url, clock),
        bbs=bbs,
        usage=FakeUsage(),
    )
    program.plant(services)
    made = World(services, program.assemble(services), clock, bbs, users, keys)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        made.statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        engine.dispose()
