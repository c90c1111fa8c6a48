"""Domains, routes, destinations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

pytestmark = pytest.mark.slow


async def domain_guid(cli: Any, name: str) -> str:
    return str((await steps.ok(await cli.get(f"/v3/domains?names={name}")))["resources"][0]["guid"])


def route(space: str, domain: str, **values: Any) -> dict[str, Any]:
    return {"relationships": {"space": {"data": {"guid": space}}, "domain": {"data": {"guid": domain}}}, **values}


async def test_routes_lead_to_apps_until_they_are_deleted(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        domain = await domain_guid(cli, "apps.test")
        made = await steps.ok(await cli.post("/v3/routes", json=route(space, domain, host="WWW", path="/a")), 201)
        assert made["url"] == "www.apps.test/a"
        again = await cli.post("/v3/routes", json=route(space, domain, host="www", path="/a"))
        assert (
            again.json()["errors"][0]["detail"]
            == "Route already exists with host 'www' and path '/a' for domain 'apps.test'."
        )
        body = {"destinations": [{"app": {"guid": app["guid"], "process": {"type": "web"}}, "protocol": "http2"}]}
        mapped = await steps.ok(await cli.post(f"/v3/routes/{made['guid']}/destinations", json=body))
        assert (mapped["destinations"][0]["port"], mapped["destinations"][0]["protocol"]) == (8080, "http2")
        [lrp] = world.bbs.desired.values()
        table = json.loads(lrp.routes.routes["cf-router"])
        assert [(row["hostnames"], row["protocol"]) for row in table] == [
            (["dora.apps.test"], "http1"),
            (["www.apps.test/a"], "http2"),
        ]
        assert "diego-ssh" in lrp.routes.routes
        check = f"/v3/domains/{domain}/route_reservations?host=www&path=/a"
        assert await steps.ok(await cli.get(check)) == {"matching_route": True}
        target = mapped["destinations"][0]["guid"]
        assert (await cli.delete(f"/v3/routes/{made['guid']}/destinations/{target}")).status_code == 204
        await steps.done(cli, await cli.delete(f"/v3/spaces/{space}/routes?unmapped=true"))
        left = await steps.ok(await cli.get(f"/v3/routes?space_guids={space}"))
        assert [row["url"] for row in left["resources"]] == ["dora.apps.test"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"host": ""}, "Missing host. Routes in shared domains must have a host defined."),
        ({"host": "a b"}, "Host format is invalid."),
        ({"host": "a", "path": "/"}, "Path cannot be a single '/'."),
        ({"host": "a", "path": "b"}, "Path is missing the beginning '/'."),
        ({"host": "a", "path": "/b?c"}, "Path cannot contain '?'."),
        ({"host": "a", "port": 1234}, "Routes with protocol 'http' do not support ports."),
    ],
)
async def test_impossible_routes_are_refused(world: World, values: dict[str, Any], sentence: str) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        domain = await domain_guid(cli, "apps.test")
        reply = await cli.post("/v3/routes", json=route(space, domain, **values))
        assert reply.json()["errors"][0]["detail"] == sentence


async def test_tcp_routes_have_ports(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        domain = await domain_guid(cli, "tcp.test")
        made = await steps.ok(await cli.post("/v3/routes", json=route(space, domain, port=2000)), 201)
        assert (made["port"], made["protocol"], made["url"]) == (2000, "tcp", "tcp.test:2000")
        chosen = await steps.ok(await cli.post("/v3/routes", json=route(space, domain)), 201)
        assert chosen["port"] not in (None, 2000)


async def test_private_domains_are_shared(world: World) -> None:
    async with world.client() as cli:
        org, space = await steps.place(cli)
        other = await steps.organization(cli, "other")
        body = {"name": "private.test", "relationships": {"organization": {"data": {"guid": other}}}}
        made = await steps.ok(await cli.post("/v3/domains", json=body), 201)
        refused = await cli.post("/v3/routes", json=route(space, made["guid"], host="a"))
        assert refused.json()["errors"][0]["detail"].startswith(
            "Invalid domain. Domain 'private.test' is not available"
        )
        shares = f"/v3/domains/{made['guid']}/relationships/shared_organizations"
        await steps.ok(await cli.post(shares, json={"data": [{"guid": org}]}))
        await steps.ok(await cli.post("/v3/routes", json=route(space, made["guid"], host="a")), 201)
        listed = await steps.ok(await cli.get(f"/v3/organizations/{org}/domains"))
        assert [row["name"] for row in listed["resources"]] == [
            "apps.test",
            "apps.internal",
            "tcp.test",
            "private.test",
        ]
        default = await steps.ok(await cli.get(f"/v3/organizations/{org}/domains/default"))
        assert default["name"] == "apps.test"


async def test_a_manifest_maps_and_compares_routes(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.done(
            cli, await steps.apply(cli, space, {"name": "a", "routes": [{"route": "x.apps.test/p"}], "instances": 2})
        )
        app = await steps.app_named(cli, space, "a")
        text = (await cli.get(f"/v3/apps/{app['guid']}/manifest")).text
        assert "route: x.apps.test/p" in text
        same = "applications: [{name: a, instances: 2, routes: [{route: x.apps.test/p}]}]"
        assert (await steps.ok(await cli.post(f"/v3/spaces/{space}/manifest_diff", content=same), 201))["diff"] == []
        other = same.replace("instances: 2", "instances: 3")
        found = (await steps.ok(await cli.post(f"/v3/spaces/{space}/manifest_diff", content=other), 201))["diff"]
        assert found == [{"op": "replace", "path": "/applications/0/instances", "was": 2, "value": 3}]
        failed = await steps.job(
            cli, await steps.apply(cli, space, {"name": "b", "routes": [{"route": "x.unknown.test"}]})
        )
        assert failed["state"] == "FAILED"
        assert (
            failed["errors"][0]["detail"]
            == "For application 'b': The route 'x.unknown.test' did not match any existing domains."
        )
        assert (await steps.ok(await cli.get("/v3/apps?names=b")))["resources"] == []
