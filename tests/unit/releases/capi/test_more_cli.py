"""Further requests of the CLI, each with all parameters that it sends."""

from __future__ import annotations

import pytest

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

pytestmark = pytest.mark.slow

QUERIES = (
    "/v3/organizations?names=a,b&order_by=name&per_page=5000&label_selector=x",
    "/v3/spaces?names=a&organization_guids=b&order_by=name&include=organization",
    "/v3/apps?names=a&space_guids=b&organization_guids=c&order_by=name&per_page=5000",
    "/v3/apps?stacks=cflinuxfs4&lifecycle_type=buildpack",
    "/v3/processes?space_guids=a&embed=process_instances&per_page=5000",
    "/v3/packages?app_guids=a&order_by=-created_at&per_page=1&states=READY",
    "/v3/droplets?app_guids=a&order_by=-created_at&per_page=1&states=STAGED",
    "/v3/deployments?app_guids=a&order_by=-created_at&per_page=1&status_values=ACTIVE",
    "/v3/builds?app_guids=a&package_guids=b&states=STAGED",
    "/v3/routes?domain_guids=a&hosts=b&paths=/c&ports=1&space_guids=d&organization_guids=e&app_guids=f&unmapped=true&include=domain",
    "/v3/domains?names=a.test&order_by=name&per_page=5000",
    "/v3/roles?types=space_developer&user_guids=a&space_guids=b&include=user&per_page=5000",
    "/v3/roles?organization_guids=b&include=user",
    "/v3/users?usernames=a&origins=uaa&per_page=5000",
    "/v3/stacks?names=cflinuxfs4",
    "/v3/buildpacks?names=a&stacks=b&order_by=position&lifecycle=buildpack",
    "/v3/isolation_segments?names=a&organization_guids=b&order_by=name",
    "/v3/organization_quotas?names=a&order_by=name",
    "/v3/space_quotas?names=a&organization_guids=b&order_by=name",
    "/v3/security_groups?names=a&globally_enabled_running=true&running_space_guids=b&staging_space_guids=c",
    "/v3/service_instances?names=a&space_guids=b&type=managed&fields[space]=guid,name,relationships.organization"
    "&fields[space.organization]=guid,name&fields[service_plan]=guid,name,relationships.service_offering"
    "&fields[service_plan.service_offering]=guid,name,relationships.service_broker"
    "&fields[service_plan.service_offering.service_broker]=guid,name&order_by=name",
    "/v3/service_credential_bindings?type=app&include=app&service_instance_guids=a&app_guids=b&names=c",
    "/v3/service_route_bindings?include=service_instance&route_guids=a&service_instance_guids=b",
    "/v3/service_brokers?names=a&space_guids=b",
    "/v3/service_offerings?names=a&service_broker_names=b&fields[service_broker]=name,guid&space_guids=c",
    "/v3/service_plans?names=a&available=true&include=service_offering,space.organization"
    "&fields[service_offering.service_broker]=name,guid&service_broker_names=b&service_offering_names=c",
    "/v3/audit_events?target_guids=a&order_by=-created_at&per_page=50&page=1",
    "/v3/tasks?states=RUNNING&order_by=-created_at",
    "/v3/feature_flags",
    "/v3/environment_variable_groups/staging",
    "/v3/apps?created_ats[gt]=2020-01-01T00:00:00Z&updated_ats=2020-01-01T00:00:00Z,2021-01-01T00:00:00Z",
    "/v3/app_usage_events",
    "/v3/info/usage_summary",
)


@pytest.mark.parametrize("role", ["admin", "nobody"])
async def test_every_query_of_the_cli_is_understood(world: World, role: str) -> None:
    client = world.client() if role == "admin" else world.somebody(role)
    async with client as cli:
        for query in QUERIES:
            if role != "admin" and "usage" in query:
                continue
            reply = await cli.get(query)
            assert reply.status_code == 200, f"{query}: {reply.text}"


async def test_ssh_features_and_labels(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        base = f"/v3/apps/{app['guid']}"
        assert await steps.ok(await cli.get(f"{base}/ssh_enabled")) == {"enabled": True, "reason": ""}
        await steps.ok(await cli.patch(f"/v3/spaces/{space}/features/ssh", json={"enabled": False}))
        assert (await steps.ok(await cli.get(f"{base}/ssh_enabled")))["reason"] == "Disabled for space s"
        await steps.ok(await cli.patch(f"{base}/features/revisions", json={"enabled": False}))
        assert (await steps.ok(await cli.get(f"{base}/features/revisions")))["enabled"] is False
        labelled = await cli.patch(base, json={"metadata": {"labels": {"env": "prod"}, "annotations": {"note": "a b"}}})
        assert (await steps.ok(labelled))["metadata"] == {"labels": {"env": "prod"}, "annotations": {"note": "a b"}}
        gone = await cli.patch(base, json={"metadata": {"labels": {"env": None}}})
        assert (await steps.ok(gone))["metadata"]["labels"] == {}
        bad = await cli.patch(base, json={"metadata": {"labels": {"a b": "c"}}})
        assert bad.status_code == 422


async def test_health_checks_reach_the_cells(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        check = {"type": "http", "data": {"endpoint": "/health", "invocation_timeout": 5, "timeout": 90}}
        changed = await steps.ok(await cli.patch(f"/v3/processes/{app['guid']}", json={"health_check": check}))
        assert changed["health_check"]["data"] == {
            "endpoint": "/health",
            "invocation_timeout": 5,
            "timeout": 90,
            "interval": None,
        }
        refused = await cli.patch(f"/v3/processes/{app['guid']}", json={"health_check": {"type": "dns", "data": {}}})
        assert "must be one of" in refused.json()["errors"][0]["detail"]
        await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/actions/restart"))
        [lrp] = world.bbs.desired.values()
        assert lrp.start_timeout_ms == 90_000
        http = lrp.check_definition.checks[0].http_check
        assert (http.port, http.path, http.request_timeout_ms) == (8080, "/health", 5000)


async def test_copied_sources_and_uploaded_droplets(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        await steps.done(cli, await steps.apply(cli, space, {"name": "copy"}))
        copy = await steps.app_named(cli, space, "copy")
        [package] = (await steps.ok(await cli.get(f"/v3/packages?app_guids={app['guid']}")))["resources"]
        to = {"relationships": {"app": {"data": {"guid": copy["guid"]}}}}
        made = await steps.ok(await cli.post(f"/v3/packages?source_guid={package['guid']}", json=to), 201)
        assert made["state"] == "READY"
        same = (await cli.get(f"/v3/packages/{made['guid']}/download")).content
        assert same == (await cli.get(f"/v3/packages/{package['guid']}/download")).content
        awaiting = await steps.ok(await cli.post("/v3/droplets", json={**to, "process_types": {"web": "run"}}), 201)
        uploaded = await cli.post(f"/v3/droplets/{awaiting['guid']}/upload", files={"bits": ("d.tgz", b"bytes")})
        await steps.done(cli, uploaded)
        assert (await cli.get(f"/v3/droplets/{awaiting['guid']}/download")).content == b"bytes"
        await steps.set_droplet(cli, copy["guid"], awaiting["guid"])


async def test_docker_apps_need_a_flag_and_get_their_image(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        image = {"name": "d", "docker": {"image": "reg.test/app:1"}}
        refused = await steps.job(cli, await steps.apply(cli, space, image))
        assert refused["errors"][0]["title"] == "CF-FeatureDisabled"
        await steps.ok(await cli.patch("/v3/feature_flags/diego_docker", json={"enabled": True}))
        await steps.done(cli, await steps.apply(cli, space, image))
        app = await steps.app_named(cli, space, "d")
        body = {
            "type": "docker",
            "data": {"image": "reg.test/app:1"},
            "relationships": {"app": {"data": {"guid": app["guid"]}}},
        }
        package = await steps.ok(await cli.post("/v3/packages", json=body), 201)
        build = await steps.ok(await cli.post("/v3/builds", json={"package": {"guid": package["guid"]}}), 201)
        _, definition = world.bbs.wanted_tasks[build["guid"]]
        run = definition.action.timeout_action.action.emit_progress_action.action.run_action
        assert "-dockerRef=reg.test/app:1" in run.args
        metadata = '{"cmd":["run"],"ports":[{"port":9000,"protocol":"tcp"}],"user":"me"}'
        async with world.internal() as cell:
            result = {
                "process_types": {"web": "run"},
                "execution_metadata": metadata,
                "lifecycle_metadata": {"docker_image": "reg.test/app:1"},
            }
            import json

            await cell.post(definition.completion_callback_url, json={"failed": False, "result": json.dumps(result)})
        built = await steps.ok(await cli.get(f"/v3/builds/{build['guid']}"))
        await steps.set_droplet(cli, app["guid"], built["droplet"]["guid"])
        await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/actions/start"))
        [lrp] = world.bbs.desired.values()
        assert (lrp.root_fs, list(lrp.ports)) == ("docker://reg.test/app#1", [9000, 2222])
        assert lrp.action.codependent_action.actions[0].run_action.user == "me"


async def test_crashes_are_told(world: World) -> None:
    async with world.client() as cli, world.internal() as watcher:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        [name] = world.bbs.desired
        told = {
            "instance": "i",
            "index": 0,
            "reason": "CRASHED",
            "exit_description": "out of memory",
            "exit_status": 137,
        }
        assert (await watcher.post(f"/internal/v4/apps/{name}/crashed", json=told)).status_code == 200
        events = await steps.ok(await cli.get(f"/v3/audit_events?target_guids={app['guid']}&types=app.crash"))
        assert events["resources"][0]["data"]["exit_description"] == "out of memory"
        assert events["resources"][0]["actor"]["type"] == "process"


async def test_drains_are_told_to_the_binding_cache(world: World) -> None:
    async with world.client() as cli, world.internal() as cache:
        _, space = await steps.place(cli)
        where = {"space": {"data": {"guid": space}}}
        body = {"type": "user-provided", "name": "d", "syslog_drain_url": "syslog://x:1", "relationships": where}
        await steps.ok(await cli.post("/v3/service_instances", json=body), 201)
        app = await steps.push(world, cli, space, services=["d"])
        found = (await cache.get("/internal/v5/syslog_drain_urls?batch_size=10")).json()
        assert found["results"][0]["url"] == "syslog://x:1"
        assert found["results"][0]["credentials"][0]["apps"] == [{"app_id": app["guid"], "hostname": "o.s.dora"}]
