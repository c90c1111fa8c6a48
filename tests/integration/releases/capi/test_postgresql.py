"""The same sequences on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cloud_controller.diego import sync
from cloud_controller.state import migrate
from cloud_controller.state.tables import metadata

from bosh.testing import postgres
from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World, a_world

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(postgres.programs() is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.PrivateServer]:
    folder = postgres.programs()
    assert folder
    with postgres.private_server(folder) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: postgres.PrivateServer) -> Iterator[World]:
    url = server.new_database()
    migrate.migrate(url)
    migrate.migrate(url)
    with a_world(tmp_path, url) as made:
        yield made


def test_the_migrations_make_the_tables(world: World) -> None:
    with world.services.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


async def test_push_deploy_and_delete(world: World) -> None:
    async with world.client() as cli:
        org, space = await steps.place(cli)
        app = await steps.push(world, cli, space, instances=2, env={"A": "1"})
        droplet = await steps.stage(world, cli, (await steps.package(cli, app["guid"]))["guid"])
        body = {"relationships": {"app": {"data": {"guid": app["guid"]}}}, "droplet": {"guid": droplet}}
        made = await steps.ok(await cli.post("/v3/deployments", json=body), 201)
        await steps.settle(world, cli, made["guid"])
        sync.run(world.services, world.program.performer)
        listed = await steps.ok(await cli.get("/v3/apps?include=space.organization&label_selector=!x&order_by=name"))
        assert listed["pagination"]["total_results"] == 1
        events = await steps.ok(await cli.get("/v3/audit_events?types=audit.app.deployment.create"))
        assert events["pagination"]["total_results"] == 1
        await steps.done(cli, await cli.delete(f"/v3/organizations/{org}"))
        assert world.bbs.desired == {}


async def test_of_two_that_create_the_same_one_learns_that_it_exists(world: World) -> None:
    async with world.client() as cli:
        org = await steps.organization(cli)
        body = {"name": "s", "relationships": {"organization": {"data": {"guid": org}}}}
        replies = await asyncio.gather(*(cli.post("/v3/spaces", json=body) for _ in range(6)))
        assert sorted(reply.status_code for reply in replies) == [201, 422, 422, 422, 422, 422]
        with world.services.database.engine.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM spaces")).scalar() == 1
