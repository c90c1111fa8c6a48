"""Sequences of requests as the cf CLI sends them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import yaml
from cloud_controller.deployments import update

Body = dict[str, Any]


async def ok(reply: httpx.Response, status: int = 200) -> Body:
    """The body of an answer that has to have a status."""
    assert reply.status_code == status, f"{reply.request.method} {reply.request.url}: {reply.status_code} {reply.text}"
    return dict(reply.json()) if reply.content else {}


async def job(client: httpx.AsyncClient, reply: httpx.Response) -> Body:
    """What has become of the job that an answer points to."""
    assert reply.status_code == 202, reply.text
    return await ok(await client.get(reply.headers["Location"]))


async def done(client: httpx.AsyncClient, reply: httpx.Response) -> None:
    """The job is complete at the first look."""
    found = await job(client, reply)
    assert found["state"] == "COMPLETE", found


async def organization(client: httpx.AsyncClient, name: str = "o") -> str:
    return str((await ok(await client.post("/v3/organizations", json={"name": name}), 201))["guid"])


async def space(client: httpx.AsyncClient, organization_guid: str, name: str = "s") -> str:
    body = {"name": name, "relationships": {"organization": {"data": {"guid": organization_guid}}}}
    return str((await ok(await client.post("/v3/spaces", json=body), 201))["guid"])


async def place(client: httpx.AsyncClient) -> tuple[str, str]:
    """An organization and a space in it."""
    org = await organization(client)
    return org, await space(client, org)


async def apply(client: httpx.AsyncClient, space_guid: str, *applications: Body) -> httpx.Response:
    content = yaml.safe_dump({"applications": list(applications)})
    headers = {"Content-Type": "application/x-yaml"}
    return await client.post(f"/v3/spaces/{space_guid}/actions/apply_manifest", content=content, headers=headers)


async def app_named(client: httpx.AsyncClient, space_guid: str, name: str) -> Body:
    found = await ok(await client.get(f"/v3/apps?names={name}&space_guids={space_guid}"))
    assert len(found["resources"]) == 1
    return dict(found["resources"][0])


def archive(**files: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "."), content)
    return sink.getvalue()


async def package(client: httpx.AsyncClient, app_guid: str, bits: bytes | None = None) -> Body:
    body = {"type": "bits", "relationships": {"app": {"data": {"guid": app_guid}}}}
    made = await ok(await client.post("/v3/packages", json=body), 201)
    return await ok(
        await client.post(
            made["links"]["upload"]["href"],
            data={"resources": json.dumps([])},
            files={"bits": ("package.zip", bits or archive(app__py="print()"), "application/zip")},
        )
    )


def result(**kinds: str) -> str:
    metadata = {
        "detected_buildpack": "python",
        "buildpacks": [{"key": "python_buildpack_1", "name": "python", "version": "1.8"}],
    }
    shown = {
        "lifecycle_type": "buildpack",
        "lifecycle_metadata": metadata,
        "process_types": kinds,
        "execution_metadata": "{}",
    }
    return json.dumps(shown)


async def stage(world: Any, client: httpx.AsyncClient, package_guid: str, **kinds: str) -> str:
    """Build a package; the cell uploads a droplet and tells the end. Gives back the droplet's guid."""
    build = await ok(await client.post("/v3/builds", json={"package": {"guid": package_guid}}), 201)
    assert build["state"] == "STAGING"
    _, definition = world.bbs.wanted_tasks[build["guid"]]
    serial = definition.action.timeout_action.action.serial_action.actions
    uploads = serial[-1].emit_progress_action.action.parallel_action.actions
    async with world.internal() as cell:
        await ok(await cell.post(uploads[0].upload_action.to, content=f"droplet of {build['guid']}".encode()))
        await ok(await cell.post(uploads[1].upload_action.to, content=b"cache"))
        told = {"task_guid": build["guid"], "failed": False, "result": result(**(kinds or {"web": "python app.py"}))}
        await ok(await cell.post(definition.completion_callback_url, json=told))
    built = await ok(await client.get(f"/v3/builds/{build['guid']}"))
    assert built["state"] == "STAGED", built
    return str(built["droplet"]["guid"])


async def push(world: Any, client: httpx.AsyncClient, space_guid: str, name: str = "dora", **manifest: Any) -> Body:
    """Everything up to running instances; gives back the app."""
    await done(client, await apply(client, space_guid, {"name": name, "default-route": True, **manifest}))
    app = await app_named(client, space_guid, name)
    ready = await package(client, app["guid"])
    assert ready["state"] == "READY"
    droplet = await stage(world, client, ready["guid"])
    await set_droplet(client, app["guid"], droplet)
    await ok(await client.post(f"/v3/apps/{app['guid']}/actions/restart"))
    world.bbs.run_all()
    return await app_named(client, space_guid, name)


async def set_droplet(client: httpx.AsyncClient, app_guid: str, droplet_guid: str) -> None:
    body = {"data": {"guid": droplet_guid}}
    await ok(await client.patch(f"/v3/apps/{app_guid}/relationships/current_droplet", json=body))


async def settle(world: Any, client: httpx.AsyncClient, guid: str) -> None:
    """Take a deployment to its end, all instances coming up at once."""
    for _ in range(10):
        world.bbs.run_all()
        if update.run(world.services) == 0:
            return
    raise AssertionError(await ok(await client.get(f"/v3/deployments/{guid}")))
