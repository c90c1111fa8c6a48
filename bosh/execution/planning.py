"""What every plan is made of, shared by deploys and errands: the manifest understood, instances placed, templates rendered, the plan checked.

Each stage is one function over values; ``place`` alone writes something, the reservations, and those can be given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bosh.director.tasks.contract import TaskContext
from bosh.execution.archives import keep_archives
from bosh.execution.deployment_variables import DeploymentVariables, open_variables
from bosh.execution.rendering import (
    RENDERED_FROM,
    InstanceRenderer,
    Rendered,
    TemplateCache,
    drop_archives,
)
from bosh.execution.request import DeployRequest, asked_states, options_of
from bosh.execution.reserve import Reserved, reserve
from bosh.execution.steps.apply_spec import fingerprints
from bosh.execution.world import Respec, World
from bosh.inventory import read_current
from bosh.manifest.configs import ConfigText
from bosh.manifest.model import Catalog, Desired, Json
from bosh.manifest.parse import ParseOptions, parse
from bosh.plan.apply_spec import Specs
from bosh.plan.check import check
from bosh.plan.compilation import CompiledIndex
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, GroupUpdate, LaidInstance, Layout, Options, Plan, UpdateInstance
from bosh.render.renderer import Renderer
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.variables.service import Variables
from bosh.wire.errors import SystemFailure

_LAYOUT_TRIES = 5

TEMPLATES = TemplateCache()
"""Kept from task to task by one worker."""


class UnsoundPlan(SystemFailure):
    """The plan breaks a rule of ours; nothing was done."""


def variables_of(context: TaskContext, row: records.Deployment, request: DeployRequest) -> DeploymentVariables:
    return open_variables(
        context.store,
        Variables(context.store, context.clock, director=context.config.name, dry_run=request.dry_run),
        deployment=context.task.deployment,
        last_set=row.variable_set,
        new_set=request.deploy or request.force_latest_variables or not row.variable_set,
    )


def parse_manifest(
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


def as_deployed(catalog: Catalog, row: records.Deployment) -> Catalog:
    """The catalog with only what the last success used: ``version: latest`` means then what it meant when the manifest was deployed.

    A deploy that failed since may hold newer releases as well; they come later in the list.
    """
    used = {one["name"]: str(one["version"]) for one in reversed(row.releases)}
    # Clouds have images of their own, under other names, for one OS and version.
    images = {(one["os"], str(one["version"])) for one in row.stemcells}
    return replace(
        catalog,
        releases=tuple(one for one in catalog.releases if used.get(one.name, one.version) == one.version),
        stemcells=tuple(one for one in catalog.stemcells if not images or (one.os, one.version) in images),
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


async def place(world: World, request: DeployRequest, task_id: int) -> tuple[Current, Layout, Options, Reserved]:
    """Lay out and reserve; again when another deployment took the same address or number meanwhile.

    Raises:
        SystemFailure: others were quicker each time.
    """
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
        if request.errands:
            layout = _only(layout, request.errands)
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


def _only(layout: Layout, groups: frozenset[str]) -> Layout:
    """Instances of these groups alone; all others are left as they are."""
    return replace(layout, instances=tuple(one for one in layout.instances if one.group in groups), obsolete=())


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


def renderer_for(world: World, layout: Layout, renderer: Renderer) -> InstanceRenderer:
    return InstanceRenderer(
        renderer,
        world.blobs,
        deployment=world.deployment,
        resolve=world.resolve,
        dns_ids=layout.dns_ids,
        templates=TEMPLATES,
    )


def refuse_unsound(plan: Plan, layout: Layout, current: Current, options: Options) -> None:
    findings = check(plan, layout, current, options=options)
    if findings:
        raise UnsoundPlan(
            "cannot carry out the plan: it breaks rules of its own",
            details="\n".join(findings),
            resolution="This is a fault of the director, not of the manifest; nothing was changed.",
        )


def with_digests(plan: Plan, digests: Mapping[str, str]) -> Plan:
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


async def drop_unused(plan: Plan, rendered: Rendered, world: World) -> None:
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


def respec_of(world: World, rendering: InstanceRenderer) -> Respec:
    """Renders an instance of a dynamic network again, once its addresses are known."""
    assert world.desired is not None
    index = CompiledIndex(world.catalog.compiled, world.desired.exported_from)
    specs = Specs(world.deployment, world.desired.releases, index)

    async def respec(instance: LaidInstance, spec: Mapping[str, Json]) -> Mapping[str, Json]:
        settled = replace(instance, network_settings=spec["networks"], ip=_default_ip(spec["networks"]) or instance.ip)
        again = await rendering.render_all([settled], {})
        await keep_archives(world, again)
        fresh = specs.build(settled, again.hashes[instance.id])
        return {**fresh, "packages": spec["packages"], RENDERED_FROM: again.digests[instance.id]}

    return respec


def _default_ip(networks: Mapping[str, Json]) -> str:
    for kind in ("addressable", "gateway"):
        for network in networks.values():
            if kind in (network.get("default") or ()) and network.get("ip"):
                return str(network["ip"])
    return ""
