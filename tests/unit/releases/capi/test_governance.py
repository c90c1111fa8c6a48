"""Organizations, spaces, roles, users, quotas, security groups; who sees what."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_controller.auth.uaa import UserName

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

pytestmark = pytest.mark.slow


def detail(reply: Any) -> str:
    return str(reply.json()["errors"][0]["detail"])


def role(kind: str, user: dict[str, str], **where: str) -> dict[str, Any]:
    relationships: dict[str, Any] = {"user": {"data": user}}
    relationships |= {noun: {"data": {"guid": guid}} for noun, guid in where.items()}
    return {"type": kind, "relationships": relationships}


async def test_the_root_says_where_everything_is(world: World) -> None:
    async with world.internal() as nobody:
        assert (await nobody.get("/healthz")).text == "OK"
        assert "cc_http_requests_total" in (await nobody.get("/metrics")).text
    async with world.client() as cli:
        links = (await steps.ok(await cli.get("/")))["links"]
        assert links["cloud_controller_v3"]["meta"]["version"].startswith("3.")
        assert links["login"]["href"] == "https://login.sys.test"
        assert links["log_cache"]["href"] == "https://log-cache.sys.test"
        assert links["app_ssh"] == {
            "href": "ssh.sys.test:2222",
            "meta": {"host_key_fingerprint": "fingerprint", "oauth_client": "ssh-proxy"},
        }
        assert (await steps.ok(await cli.get("/v3")))["links"]["apps"]["href"] == "https://api.sys.test/v3/apps"
        unknown = await cli.get("/v3/nothing")
        assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, 10000)
        assert unknown.headers["X-Vcap-Request-Id"]


async def test_organizations_and_spaces_come_and_go(world: World) -> None:
    async with world.client() as cli:
        org, space = await steps.place(cli)
        assert detail(await cli.post("/v3/organizations", json={"name": "O"})) == "Organization 'O' already exists."
        body = {"name": "s", "relationships": {"organization": {"data": {"guid": org}}}}
        assert detail(await cli.post("/v3/spaces", json=body)) == "Name must be unique per organization"
        assert (
            detail(await cli.post("/v3/organizations", json={"nam": "x"}))
            == "Unknown field(s): 'nam', Name can't be blank"
        )
        renamed = await cli.patch(
            f"/v3/organizations/{org}/", json={"name": "p", "metadata": {"labels": {"env": "prod"}}}
        )
        assert (await steps.ok(renamed))["name"] == "p"
        found = await steps.ok(await cli.get("/v3/organizations?label_selector=env in (prod,dev),!old&names=p"))
        assert [row["guid"] for row in found["resources"]] == [org]
        assert (await steps.ok(await cli.get("/v3/organizations?label_selector=env!=prod")))["resources"] == []
        included = await steps.ok(await cli.get(f"/v3/spaces?organization_guids={org}&include=organization"))
        assert included["included"]["organizations"][0]["name"] == "p"
        assert detail(await cli.get("/v3/spaces?color=red")).startswith(
            "The query parameter is invalid: Unknown query parameter(s): 'color'"
        )
        await steps.push(world, cli, space)
        await steps.done(cli, await cli.delete(f"/v3/organizations/{org}/"))
        assert detail(await cli.get(f"/v3/spaces/{space}")) == "Space not found"
        assert world.bbs.desired == {}


async def test_roles_open_what_was_hidden(world: World) -> None:
    world.users.known["dev"] = UserName("dev", "dev@test", "uaa")
    async with world.client() as cli, world.somebody("dev") as dev:
        org, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        assert detail(await dev.get(f"/v3/apps/{app['guid']}")) == "App not found"
        assert (await steps.ok(await dev.get("/v3/organizations")))["resources"] == []
        by_name = {"username": "dev@test", "origin": "uaa"}
        too_early = await cli.post("/v3/roles", json=role("space_auditor", by_name, space=space))
        assert detail(too_early).startswith("Users cannot be assigned roles in a space if they do not have a role")
        await steps.ok(await cli.post("/v3/roles", json=role("organization_user", by_name, organization=org)), 201)
        again = await cli.post("/v3/roles", json=role("organization_user", by_name, organization=org))
        assert detail(again) == "User 'dev@test' already has 'organization_user' role in organization 'o'."
        auditor = await steps.ok(await cli.post("/v3/roles", json=role("space_auditor", by_name, space=space)), 201)
        await steps.ok(await dev.get(f"/v3/apps/{app['guid']}"))
        assert (await dev.post(f"/v3/apps/{app['guid']}/actions/stop")).status_code == 403
        assert (await dev.get(f"/v3/apps/{app['guid']}/env")).status_code == 403
        hidden = await steps.ok(await dev.get(f"/v3/processes/{app['guid']}"))
        assert hidden["command"] == "[PRIVATE DATA HIDDEN]"
        await steps.done(cli, await cli.delete(f"/v3/roles/{auditor['guid']}"))
        await steps.ok(await cli.post("/v3/roles", json=role("space_developer", {"guid": "dev"}, space=space)), 201)
        await steps.ok(await dev.post(f"/v3/apps/{app['guid']}/actions/stop"))
        assert (await dev.post("/v3/organizations", json={"name": "mine"})).status_code == 403
        listed = await steps.ok(await cli.get(f"/v3/roles?space_guids={space}&include=user"))
        assert listed["included"]["users"][0]["username"] == "dev@test"
        members = await steps.ok(await cli.get(f"/v3/organizations/{org}/users"))
        assert [user["username"] for user in members["resources"]] == ["dev@test"]
        await cli.patch(f"/v3/organizations/{org}", json={"suspended": True})
        stopped = await dev.post(f"/v3/apps/{app['guid']}/actions/start")
        assert stopped.json()["errors"][0]["title"] == "CF-OrgSuspended"


async def test_a_quota_limits_what_is_started(world: World) -> None:
    async with world.client() as cli:
        org, space = await steps.place(cli)
        body = {
            "name": "small",
            "apps": {"total_memory_in_mb": 100},
            "relationships": {"organizations": {"data": [{"guid": org}]}},
        }
        quota = await steps.ok(await cli.post("/v3/organization_quotas", json=body), 201)
        assert (quota["apps"]["total_memory_in_mb"], quota["domains"]["total_domains"]) == (100, None)
        app = await steps.push(world, cli, space, memory="60M")
        refused = await cli.post(f"/v3/apps/{app['guid']}/processes/web/actions/scale", json={"instances": 2})
        assert detail(refused) == "memory quota_exceeded"
        assert (
            detail(await cli.post("/v3/organization_quotas", json={"name": "small"}))
            == "Organization Quota 'small' already exists."
        )
        assert (await steps.job(cli, await cli.delete(f"/v3/organization_quotas/{quota['guid']}")))["state"] == "FAILED"
        per_space = {
            "name": "q",
            "relationships": {"organization": {"data": {"guid": org}}, "spaces": {"data": [{"guid": space}]}},
        }
        made = await steps.ok(await cli.post("/v3/space_quotas", json=per_space), 201)
        assert made["relationships"]["spaces"]["data"] == [{"guid": space}]
        assert (await cli.delete(f"/v3/space_quotas/{made['guid']}/relationships/spaces/{space}")).status_code == 204


async def test_security_groups_reach_the_cells(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        rules = [{"protocol": "tcp", "destination": "10.0.0.0/8", "ports": "80,443"}]
        made = await steps.ok(await cli.post("/v3/security_groups", json={"name": "g", "rules": rules}), 201)
        bad = await cli.post(
            "/v3/security_groups", json={"name": "h", "rules": [{"protocol": "tcp", "destination": "here"}]}
        )
        assert detail(bad).startswith("Rules[0]: destination must be a valid CIDR")
        bound = {"data": [{"guid": space}]}
        await steps.ok(await cli.post(f"/v3/security_groups/{made['guid']}/relationships/running_spaces", json=bound))
        await steps.push(world, cli, space)
        [lrp] = world.bbs.desired.values()
        assert [(rule.protocol, list(rule.ports)) for rule in lrp.egress_rules] == [("all", []), ("tcp", [80, 443])]
        listed = await steps.ok(await cli.get(f"/v3/spaces/{space}/running_security_groups"))
        assert [group["name"] for group in listed["resources"]] == ["public", "g"]
        gone = f"/v3/security_groups/{made['guid']}/relationships/running_spaces/{space}"
        assert (await cli.delete(gone)).status_code == 204
        assert detail(await cli.delete(gone)).endswith("Ensure the space is bound to this security group.")


async def test_isolation_segments_place_apps(world: World) -> None:
    async with world.client() as cli:
        org, space = await steps.place(cli)
        made = await steps.ok(await cli.post("/v3/isolation_segments", json={"name": "seg"}), 201)
        assign = f"/v3/spaces/{space}/relationships/isolation_segment"
        body = {"data": {"guid": made["guid"]}}
        assert (await cli.patch(assign, json=body)).status_code == 422
        entitled = {"data": [{"guid": org}]}
        await steps.ok(
            await cli.post(f"/v3/isolation_segments/{made['guid']}/relationships/organizations", json=entitled)
        )
        await steps.ok(await cli.patch(assign, json=body))
        await steps.push(world, cli, space)
        [lrp] = world.bbs.desired.values()
        assert list(lrp.PlacementTags) == ["seg"]


async def test_flags_groups_stacks_and_buildpacks(world: World) -> None:
    async with world.client() as cli:
        flag = await steps.ok(await cli.patch("/v3/feature_flags/task_creation", json={"enabled": False}))
        assert (flag["enabled"], flag["name"]) == (False, "task_creation")
        assert detail(await cli.get("/v3/feature_flags/nothing")) == "Feature flag not found"
        group = "/v3/environment_variable_groups/running"
        assert (await steps.ok(await cli.patch(group, json={"var": {"A": "1", "B": "2"}})))["var"] == {
            "A": "1",
            "B": "2",
        }
        assert (await steps.ok(await cli.patch(group, json={"var": {"A": None}})))["var"] == {"B": "2"}
        stacks = await steps.ok(await cli.get("/v3/stacks"))
        assert (stacks["resources"][0]["name"], stacks["resources"][0]["default"]) == ("cflinuxfs4", True)
        made = await steps.ok(
            await cli.post("/v3/buildpacks/", json={"name": "go_buildpack", "stack": "cflinuxfs4"}), 201
        )
        upload = await cli.post(f"/v3/buildpacks/{made['guid']}/upload", files={"bits": ("go-v1.zip", b"zip")})
        await steps.done(cli, upload)
        listed = await steps.ok(await cli.get("/v3/buildpacks?order_by=position"))
        assert [(row["name"], row["position"]) for row in listed["resources"]] == [
            ("go_buildpack", 1),
            ("python_buildpack", 2),
        ]
        assert (listed["resources"][0]["state"], listed["resources"][0]["filename"]) == ("READY", "go-v1.zip")
        await steps.ok(await cli.patch(f"/v3/buildpacks/{made['guid']}", json={"position": 2}))
        listed = await steps.ok(await cli.get("/v3/buildpacks?order_by=position"))
        assert [row["name"] for row in listed["resources"]] == ["python_buildpack", "go_buildpack"]


async def test_user_provided_services_reach_the_app(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        body = {
            "type": "user-provided",
            "name": "db",
            "credentials": {"uri": "postgres://h/d"},
            "relationships": {"space": {"data": {"guid": space}}},
        }
        made = await steps.ok(await cli.post("/v3/service_instances", json=body), 201)
        assert detail(await cli.post("/v3/service_instances", json=body)) == "The service instance name is taken: db."
        app = await steps.push(world, cli, space, services=["db"])
        shown = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/env"))
        [entry] = shown["system_env_json"]["VCAP_SERVICES"]["user-provided"]
        assert (entry["name"], entry["credentials"]) == ("db", {"uri": "postgres://h/d"})
        bind = {
            "type": "app",
            "relationships": {
                "app": {"data": {"guid": app["guid"]}},
                "service_instance": {"data": {"guid": made["guid"]}},
            },
        }
        assert (
            detail(await cli.post("/v3/service_credential_bindings", json=bind))
            == "The app is already bound to the service instance"
        )
        listed = await steps.ok(
            await cli.get(f"/v3/service_credential_bindings?include=app&service_instance_guids={made['guid']}")
        )
        assert listed["included"]["apps"][0]["guid"] == app["guid"]
        fields = "fields[space]=guid,name&fields[space.organization]=guid,name"
        instances = await steps.ok(await cli.get(f"/v3/service_instances?{fields}"))
        assert instances["included"]["organizations"][0]["name"] == "o"
        assert (await cli.delete(f"/v3/service_instances/{made['guid']}")).status_code == 204
