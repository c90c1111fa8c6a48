"""A whole deploy, from a manifest's text to what it asks for: each stage one small function (bosh: jobs/update_deployment.rb).

    parse ─ variables ─ read what exists ─ lay out ─ reserve ─ render ─ decide ─ check ─ run ─ remember

``prepare`` ends with a plan and has changed nothing but reservations (in a dry run not even those); ``carry_out`` acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bosh.director.tasks.contract import TaskContext
from bosh.execution.archives import drop_unused_archives, keep_archives
from bosh.execution.deployment_variables import DeploymentVariables
from bosh.execution.errands.temporary import remove_left_over
from bosh.execution.events import recorded
from bosh.execution.planning import (
    as_deployed,
    config_rows,
    drop_unused,
    parse_manifest,
    place,
    refuse_unsound,
    renderer_for,
    respec_of,
    variables_of,
    with_digests,
)
from bosh.execution.rendering import Rendered, drop_archives
from bosh.execution.request import DeployRequest
from bosh.execution.reserve import Reserved, give_back
from bosh.execution.run import run
from bosh.execution.variable_places import places_of
from bosh.execution.world import World, world_of
from bosh.inventory import read_catalog
from bosh.manifest.model import Desired, Json
from bosh.plan.decide import decide
from bosh.plan.describe import describe
from bosh.plan.model import Current, Layout, Plan, SharedProvider, json_copy
from bosh.render.renderer import Renderer
from bosh.state import records
from bosh.variables.names import ConfigServerFetchError

DEPLOYMENT_LOCK_TIMEOUT_S = 10.0
RELEASE_LOCK_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Prepared:
    """A plan, and everything it was made of."""

    world: World
    desired: Desired
    current: Current
    layout: Layout
    rendered: Rendered
    reserved: Reserved
    plan: Plan
    row: records.Deployment
    variables: DeploymentVariables
    config_ids: tuple[int, ...]
    """Cloud and runtime configs."""


async def deploy(context: TaskContext, request: DeployRequest, renderer: Renderer) -> str:
    """Deploy; the task's result ``/deployments/NAME``.

    Raises:
        ManifestFaults: everything wrong with the manifest and configs.
        RenderingFailed: everything wrong with the templates.
        BoshError: the first step that failed.
    """
    name = context.task.deployment
    try:
        if request.dry_run:
            await _dry_run(context, request, renderer)
        else:
            async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
                await _deploy(context, request, renderer)
    except ConfigServerFetchError as error:
        error.details = "\n".join([*error.details.splitlines(), *_places(context, request, str(error))])
        raise
    return f"/deployments/{name}"


def _places(context: TaskContext, request: DeployRequest, message: str) -> list[str]:
    ids = [*(request.cloud_config_ids or ()), *(request.runtime_config_ids or ())]
    configs = context.store.configs.list(id=ids) if ids else []
    texts = [(f"{one.type} config '{one.name}'", one.content) for one in configs]
    return places_of(message, [("manifest", request.manifest), *texts])


async def _dry_run(context: TaskContext, request: DeployRequest, renderer: Renderer) -> None:
    """Plan and tell; nothing is written, not even a lock, so it never makes anybody wait."""
    held = context.store.locks.get(name=f"lock:deployment:{context.task.deployment}")
    if held is not None:
        text = f"Task {held.task_id} is changing this deployment: what is planned here is of this moment"
        context.log.notice("warning", text)
    prepared = await _prepare(context, request, renderer)
    text = describe(prepared.plan, prepared.layout)
    context.log.debug(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    stage = context.log.stage("Planned changes", total=len(lines))
    for line in lines:
        async with stage.step(line):
            pass
    context.log.result({"plan": text})


async def _deploy(context: TaskContext, request: DeployRequest, renderer: Renderer) -> None:
    name = context.task.deployment
    action = "create" if request.new or context.store.deployments.get(name=name) is None else "update"
    world = world_of(context)
    with recorded(world, action, "deployment", name) as event:
        before = context.store.deployments.get(name=name)
        await remove_left_over(world)
        try:
            prepared = await _prepare(context, request, renderer)
        except BaseException:
            _forget_if_empty(context)
            raise
        text = describe(prepared.plan, prepared.layout)
        context.log.debug(text)
        try:
            await run(prepared.plan, prepared.layout, prepared.world)
        finally:
            await drop_unused_archives(world)
        await _remember_success(prepared, request)
        event.context = {"before": _used(before), "after": _used(context.store.deployments.get(name=name))}


def _forget_if_empty(context: TaskContext) -> None:
    """A deployment that could not even be planned, and has nothing of an earlier try, was never there; unless somebody tries again already."""
    store, name = context.store, context.task.deployment
    row = store.deployments.get(name=name)
    if row is None or row.manifest or store.tasks.count(deployment=name, state=["queued", "processing"]) > 1:
        return
    if not any(table.count(deployment=name) for table in (store.instances, store.vms, store.disks, store.ips)):
        with store.transaction():
            store.variable_uses.delete(deployment=name)
            store.deployments.delete(name=name)


def _used(row: records.Deployment | None) -> dict[str, list[str]]:
    if row is None:
        return {}
    used = {
        "releases": [f"{one['name']}/{one['version']}" for one in row.releases],
        "stemcells": [f"{one['name']}/{one['version']}" for one in row.stemcells],
    }
    return {kind: names for kind, names in used.items() if names}


# --- planning -------------------------------------------------------------------------------------------------------------------------


async def _prepare(context: TaskContext, request: DeployRequest, renderer: Renderer) -> Prepared:
    stage = context.log.stage("Preparing deployment", total=1)
    async with stage.step("Preparing deployment"):
        catalog = read_catalog(context.store)
        row = _deployment_row(context, request)
        variables = variables_of(context, row, request)
        # The state of a deployment is changed with what it consists of, whatever was uploaded since.
        unchanged = not request.deploy and request.manifest == row.manifest
        known = as_deployed(catalog, row) if unchanged else catalog
        desired = parse_manifest(context, request, known, variables, row)
        _warn(context, desired, request)
        if not request.dry_run:
            await _hold_releases(context, row, desired)
        world = replace(
            world_of(context),
            resolve=variables.resolve,
            catalog=catalog,
            desired=desired,
            variable_set=variables.set_id,
        )
        current, layout, options, reserved = await place(world, request, context.task.id)
    rendering, rendered = renderer_for(world, layout, renderer), Rendered()
    try:
        variables.converge(
            desired,
            context.control,
            stemcell_changed=request.force_latest_variables or _stemcells_changed(row, desired),
            addresses=layout.variable_names,
        )
        async with stage.step("Rendering templates"):
            rendered = await rendering.render_all(layout.instances, {one.id: one.spec for one in current.instances})
        if not request.dry_run:
            await keep_archives(world, rendered)
        plan = decide(desired, current, layout, rendered.hashes, options=options)
        refuse_unsound(plan, layout, current, options)
    except BaseException:
        if not request.dry_run:
            give_back(world, reserved)
            await drop_archives(rendered, world.blobs)
        raise
    world = replace(world, respec=respec_of(world, rendering))
    plan = with_digests(plan, rendered.digests)
    if not request.dry_run:
        await drop_unused(plan, rendered, world)
    return Prepared(
        world, desired, current, layout, rendered, reserved, plan, row, variables, _config_ids(context, request, row)
    )


def _stemcells_changed(row: records.Deployment, desired: Desired) -> bool:
    """Whether none of the stemcells in use stays (bosh: update_deployment.rb)."""
    before = {(one["os"], one["version"]) for one in row.stemcells}
    return not before & {(one.os, one.version) for one in desired.stemcells}


def _config_ids(context: TaskContext, request: DeployRequest, row: records.Deployment) -> tuple[int, ...]:
    kinds = (("cloud", request.cloud_config_ids), ("runtime", request.runtime_config_ids))
    return tuple(one.id for kind, ids in kinds for one in config_rows(context, kind, ids, row))


def _deployment_row(context: TaskContext, request: DeployRequest) -> records.Deployment:
    """The deployment as it is remembered; a new one is remembered from now on, unless nothing may be written."""
    name = context.task.deployment
    row = context.store.deployments.get(name=name)
    if request.dry_run:
        return row or records.Deployment(name)
    if row is None:
        row = context.store.deployments.insert(records.Deployment(name))
    context.store.deployments.update(row.id, desired_manifest=request.manifest)
    return row


def _warn(context: TaskContext, desired: Desired, request: DeployRequest) -> None:
    for text in desired.warnings:
        context.log.notice("warning", text)
    if any(row.ignored for row in context.store.instances.list(deployment=desired.deployment)):
        context.log.notice("warning", "You have ignored instances. They will not be changed.")
    threshold = request.recreate_vms_created_before
    if threshold and _moment(threshold, context.clock.now()) > context.clock.now():
        context.log.notice(
            "warning",
            f"The recreate_vms_created_before timestamp '{threshold}' is in the future. "
            "No VMs will be filtered by age - all VMs marked for recreation will be recreated.",
        )


def _moment(text: str, now: datetime) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


async def _hold_releases(context: TaskContext, row: records.Deployment, desired: Desired) -> None:
    """Mark releases as used before they are, so that nobody deletes them under us; each under its lock, as their deletion is."""
    held = list(row.releases)
    for release in desired.releases:
        entry = {"name": release.name, "version": release.version}
        if entry in held:
            continue
        async with context.control.lock(f"lock:release:{release.name}", timeout_s=RELEASE_LOCK_TIMEOUT_S):
            held.append(entry)
            context.store.deployments.update(row.id, releases=held)


# --- afterwards -----------------------------------------------------------------------------------------------------------------------


async def _remember_success(prepared: Prepared, request: DeployRequest) -> None:
    world, desired = prepared.world, prepared.desired
    with world.store.transaction():
        world.store.deployments.update(
            prepared.row.id,
            manifest=request.manifest,
            releases=[{"name": one.name, "version": one.version} for one in desired.releases],
            stemcells=[{"name": one.name, "os": one.os, "version": one.version} for one in desired.stemcells],
            config_ids=list(prepared.config_ids),
            links=json_copy(prepared.layout.links),
            providers=[provider_json(one) for one in prepared.layout.providers],
            variable_set=world.variable_set,
            tags=dict(desired.tags),
        )
    prepared.variables.keep(world.store)


def provider_json(provider: SharedProvider) -> dict[str, Json]:
    """A provider as it is stored; ``inventory.current.providers_of`` reads it."""
    return {
        "deployment": provider.deployment,
        "group": provider.group,
        "job": provider.job,
        "name": provider.name,
        "type": provider.type,
        "content": json_copy(provider.content),
        "shared": provider.shared,
        "original_name": provider.original_name,
        "aliases": json_copy(provider.aliases),
    }
