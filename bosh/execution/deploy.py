"""A whole deploy, from a manifest's text to what it asks for: each stage one small function (bosh: jobs/update_deployment.rb).

    parse ─ variables ─ read what exists ─ lay out ─ reserve ─ render ─ decide ─ check ─ run ─ remember

``prepare`` ends with a plan and has changed nothing but reservations (in a dry run not even those); ``carry_out`` acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deployment_variables import DeploymentVariables, open_variables
from bosh.execution.events import recorded
from bosh.execution.rendering import (
    RENDERED_FROM,
    InstanceRenderer,
    Rendered,
    TemplateCache,
    drop_archives,
    store_archives,
)
from bosh.execution.request import DeployRequest, asked_states, options_of
from bosh.execution.reserve import Reserved, give_back, reserve
from bosh.execution.run import run
from bosh.execution.steps.apply_spec import fingerprints
from bosh.execution.world import Respec, World, world_of
from bosh.inventory import read_catalog, read_current
from bosh.manifest.configs import ConfigText
from bosh.manifest.model import Catalog, Desired, Json
from bosh.manifest.parse import ParseOptions, parse
from bosh.plan.apply_spec import Specs
from bosh.plan.check import check
from bosh.plan.compilation import CompiledIndex
from bosh.plan.decide import decide
from bosh.plan.describe import describe
from bosh.plan.layout import lay_out
from bosh.plan.model import (
    Current,
    GroupUpdate,
    LaidInstance,
    Layout,
    Options,
    Plan,
    SharedProvider,
    UpdateInstance,
    json_copy,
)
from bosh.render.renderer import Renderer
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.variables.service import Variables
from bosh.wire.errors import SystemFailure

DEPLOYMENT_LOCK_TIMEOUT_S = 10.0
RELEASE_LOCK_TIMEOUT_S = 300.0
_LAYOUT_TRIES = 5

TEMPLATES = TemplateCache()
"""Kept from task to task by one worker."""


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


class UnsoundPlan(SystemFailure):
    """The plan breaks a rule of ours; nothing was done."""


async def deploy(context: TaskContext, request: DeployRequest, renderer: Renderer) -> str:
    """Deploy; the task's result ``/deployments/NAME``.

    Raises:
        ManifestFaults: everything wrong with the manifest and configs.
        RenderingFailed: everything wrong with the templates.
        BoshError: the first step that failed.
    """
    name = context.task.deployment
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
        if request.dry_run:
            await _dry_run(context, request, renderer)
        else:
            await _deploy(context, request, renderer)
    return f"/deployments/{name}"


async def _dry_run(context: TaskContext, request: DeployRequest, renderer: Renderer) -> None:
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
        prepared = await _prepare(context, request, renderer)
        text = describe(prepared.plan, prepared.layout)
        context.log.debug(text)
        await run(prepared.plan, prepared.layout, prepared.world)
        await _remember_success(prepared, request)
        event.context = {"before": _used(before), "after": _used(context.store.deployments.get(name=name))}


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
        variables = _variables(context, row, request)
        desired = _parse(context, request, catalog, variables, row)
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
        current, layout, options, reserved = await _placed(world, request, context.task.id)
    rendering, rendered = _renderer(world, layout, renderer), Rendered()
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
            await store_archives(rendered, context.blobs)
        plan = decide(desired, current, layout, rendered.hashes, options=options)
        _refuse_unsound(plan, layout, current, options)
    except BaseException:
        if not request.dry_run:
            give_back(world, reserved)
            await drop_archives(rendered, world.blobs)
        raise
    world = replace(world, respec=_respec(world, rendering))
    plan = _with_digests(plan, rendered.digests)
    if not request.dry_run:
        await _drop_unused(plan, rendered, world)
    return Prepared(world, desired, current, layout, rendered, reserved, plan, row, variables)


def _variables(context: TaskContext, row: records.Deployment, request: DeployRequest) -> DeploymentVariables:
    return open_variables(
        context.store,
        Variables(context.store, context.clock, director=context.config.name, dry_run=request.dry_run),
        deployment=context.task.deployment,
        last_set=row.variable_set,
        new_set=request.deploy or request.force_latest_variables or not row.variable_set,
    )


def _stemcells_changed(row: records.Deployment, desired: Desired) -> bool:
    """Whether none of the stemcells in use stays (bosh: update_deployment.rb)."""
    before = {(one["os"], one["version"]) for one in row.stemcells}
    return not before & {(one.os, one.version) for one in desired.stemcells}


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


def _parse(
    context: TaskContext,
    request: DeployRequest,
    catalog: Catalog,
    variables: DeploymentVariables,
    row: records.Deployment,
) -> Desired:
    cpis = _texts(context, "cpi", None, row)
    return parse(
        request.manifest,
        cloud_configs=_texts(context, "cloud", request.cloud_config_ids, row),
        runtime_configs=_texts(context, "runtime", request.runtime_config_ids, row),
        cpi_config=cpis[0] if cpis else None,
        catalog=catalog,
        director_name=context.config.name,
        options=ParseOptions(
            canaries=request.canaries,
            max_in_flight=request.max_in_flight,
            teams=tuple(row.teams),
            lookup=variables.lookup,
        ),
    )


def config_rows(
    context: TaskContext, kind: str, ids: tuple[int, ...] | None, row: records.Deployment
) -> list[records.Config]:
    """The configs of a kind: those named, else the newest that this deployment's teams may use."""
    from bosh.director.config_sets import for_teams

    if ids is None:
        return for_teams(context.store, kind, row.teams)
    return list(context.store.configs.list(id=list(ids))) if ids else []


def _texts(context: TaskContext, kind: str, ids: tuple[int, ...] | None, row: records.Deployment) -> list[ConfigText]:
    return [ConfigText(one.name, one.content, kind) for one in config_rows(context, kind, ids, row)]


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


async def _placed(world: World, request: DeployRequest, task_id: int) -> tuple[Current, Layout, Options, Reserved]:
    """Lay out and reserve; again when another deployment took the same address or number meanwhile."""
    assert world.desired is not None
    for _attempt in range(_LAYOUT_TRIES):
        current = await read_current(
            world.store,
            world.agents,
            deployment=world.deployment,
            catalog=world.catalog,
            answer_timeout_s=world.config.agent_answer_timeout_s,
        )
        options = _options(world, request, current)
        layout = lay_out(world.desired, current, options=options, ids=world.ids)
        layout = await _with_vm_resources(world, layout)
        if request.dry_run:
            return current, layout, options, Reserved((), ())
        try:
            return current, layout, options, reserve(world, layout, current, task_id=task_id)
        except Conflict as error:
            world.debug(f"laying out once more: {error}")
    raise SystemFailure(
        "cannot reserve addresses: other deployments take them at the same time",
        resolution="Deploy again.",
    )


def _options(world: World, request: DeployRequest, current: Current) -> Options:
    return options_of(
        request,
        asked_states(request.job_states, current.instances),
        director_name=world.config.name,
        dns_domain=world.config.dns_domain,
        use_dns_addresses=world.config.use_dns_addresses,
        settings=fingerprints(world),
    )


async def _with_vm_resources(world: World, layout: Layout) -> Layout:
    """Let each cloud say what ``vm_resources`` mean there."""
    known: dict[str, Mapping[str, Json]] = {}
    instances = []
    for instance in layout.instances:
        if instance.vm.vm_resources:
            key = f"{instance.cpi}:{sorted(instance.vm.vm_resources.items())}"
            if key not in known:
                cloud = world.cloud(instance.cpi)
                known[key] = await cloud.call("calculate_vm_cloud_properties", dict(instance.vm.vm_resources))
            instances.append(_sized(world, instance, known[key]))
        else:
            instances.append(instance)
    return replace(layout, instances=tuple(instances))


def _sized(world: World, instance: LaidInstance, sizes: Mapping[str, Json]) -> LaidInstance:
    az = world.desired.azs.get(instance.az) if world.desired else None
    below = az.cloud_properties if az else {}
    return replace(instance, cloud_properties={**below, **sizes, **instance.vm.cloud_properties})


def _renderer(world: World, layout: Layout, renderer: Renderer) -> InstanceRenderer:
    return InstanceRenderer(
        renderer,
        world.blobs,
        deployment=world.deployment,
        resolve=world.resolve,
        dns_ids=layout.dns_ids,
        templates=TEMPLATES,
    )


def _refuse_unsound(plan: Plan, layout: Layout, current: Current, options: Options) -> None:
    findings = check(plan, layout, current, options=options)
    if findings:
        raise UnsoundPlan(
            "cannot carry out the plan: it breaks rules of its own",
            details="\n".join(findings),
            resolution="This is a fault of the director, not of the manifest; nothing was changed.",
        )


def _with_digests(plan: Plan, digests: Mapping[str, str]) -> Plan:
    """Specs with what they were rendered from, so that the next deploy can tell."""

    def spec(step: UpdateInstance) -> UpdateInstance:
        return replace(step, spec={**step.spec, RENDERED_FROM: digests[step.instance.id]})

    def group(update: GroupUpdate) -> GroupUpdate:
        batches = tuple(replace(batch, steps=tuple(map(spec, batch.steps))) for batch in update.batches)
        return replace(update, batches=batches)

    errands = tuple(
        replace(step, spec={**step.spec, RENDERED_FROM: digests[step.instance.id]}) for step in plan.errands
    )
    refreshed = tuple(
        replace(step, spec={**step.spec, RENDERED_FROM: digests[step.instance_id]}) for step in plan.refreshed
    )
    return replace(plan, groups=tuple(map(group, plan.groups)), errands=errands, refreshed=refreshed)


async def _drop_unused(plan: Plan, rendered: Rendered, world: World) -> None:
    """Archives rendered for instances that are left as they are: the same content is stored already."""
    used = {step.instance.id for group in plan.groups for batch in group.batches for step in batch.steps}
    used |= {step.instance.id for step in plan.errands}
    unused = {key: content for key, content in rendered.archives.items() if key not in used}
    for instance_id in unused:
        _adopt_digest(world, instance_id, rendered)
    await drop_archives(Rendered(rendered.hashes, unused, {}), world.blobs)


def _adopt_digest(world: World, instance_id: str, rendered: Rendered) -> None:
    """What templates see has changed but not what comes out: note it, so that it is not rendered each time."""
    row = world.store.instances.get(uuid=instance_id)
    if row is not None and row.spec.get("configuration_hash") == rendered.hashes[instance_id].configuration_hash:
        world.store.instances.update(row.id, spec={**row.spec, RENDERED_FROM: rendered.digests[instance_id]})


def _respec(world: World, rendering: InstanceRenderer) -> Respec:
    """Renders an instance of a dynamic network again, once its addresses are known."""
    assert world.desired is not None
    index = CompiledIndex(world.catalog.compiled, world.desired.exported_from)
    specs = Specs(world.deployment, world.desired.releases, index)

    async def respec(instance: LaidInstance, spec: Mapping[str, Json]) -> Mapping[str, Json]:
        settled = replace(instance, network_settings=spec["networks"], ip=_default_ip(spec["networks"]) or instance.ip)
        again = await rendering.render_all([settled], {})
        await store_archives(again, world.blobs)
        fresh = specs.build(settled, again.hashes[instance.id])
        return {**fresh, "packages": spec["packages"], RENDERED_FROM: again.digests[instance.id]}

    return respec


def _default_ip(networks: Mapping[str, Json]) -> str:
    for kind in ("addressable", "gateway"):
        for network in networks.values():
            if kind in (network.get("default") or ()) and network.get("ip"):
                return str(network["ip"])
    return ""


# --- afterwards -----------------------------------------------------------------------------------------------------------------------


async def _remember_success(prepared: Prepared, request: DeployRequest) -> None:
    world, desired = prepared.world, prepared.desired
    context_ids = [*(request.cloud_config_ids or ()), *(request.runtime_config_ids or ())]
    with world.store.transaction():
        world.store.deployments.update(
            prepared.row.id,
            manifest=request.manifest,
            releases=[{"name": one.name, "version": one.version} for one in desired.releases],
            stemcells=[{"name": one.name, "os": one.os, "version": one.version} for one in desired.stemcells],
            config_ids=context_ids,
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
