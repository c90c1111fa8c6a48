"""``cf push`` and what follows, as the requests of the CLI."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

pytestmark = pytest.mark.slow


async def test_a_pushed_app_runs_with_route_droplet_and_environment(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        diff = await cli.post(f"/v3/spaces/{space}/manifest_diff", content="applications: [{name: dora, memory: 64M}]")
        assert (await steps.ok(diff, 201))["diff"] == []
        app = await steps.push(world, cli, space, memory="64M", instances=2, env={"GREETING": "hello"})
        assert app["state"] == "STARTED"
        [lrp] = world.bbs.desired.values()
        assert (lrp.instances, lrp.memory_mb, lrp.root_fs) == (2, 64, "preloaded:cflinuxfs4")
        assert json.loads(lrp.routes.routes["cf-router"])[0]["hostnames"] == ["dora.apps.test"]
        run = lrp.action.codependent_action.actions[0].run_action
        environment = {variable.name: variable.value for variable in run.env}
        assert (environment["GREETING"], environment["PORT"], environment["MEMORY_LIMIT"]) == ("hello", "8080", "64m")
        assert json.loads(environment["VCAP_APPLICATION"])["application_uris"] == ["dora.apps.test"]
        assert run.args[1] == "python app.py"
        async with world.internal() as cell:
            download = await cell.get(lrp.setup.serial_action.actions[0].download_action.__getattribute__("from"))
        assert download.content.startswith(b"droplet of")


async def test_the_summary_after_a_push_shows_running_instances(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space, instances=2)
        listed = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/processes?embed=process_instances"))
        [process] = listed["resources"]
        assert process["command"] == "[PRIVATE DATA HIDDEN IN LISTS]"
        assert [row["state"] for row in process["process_instances"]] == ["RUNNING", "RUNNING"]
        shown = await steps.ok(await cli.get(f"/v3/processes/{process['guid']}"))
        assert (shown["command"], shown["health_check"]["type"]) == ("python app.py", "port")
        stats = await steps.ok(await cli.get(f"/v3/processes/{process['guid']}/stats"))
        assert [row["state"] for row in stats["resources"]] == ["RUNNING", "RUNNING"]
        assert stats["resources"][0]["usage"]["mem"] == 1 << 20
        assert stats["resources"][0]["instance_ports"][0] == {
            "external": 61001,
            "internal": 8080,
            "external_tls_proxy_port": None,
            "internal_tls_proxy_port": None,
        }
        routes = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/routes"))
        assert routes["resources"][0]["url"] == "dora.apps.test"
        droplet = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/droplets/current"))
        assert droplet["buildpacks"][0]["buildpack_name"] == "python"
        active = f"/v3/deployments?app_guids={app['guid']}&order_by=-created_at&per_page=1&status_values=ACTIVE"
        assert (await steps.ok(await cli.get(active)))["resources"] == []


async def test_known_files_need_not_be_uploaded_again(world: World) -> None:
    big = "x" * 70_000
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.done(cli, await steps.apply(cli, space, {"name": "a"}))
        app = await steps.app_named(cli, space, "a")
        await steps.package(cli, app["guid"], steps.archive(big__txt=big, small__txt="y"))
        import hashlib

        known = {
            "checksum": {"value": hashlib.sha1(big.encode()).hexdigest()},
            "size_in_bytes": len(big),
            "path": "big.txt",
            "mode": "644",
        }
        unknown = {**known, "checksum": {"value": "0" * 40}, "path": "other.txt"}
        matched = await steps.ok(await cli.post("/v3/resource_matches", json={"resources": [known, unknown]}), 201)
        assert matched["resources"] == [known]
        body = {"type": "bits", "relationships": {"app": {"data": {"guid": app["guid"]}}}}
        made = await steps.ok(await cli.post("/v3/packages", json=body), 201)
        parts = {"bits": ("b.zip", steps.archive(small__txt="z"))}
        ready = await steps.ok(
            await cli.post(f"/v3/packages/{made['guid']}/upload", data={"resources": json.dumps([known])}, files=parts)
        )
        assert ready["state"] == "READY"
        whole = zipfile.ZipFile(io.BytesIO((await cli.get(f"/v3/packages/{made['guid']}/download")).content))
        assert {name: whole.read(name).decode() for name in whole.namelist()} == {"small.txt": "z", "big.txt": big}


async def test_a_failed_build_says_why(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.done(cli, await steps.apply(cli, space, {"name": "a"}))
        app = await steps.app_named(cli, space, "a")
        ready = await steps.package(cli, app["guid"])
        build = await steps.ok(await cli.post("/v3/builds", json={"package": {"guid": ready["guid"]}}), 201)
        again = await cli.post("/v3/builds", json={"package": {"guid": ready["guid"]}})
        assert again.status_code == 422
        async with world.internal() as cell:
            told = {"failed": True, "failure_reason": "Exited with status 222"}
            await cell.post(f"/internal/v3/staging/{build['guid']}/build_completed", json=told)
        shown = await steps.ok(await cli.get(f"/v3/builds/{build['guid']}"))
        assert shown["state"] == "FAILED"
        assert shown["error"].startswith("NoAppDetectedError - ")


async def test_apps_start_only_with_a_droplet(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.done(cli, await steps.apply(cli, space, {"name": "a"}))
        app = await steps.app_named(cli, space, "a")
        reply = await cli.post(f"/v3/apps/{app['guid']}/actions/start")
        assert reply.json()["errors"][0]["detail"] == "Assign a droplet before starting this app."
        current = await cli.get(f"/v3/apps/{app['guid']}/droplets/current")
        assert (current.status_code, current.json()["errors"][0]["detail"]) == (404, "Droplet not found")


async def test_scale_restart_stop_and_delete(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        [before] = world.bbs.desired
        scaled = await cli.post(f"/v3/apps/{app['guid']}/processes/web/actions/scale", json={"instances": 3})
        assert (scaled.status_code, scaled.json()["instances"]) == (202, 3)
        assert world.bbs.desired[before].instances == 3
        await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/actions/restart"))
        [after] = world.bbs.desired
        assert (after[:36], after != before) == (before[:36], True)
        await cli.delete(f"/v3/apps/{app['guid']}/processes/web/instances/1")
        assert world.bbs.retired == [(after, 1)]
        assert (await cli.delete(f"/v3/apps/{app['guid']}/processes/web/instances/9")).json()["errors"][0][
            "detail"
        ] == "Instance not found"
        await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/actions/stop"))
        assert world.bbs.desired == {}
        await steps.done(cli, await cli.delete(f"/v3/apps/{app['guid']}"))
        assert (await cli.get(f"/v3/apps/{app['guid']}")).json()["errors"][0]["detail"] == "App not found"
        events = await steps.ok(await cli.get(f"/v3/audit_events?target_guids={app['guid']}&order_by=-created_at"))
        kinds = [event["type"] for event in events["resources"]]
        assert kinds[0] == "audit.app.delete-request"
        assert {
            "audit.app.create",
            "audit.app.start",
            "audit.app.restart",
            "audit.app.stop",
            "audit.app.process.scale",
        } - {"audit.app.start"} <= set(kinds)


async def test_environment_variables(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space, env={"A": "1"})
        url = f"/v3/apps/{app['guid']}/environment_variables"
        changed = await steps.ok(await cli.patch(url, json={"var": {"B": "2", "A": None}}))
        assert changed["var"] == {"B": "2"}
        refused = await cli.patch(url, json={"var": {"VCAP_X": "1"}})
        assert refused.json()["errors"][0]["detail"] == "Var cannot start with VCAP_"
        shown = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/env"))
        assert shown["environment_variables"] == {"B": "2"}
        assert shown["application_env_json"]["VCAP_APPLICATION"]["space_id"] == space


async def test_tasks_run_and_report(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        task = await steps.ok(
            await cli.post(f"/v3/apps/{app['guid']}/tasks", json={"command": "exit 3", "name": "t"}), 202
        )
        assert (task["sequence_id"], task["state"]) == (1, "PENDING")
        domain, definition = world.bbs.wanted_tasks[task["guid"]]
        assert domain == "cf-tasks"
        running = await steps.ok(await cli.get(f"/v3/tasks/{task['guid']}"))
        assert running["state"] == "RUNNING"
        async with world.internal() as cell:
            await cell.post(
                definition.completion_callback_url, json={"failed": True, "failure_reason": "Exited with status 3"}
            )
        listed = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/tasks?sequence_ids=1"))
        assert (listed["resources"][0]["state"], listed["resources"][0]["result"]) == (
            "FAILED",
            {"failure_reason": "Exited with status 3"},
        )
        assert (await cli.put(f"/v3/tasks/{task['guid']}/cancel")).status_code == 422


async def test_revisions_and_rollback(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        first = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/revisions"))
        assert [row["description"] for row in first["resources"]] == ["Initial revision."]
        await cli.patch(f"/v3/apps/{app['guid']}/environment_variables", json={"var": {"X": "1"}})
        await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/actions/restart"))
        world.bbs.run_all()
        revisions = (await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/revisions?order_by=-created_at")))[
            "resources"
        ]
        assert revisions[0]["description"] == "New environment variables deployed."
        body = {
            "relationships": {"app": {"data": {"guid": app["guid"]}}},
            "revision": {"guid": revisions[1]["guid"]},
            "strategy": "rolling",
        }
        deployment = await steps.ok(await cli.post("/v3/deployments", json=body), 201)
        assert deployment["revision"]["version"] == 3
        again = await steps.ok(await cli.get(f"/v3/revisions/{deployment['revision']['guid']}"))
        assert again["description"] == "New environment variables deployed. Rolled back to revision 1."


async def test_a_rolling_deployment_replaces_the_web_process(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space, instances=2)
        droplet = await steps.stage(world, cli, (await steps.package(cli, app["guid"]))["guid"])
        body: dict[str, Any] = {
            "relationships": {"app": {"data": {"guid": app["guid"]}}},
            "droplet": {"guid": droplet},
            "strategy": "rolling",
        }
        made = await steps.ok(await cli.post("/v3/deployments", json=body), 201)
        assert made["status"]["value"] == "ACTIVE"
        new_guid = made["new_processes"][0]["guid"]
        assert new_guid != app["guid"]
        assert sorted(lrp.instances for lrp in world.bbs.desired.values()) == [1, 2]
        await steps.settle(world, cli, made["guid"])
        shown = await steps.ok(await cli.get(f"/v3/deployments/{made['guid']}"))
        assert (shown["status"]["value"], shown["status"]["reason"]) == ("FINALIZED", "DEPLOYED")
        [lrp] = world.bbs.desired.values()
        assert (lrp.process_guid[:36], lrp.instances) == (new_guid, 2)
        web = await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/processes/web"))
        assert web["guid"] == new_guid


async def test_a_cancelled_deployment_goes_back(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space, instances=2)
        old = (await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/droplets/current")))["guid"]
        droplet = await steps.stage(world, cli, (await steps.package(cli, app["guid"]))["guid"])
        body = {"relationships": {"app": {"data": {"guid": app["guid"]}}}, "droplet": {"guid": droplet}}
        made = await steps.ok(await cli.post("/v3/deployments", json=body), 201)
        assert (await cli.post(f"/v3/deployments/{made['guid']}/actions/cancel")).status_code == 200
        await steps.settle(world, cli, made["guid"])
        shown = await steps.ok(await cli.get(f"/v3/deployments/{made['guid']}"))
        assert (shown["status"]["value"], shown["status"]["reason"]) == ("FINALIZED", "CANCELED")
        [lrp] = world.bbs.desired.values()
        assert (lrp.process_guid[:36], lrp.instances) == (app["guid"], 2)
        assert (await steps.ok(await cli.get(f"/v3/apps/{app['guid']}/droplets/current")))["guid"] == old
