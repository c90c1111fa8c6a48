"""Small worlds for tests: what is wanted, what exists, and what exists after a plan was carried out.

Everything has a default, so that a test names only what it is about. ``check_consistent`` refuses what cannot be: a VM without an
agent, two instances at one address, an address in no known subnet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from bosh.manifest.model import (
    Amount,
    Az,
    Catalog,
    CompiledPackage,
    Consume,
    Desired,
    DiskRequest,
    GroupNetwork,
    InstanceGroup,
    Job,
    JobSpec,
    Json,
    LinkSpec,
    Network,
    Package,
    Release,
    StemcellChoice,
    StemcellImage,
    Subnet,
    Update,
    VmRequest,
    WatchTime,
)
from bosh.plan.model import (
    Current,
    CurrentDisk,
    CurrentInstance,
    CurrentVm,
    LaidInstance,
    Layout,
    Plan,
    RenderedHashes,
    Reservation,
    UpdateInstance,
    json_copy,
)

STEMCELL = StemcellChoice(alias="default", os="ubuntu-noble", name="bosh-fake-ubuntu-noble", version="1.2")
WATCH = WatchTime(1000, 30000)


class CountingIds:
    """``00000000-0000-4000-8000-000000000001``, ``…2`` …: ids a person can read in a golden plan."""

    def __init__(self, start: int = 1) -> None:
        self._next = start

    def uuid(self) -> str:
        number, self._next = self._next, self._next + 1
        return f"00000000-0000-4000-8000-{number:012d}"


# --- what is wanted -------------------------------------------------------------------------------------------------------------------


def fingerprint(*parts: str) -> str:
    """A stable stand-in for a content hash."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def package(name: str, *dependencies: str, release: str = "web", version: str = "1", content: str = "") -> Package:
    return Package(
        name=name,
        release=release,
        release_version=version,
        fingerprint=fingerprint("package", name, content or version),
        sha1=f"sha256:{fingerprint('archive', name, version)}",
        blobstore_id=f"blob-{name}-{version}",
        dependencies=dependencies,
    )


def job_spec(
    name: str,
    *,
    release: str = "web",
    version: str = "1",
    packages: Sequence[str] = (),
    properties: Mapping[str, Json] | None = None,
    provides: Iterable[LinkSpec] = (),
    consumes: Iterable[LinkSpec] = (),
) -> JobSpec:
    """A job of a release.

    Args:
        properties: dotted name → default value.
    """
    return JobSpec(
        name=name,
        release=release,
        release_version=version,
        fingerprint=fingerprint("job", name, version),
        sha1=f"sha256:{fingerprint('job archive', name, version)}",
        blobstore_id=f"blob-job-{name}-{version}",
        packages=tuple(packages),
        properties={key: {"default": value} for key, value in (properties or {}).items()},
        provides=tuple(provides),
        consumes=tuple(consumes),
    )


def job(spec: JobSpec | str, consumes: Iterable[Consume] = (), **rest: Any) -> Job:
    """A job on a group; ``rest`` are fields of ``manifest.model.Job``."""
    if isinstance(spec, str):
        spec = job_spec(spec)
    return Job(spec.name, spec.release, spec, consumes={one.link: one for one in consumes}, **rest)


def release(
    name: str = "web", version: str = "1", *, jobs: Iterable[JobSpec] = (), packages: Iterable[Package] = ()
) -> Release:
    return Release(name, version, {one.name: one for one in jobs}, {one.name: one for one in packages})


def update(canaries: str = "1", max_in_flight: str = "1", **rest: Any) -> Update:
    return Update(_amount(canaries), _amount(max_in_flight), WATCH, WATCH, **rest)


def _amount(text: str) -> Amount:
    return Amount(int(text.rstrip("%")), percent=text.endswith("%"))


def spans(*texts: str) -> tuple[tuple[int, int], ...]:
    """``10.0.0.5`` or ``10.0.0.5-10.0.0.9`` as intervals."""
    result = []
    for text in texts:
        low, _, high = text.partition("-")
        result.append((int(ip_address(low.strip())), int(ip_address((high or low).strip()))))
    return tuple(result)


def subnet(
    cidr: str = "10.0.0.0/24",
    *,
    azs: Sequence[str] = (),
    reserved: Sequence[str] = (),
    static: Sequence[str] = (),
    dns: Sequence[str] = ("8.8.8.8",),
    **cloud_properties: Json,
) -> Subnet:
    """A manual subnet whose gateway is its first host."""
    return Subnet(
        range=cidr,
        gateway=str(ip_network(cidr)[1]),
        dns=tuple(dns),
        reserved=spans(*reserved),
        static=spans(*static),
        azs=tuple(azs),
        cloud_properties=cloud_properties,
    )


def network(name: str = "default", *subnets: Subnet, **rest: Any) -> Network:
    return Network(name, subnets=subnets or (subnet(),), **rest)


def vm(name: str = "small", **cloud_properties: Json) -> VmRequest:
    return VmRequest(vm_type=name, cloud_properties=cloud_properties or {"memory_mb": 512})


def disk(size_mb: int, name: str = "", **cloud_properties: Json) -> DiskRequest:
    return DiskRequest(size_mb, cloud_properties, name)


def group(
    name: str = "web",
    instances: int = 1,
    *,
    jobs: Sequence[Job] | None = None,
    networks: Sequence[GroupNetwork | str] = ("default",),
    **rest: Any,
) -> InstanceGroup:
    """An instance group of one job of its own name unless told otherwise."""
    return InstanceGroup(
        name=name,
        instances=instances,
        jobs=tuple([job(name)] if jobs is None else jobs),
        networks=tuple(GroupNetwork(one) if isinstance(one, str) else one for one in networks),
        vm=rest.pop("vm", vm()),
        stemcell=rest.pop("stemcell", STEMCELL),
        update=rest.pop("update", update()),
        **rest,
    )


def desired(
    *groups: InstanceGroup,
    deployment: str = "shop",
    networks: Iterable[Network] = (),
    azs: Iterable[Az | str] = (),
    releases: Iterable[Release] | None = None,
    **rest: Any,
) -> Desired:
    """A deployment. Zones and releases that the groups mention are made up when they are not given."""
    named = [Az(one) if isinstance(one, str) else one for one in azs]
    zones = {one.name: one for one in named}
    for one in groups:
        for az in one.azs:
            zones.setdefault(az, Az(az))
    nets = {one.name: one for one in networks} or {"default": network()}
    return Desired(
        deployment=deployment,
        releases=tuple(_releases(groups) if releases is None else releases),
        stemcells=tuple({one.stemcell: None for one in groups}),
        groups=groups,
        networks=nets,
        azs=zones,
        compilation=rest.pop("compilation", None),
        update=rest.pop("update", update()),
        **rest,
    )


def _releases(groups: Iterable[InstanceGroup]) -> list[Release]:
    specs: dict[str, dict[str, JobSpec]] = {}
    for one in groups:
        for each in one.jobs:
            specs.setdefault(each.release, {})[each.name] = each.spec
    return [
        release(
            name, next(iter(jobs.values())).release_version, jobs=jobs.values(), packages=_packages_of(jobs.values())
        )
        for name, jobs in specs.items()
    ]


def _packages_of(specs: Iterable[JobSpec]) -> list[Package]:
    names = {(name, spec.release, spec.release_version) for spec in specs for name in spec.packages}
    return [package(name, release=of, version=version) for name, of, version in sorted(names)]


# --- what exists ----------------------------------------------------------------------------------------------------------------------


def nothing(deployment: str = "shop", **rest: Any) -> Current:
    """A deployment that never was; ``rest`` are fields of ``Current``."""
    return Current(deployment, exists=False, catalog=rest.pop("catalog", catalog()), **rest)


def catalog(
    *releases: Release, stemcells: Sequence[StemcellChoice] = (STEMCELL,), compiled: Sequence[CompiledPackage] = ()
) -> Catalog:
    images = [StemcellImage(one.name, one.os, one.version, f"stemcell-{one.version}") for one in stemcells]
    return Catalog(releases, tuple(images), tuple(compiled))


def instance(number: int = 1, name: str = "web", **rest: Any) -> CurrentInstance:
    """A running instance; ``rest`` are fields of ``CurrentInstance``, ``ip`` makes its one reservation."""
    ip = rest.pop("ip", f"10.0.0.{number + 1}")
    given_vm = rest.pop("vm", ...)
    machine = current_vm(number) if given_vm is ... else given_vm
    reservations = rest.pop("reservations", (Reservation("default", ip),) if ip else ())
    return CurrentInstance(
        id=rest.pop("id", f"00000000-0000-4000-8000-{number:012d}"),
        group=name,
        index=rest.pop("index", number - 1),
        az=rest.pop("az", ""),
        bootstrap=rest.pop("bootstrap", False),
        state=rest.pop("state", "started"),
        vm=machine,
        reservations=reservations,
        **rest,
    )


def current_vm(number: int = 1, **rest: Any) -> CurrentVm:
    return CurrentVm(
        cid=rest.pop("cid", f"vm-{number}"),
        agent_id=rest.pop("agent_id", f"agent-{number}"),
        cpi=rest.pop("cpi", ""),
        stemcell_name=rest.pop("stemcell_name", STEMCELL.name),
        stemcell_version=rest.pop("stemcell_version", STEMCELL.version),
        cloud_properties=rest.pop("cloud_properties", {"memory_mb": 512}),
        env=rest.pop("env", {}),
        network_settings=rest.pop("network_settings", {}),
        job_state=rest.pop("job_state", "running"),
        **rest,
    )


def current(*instances: CurrentInstance, deployment: str = "shop", **rest: Any) -> Current:
    """A deployment that exists, checked for sense."""
    world = Current(deployment, exists=True, catalog=rest.pop("catalog", catalog()), instances=instances, **rest)
    check_consistent(world)
    return world


def check_consistent(world: Current, networks: Mapping[str, Network] | None = None) -> None:
    """Refuse a world that cannot be.

    Raises:
        ValueError: with every contradiction.
    """
    faults = [*_contradictions(world), *(_lost_addresses(world, networks) if networks else ())]
    if faults:
        raise ValueError("this world cannot be:\n" + "\n".join(f"  {fault}" for fault in faults))


def _contradictions(world: Current) -> list[str]:
    faults = []
    owners: dict[str, str] = dict(world.taken_addresses)
    numbers: dict[tuple[str, int], str] = {}
    for one in world.instances:
        name = f"{one.group}/{one.id}"
        if (other := numbers.setdefault((one.group, one.index), name)) != name:
            faults.append(f"{name} and {other} both have index {one.index}")
        if one.vm and not (one.vm.agent_id and one.vm.cid):
            faults.append(f"{name} has a VM without {'an agent' if one.vm.cid else 'a CID'}")
        if one.vm and one.vm.responsive and one.vm.job_state == "running" and one.state == "detached":
            faults.append(f"{name} is detached and runs")
        if sum(disk.active and not disk.name for disk in one.disks) > 1:
            faults.append(f"{name} has several unnamed active disks")
        faults += [
            f"{held.ip} belongs to {name} and to {other}"
            for held in one.reservations
            if held.ip and (other := owners.setdefault(held.ip, name)) != name
        ]
    return faults


def _lost_addresses(world: Current, networks: Mapping[str, Network]) -> list[str]:
    ranges = [ip_network(subnet.range) for net in networks.values() for subnet in net.subnets if subnet.range]
    return [
        f"{one.group}/{one.id} has {held.ip}, which lies in no subnet"
        for one in world.instances
        for held in one.reservations
        if held.ip and held.kind in ("static", "automatic") and not any(ip_address(held.ip) in net for net in ranges)
    ]


# --- what exists afterwards -----------------------------------------------------------------------------------------------------------


def rendered(layout: Layout) -> dict[str, RenderedHashes]:
    """Hashes that change when anything a template sees changes: properties, links, networks."""
    return {one.id: _hashes(one) for one in layout.instances}


def _hashes(one: LaidInstance) -> RenderedHashes:
    templates = {job.name: _digest([job.fingerprint, job.properties, job.links]) for job in one.jobs}
    whole = _digest([templates, one.network_settings, one.bootstrap, one.index, one.address])
    return RenderedHashes(
        one.id, whole, archive_sha1=whole, archive_blobstore_id=f"rendered-{whole[:8]}", template_hashes=templates
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(json_copy(value), sort_keys=True).encode()).hexdigest()


def carried_out(plan: Plan, layout: Layout, before: Current) -> Current:
    """What exists after the plan was carried out without a fault."""
    known = {one.id: one for one in before.instances}
    for deletion in (*plan.deletions, *(one for each in plan.groups for one in each.deletions)):
        del known[deletion.instance.id]
    for errand in plan.errands:
        laid = errand.instance
        old = known.get(laid.id)
        known[laid.id] = replace(_settled(laid, old, old.vm if old else None), spec=errand.spec)
    for step in (one for each in plan.groups for batch in each.batches for one in batch.steps):
        known[step.instance.id] = _updated(step)
    compiled = tuple(
        CompiledPackage(
            step.package.fingerprint,
            step.dependency_key,
            step.stemcell.os,
            step.stemcell.version,
            f"sha256:{fingerprint('compiled', *map(str, step.id))}",
            f"compiled-{step.package.name}",
        )
        for step in plan.compilations
    )
    world = replace(
        before,
        exists=True,
        instances=tuple(known.values()),
        catalog=replace(before.catalog, compiled=before.catalog.compiled + compiled),
        dns_ids=layout.dns_ids,
    )
    check_consistent(world)
    return world


def _updated(step: UpdateInstance) -> CurrentInstance:
    laid, old = step.instance, step.current
    if step.method in ("stop", "detach") and old is not None:
        machine = (old.vm or _machine(laid)) if step.method == "stop" else None
        return replace(old, state=laid.state, dirty=False, vm=machine and replace(machine, job_state="stopped"))
    fresh = step.method == "recreate" or old is None or old.vm is None
    machine = _machine(laid) if fresh else replace(old.vm, job_state="running", network_settings=laid.network_settings)  # type: ignore[union-attr, type-var]
    made = tuple(
        CurrentDisk(f"disk-{laid.id[-4:]}-{one.name or one.size_mb}", one.size_mb, one.cloud_properties, one.name)
        for one in step.create_disks
    )
    return replace(_settled(laid, old, machine), spec=step.spec, disks=(*step.keep_disks, *made))


def _settled(laid: LaidInstance, old: CurrentInstance | None, machine: CurrentVm | None) -> CurrentInstance:
    return CurrentInstance(
        id=laid.id,
        group=laid.group,
        index=laid.index,
        az=laid.az,
        bootstrap=laid.bootstrap,
        state=laid.state,
        vm=machine,
        disks=old.disks if old else (),
        reservations=laid.reservations,
        lifecycle=laid.lifecycle,
        tags=dict(laid.tags),
    )


def _machine(laid: LaidInstance) -> CurrentVm:
    return CurrentVm(
        cid=f"vm-{laid.id[-4:]}",
        agent_id=f"agent-{laid.id[-4:]}",
        cpi=laid.cpi,
        stemcell_name=laid.stemcell.name,
        stemcell_version=laid.stemcell.version,
        cloud_properties=laid.cloud_properties,
        env=laid.env,
        network_settings=laid.network_settings,
        created_at="2026-01-02T03:04:05Z",
        job_state="running" if laid.state == "started" else "stopped",
    )
