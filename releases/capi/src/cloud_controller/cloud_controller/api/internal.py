"""What other components call: ends of staging and tasks, crashes, uploads, who may log in, syslog drains.

These are served on their own port with mutual TLS; uploads carry a signature instead, for cells reach them without a certificate of ours.
"""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import apps, events, processes, staging
from cloud_controller.auth.access import Access
from cloud_controller.blobstore import bits
from cloud_controller.blobstore import contract as blobs
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, get, post

log = logging.getLogger(__name__)

DRAINS_A_PAGE = 50


def _build(call: Call) -> Record:
    found = call.store.find(t.builds, call.params["guid"], lock=True)
    if found is None:
        raise errors.not_found("Build")
    return found


def build_completed(call: Call) -> Reply:
    """The BBS: a staging task is over."""
    build, answer = _build(call), call.json()
    if answer.get("failed"):
        staging.fail(call.store, build, *staging.sanitize(str(answer.get("failure_reason") or "")))
        return Reply(200, {})
    try:
        droplet = staging.complete(call.store, build, str(answer.get("result") or ""))
    except staging.BadStagingResult as error:
        staging.fail(call.store, build, "StagingError", str(error))
        return Reply(200, {})
    app = call.store.find(t.apps, build["app_guid"])
    if droplet and app:
        kept = call.config.retention
        staging.expire(
            call.store, app, packages=kept.packages_per_app, droplets=kept.droplets_per_app, builds=kept.builds_per_app
        )
    return Reply(200, {})


def upload_droplet(call: Call) -> Reply:
    """A cell (or the uploader in between): a build's droplet."""
    build, path = _build(call), _uploaded(call)
    if build["state"] != "STAGING":
        raise errors.unprocessable("The build is over.")
    digest = bits.sha256(path)
    if build["droplet_guid"]:
        # A repeated upload replaces the first.
        droplet = call.store.find(t.droplets, build["droplet_guid"]) or {}
    else:
        key = call.store.new_guid()
        droplet = staging.keep_droplet(call.store, build, digest, key)
        call.store.change(t.builds, build["guid"], droplet_guid=droplet["guid"])
    call.services.blobs.put(blobs.DROPLETS, droplet["blob_key"], path)
    call.store.change(t.droplets, droplet["guid"], sha256=digest)
    return Reply(200, {"guid": droplet["guid"]})


def _uploaded(call: Call) -> Path:
    files = call.upload.files if call.upload else {}
    path = next(iter(files.values()), None)
    if path is None:
        raise errors.bits_invalid("missing file")
    return path


def upload_cache(call: Call) -> Reply:
    """A cell: what the next build of the app starts with."""
    build, path = _build(call), _uploaded(call)
    app = call.store.find(t.apps, build["app_guid"])
    if app is None:
        raise errors.not_found("App")
    call.services.blobs.put(blobs.BUILDPACK_CACHE, apps.cache_key({**app, "stack": build["stack"]}), path)
    digest = bits.sha256(path)
    call.store.change(t.apps, app["guid"], buildpack_cache_sha256=digest, updated_at=app["updated_at"])
    return Reply(200, {})


def task_completed(call: Call) -> Reply:
    """The BBS: an app's task is over."""
    answer = call.json()
    task = call.store.find(t.tasks, call.params["guid"], lock=True)
    if task is None:
        raise errors.not_found("Task")
    if task["state"] not in {"SUCCEEDED", "FAILED"}:
        failed = bool(answer.get("failed"))
        reason = str(answer.get("failure_reason") or "") if failed else None
        call.store.change(t.tasks, task["guid"], state="FAILED" if failed else "SUCCEEDED", failure_reason=reason)
    return Reply(200, {})


def _of_lrp(call: Call) -> tuple[Record, Record] | None:
    guid, _ = processes.split_lrp_guid(call.params["guid"])
    process = call.store.find(t.processes, guid)
    app = call.store.find(t.apps, process["app_guid"]) if process else None
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    return (process, space) if process and space else None


def crashed(call: Call) -> Reply:
    """The watcher: an instance crashed."""
    found = _of_lrp(call)
    if found is None:
        raise errors.not_found("Process")
    process, space = found
    told = call.json()
    names = ("instance", "index", "cell_id", "exit_description", "exit_status", "reason")
    data = {name: told.get(name) for name in names}
    events.of_process(call.store, "audit.app.process.crash", process, space, data)
    events.of_process(call.store, "app.crash", process, space, data)
    return Reply(200, {})


def readiness_changed(call: Call) -> Reply:
    """The watcher: an instance became ready or stopped being so."""
    return _note(call, "audit.app.process.ready" if call.json().get("ready") else "audit.app.process.not-ready")


def rescheduling(call: Call) -> Reply:
    """The watcher: an instance moves to another cell."""
    return _note(call, "audit.app.process.rescheduling")


def _note(call: Call, kind: str) -> Reply:
    found = _of_lrp(call)
    if found is None:
        raise errors.not_found("Process")
    data = {name: call.json().get(name) for name in ("instance", "index", "cell_id", "reason")}
    events.of_process(call.store, kind, found[0], found[1], data)
    return Reply(200, {})


def ssh_access(call: Call) -> Reply:
    """The ssh proxy: may the bearer of the token log in to the process, and under which name does the BBS know it."""
    process = call.store.find(t.processes, call.params["guid"])
    app = call.store.find(t.apps, process["app_guid"]) if process else None
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if process is None or app is None or space is None:
        raise errors.not_found("App")
    access = Access(call.store, call.who)
    open_everywhere = call.config.allow_app_ssh_access and space["allow_ssh"] and app["enable_ssh"]
    allowed = bool(open_everywhere) and access.space(space, "write")
    kind = "audit.app.ssh-authorized" if allowed else "audit.app.ssh-unauthorized"
    index = call.params.get("index")
    events.record(call.store, call.who, kind, ("app", app), space=space, data={"instance_index": index})
    if not allowed:
        # Said as an answer, not as a failure: the event has to be kept.
        return Reply(403, errors.not_authorized().body())
    return Reply(body={"process_guid": processes.lrp_guid(process)})


def log_access(call: Call) -> Reply:
    """log-cache and its kin: may the bearer of the token read an app's logs."""
    app = call.store.find(t.apps, call.params["guid"])
    instance = None if app else call.store.find(t.service_instances, call.params["guid"])
    owner = app or instance
    space = call.store.find(t.spaces, owner["space_guid"]) if owner else None
    if space is None or not Access(call.store, call.who).space(space, "read"):
        raise errors.not_found("App")
    return Reply(200, {})


def drains(call: Call) -> Reply:
    """The syslog binding cache: drains and the apps that send to each (version 5: with credentials)."""
    limit = min(int(call.parameter("batch_size") or DRAINS_A_PAGE), 1000)
    start = int(call.parameter("next_id") or 0)
    b = t.service_credential_bindings
    drained = sa.select(b).where(
        b.c.syslog_drain_url.is_not(None), b.c.syslog_drain_url != "", b.c.app_guid.is_not(None)
    )
    urls = sa.select(b.c.syslog_drain_url).where(
        b.c.syslog_drain_url.is_not(None), b.c.syslog_drain_url != "", b.c.app_guid.is_not(None)
    )
    page = call.store.column(urls.distinct().order_by(b.c.syslog_drain_url).limit(limit).offset(start))
    rows = call.store.rows(drained.where(b.c.syslog_drain_url.in_(page)).order_by(b.c.id)) if page else []
    names = _hostnames(call, [row["app_guid"] for row in rows])
    results = [_drain(call, url, [row for row in rows if row["syslog_drain_url"] == url], names) for url in page]
    return Reply(body={"results": results, "next_id": start + limit if len(page) == limit else None})


def _hostnames(call: Call, guids: list[str]) -> dict[str, str]:
    found = call.store.many(t.apps, guids)
    spaces = call.store.many(t.spaces, (app["space_guid"] for app in found.values()))
    organizations = call.store.many(t.organizations, (space["organization_guid"] for space in spaces.values()))
    names = {}
    for guid, app in found.items():
        space = spaces[app["space_guid"]]
        names[guid] = f"{organizations[space['organization_guid']]['name']}.{space['name']}.{app['name']}"
    return names


def _drain(call: Call, url: str, rows: list[Record], names: dict[str, str]) -> Record:
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for row in rows:
        held = call.store.vault.open_map(row["credentials_sealed"])
        key = (str(held.get("cert", "")), str(held.get("key", "")), str(held.get("ca", "")))
        groups.setdefault(key, []).append({"app_id": row["app_guid"], "hostname": names.get(row["app_guid"], "")})
    return {
        "url": url,
        "credentials": [{"cert": c, "key": k, "ca": a, "apps": listed} for (c, k, a), listed in groups.items()],
    }


def groups_updated(call: Call) -> Reply:
    """The security group syncer: when rules changed last."""
    newest = call.store.value(sa.select(sa.func.max(t.security_groups.c.updated_at)))
    stamp = newest.strftime("%Y-%m-%dT%H:%M:%SZ") if newest else "1970-01-01T00:00:00Z"
    return Reply(body={"last_update": stamp})


def staging_job(call: Call) -> Reply:
    """The uploader polls for what was done at once."""
    guid = call.params["guid"]
    return Reply(body={"metadata": {"guid": guid}, "entity": {"guid": guid, "status": "finished"}})


UPLOADS: list[Route] = [
    post("/internal/v4/droplets/{guid}/upload", upload_droplet, "signed", upload=True),
    post("/internal/v4/buildpack_cache/{guid}/upload", upload_cache, "signed", upload=True),
]
FOR_BEARERS: list[Route] = [
    get("/internal/apps/{guid}/ssh_access/{index}", ssh_access, "token_writes"),
    get("/internal/apps/{guid}/ssh_access", ssh_access, "token_writes"),
    get("/internal/v4/log_access/{guid}", log_access),
]
ROUTES: list[Route] = [
    post("/internal/v3/staging/{guid}/build_completed", build_completed, "open"),
    post("/internal/v4/tasks/{guid}/completed", task_completed, "open"),
    post("/internal/v4/apps/{guid}/crashed", crashed, "open"),
    post("/internal/v4/apps/{guid}/readiness_changed", readiness_changed, "open"),
    post("/internal/v4/apps/{guid}/rescheduling", rescheduling, "open"),
    get("/internal/v5/syslog_drain_urls", drains, "open"),
    get("/internal/v4/asg_latest_update", groups_updated, "open"),
    get("/internal/v4/staging_jobs/{guid}", staging_job, "open"),
    *FOR_BEARERS,
    *UPLOADS,
]
