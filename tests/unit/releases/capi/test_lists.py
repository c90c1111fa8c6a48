"""Lists: a constant number of statements, pages, filters."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from cloud_controller import errors, pagination, selectors
from cloud_controller.selectors import Requirement
from cloud_controller.state import tables as t

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

APPS = 500


def fill(world: World, space: str, count: int, start: int = 0) -> None:
    """Apps with a process and a route each, as rows."""
    with world.services.database.writing() as store:
        domain = store.find_by(t.domains, name="apps.test") or {}
        now = store.now()
        times = {"created_at": now, "updated_at": now}
        numbers = range(start, start + count)
        state = {"state": "STARTED", "enable_ssh": True, "revisions_enabled": True, "service_binding_k8s": False}
        more = {
            "file_based_vcap_services": False,
            "last_task_sequence_id": 0,
            "lifecycle_type": "buildpack",
            "stack": "cflinuxfs4",
        }
        rows = [
            {"guid": f"{n:036d}", "name": f"app-{n:04d}", "space_guid": space, **state, **more, **times}
            for n in numbers
        ]
        store.connection.execute(sa.insert(t.apps), rows)
        sizes = {"instances": 1, "memory_in_mb": 64, "disk_in_mb": 64, "log_rate_limit": -1}
        checks = {
            "health_check_type": "port",
            "readiness_type": "process",
            "state": "STARTED",
            "type": "web",
            "version": "v",
        }
        rows = [{"guid": f"{n:036d}", "app_guid": f"{n:036d}", **sizes, **checks, **times} for n in numbers]
        store.connection.execute(sa.insert(t.processes), rows)
        where = {"domain_guid": domain["guid"], "space_guid": space, "path": "", "port": 0}
        store.connection.execute(
            sa.insert(t.routes), [{"guid": f"r{n}", "host": f"h{n}", **where, **times} for n in numbers]
        )
        targets = [
            {
                "guid": f"d{n}",
                "route_guid": f"r{n}",
                "app_guid": f"{n:036d}",
                "process_type": "web",
                "protocol": "http1",
                **times,
            }
            for n in numbers
        ]
        store.connection.execute(sa.insert(t.destinations), targets)


@pytest.mark.slow
async def test_listing_500_apps_takes_as_many_statements_as_listing_one(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        urls = (
            f"/v3/apps?space_guids={space}&order_by=name&per_page=5000&include=space.organization",
            f"/v3/processes?space_guids={space}&per_page=5000&embed=process_instances",
            f"/v3/routes?space_guids={space}&per_page=5000&include=domain",
        )
        fill(world, space, 1)
        few = [await _statements(world, cli, url, 1) for url in urls]
        fill(world, space, APPS - 1, 1)
        world.bbs.questions = 0
        many = [await _statements(world, cli, url, APPS) for url in urls]
        assert many == few
        assert max(many) <= 10
        assert world.bbs.questions == 1


async def _statements(world: World, cli: object, url: str, expected: int) -> int:
    world.statements.clear()
    found = await steps.ok(await cli.get(url))  # type: ignore[attr-defined]
    assert len(found["resources"]) == expected
    return len([s for s in world.statements if s.startswith("SELECT")])


@pytest.mark.slow
async def test_pages_keep_the_query(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        fill(world, space, 5)
        page = await steps.ok(await cli.get(f"/v3/apps?space_guids={space}&order_by=-name&per_page=2&page=2"))
        assert [app["name"] for app in page["resources"]] == ["app-0002", "app-0001"]
        pages = page["pagination"]
        assert (pages["total_results"], pages["total_pages"]) == (5, 3)
        rest = await steps.ok(await cli.get(pages["next"]["href"]))
        assert ([app["name"] for app in rest["resources"]], rest["pagination"]["next"]) == (["app-0000"], None)
        for bad in ("per_page=5001", "page=0", "order_by=color", "label_selector=", "created_ats=yesterday"):
            assert (await cli.get(f"/v3/apps?{bad}")).status_code == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [Requirement("a")]),
        ("!a", [Requirement("a", negated=True)]),
        ("x.io/a=b", [Requirement("x.io/a", ("b",))]),
        ("a==b, c != d", [Requirement("a", ("b",)), Requirement("c", ("d",), negated=True)]),
        ("a in (b, c),d notin (e)", [Requirement("a", ("b", "c")), Requirement("d", ("e",), negated=True)]),
    ],
)
def test_selectors_are_read(text: str, expected: list[Requirement]) -> None:
    assert selectors.parse(text) == expected


@pytest.mark.parametrize("text", ["", "a b", "a in b", "=b", "a,,b"])
def test_bad_selectors_are_refused(text: str) -> None:
    with pytest.raises(errors.ApiError):
        selectors.parse(text)


def test_an_empty_list_has_one_page() -> None:
    pages = pagination.present(pagination.Page(), 0, "https://x/v3/apps", [("names", "a,b")])
    assert pages["total_pages"] == 1
    assert pages["first"] == {"href": "https://x/v3/apps?names=a%2Cb&page=1&per_page=50"}
    assert (pages["next"], pages["previous"]) == (None, None)
