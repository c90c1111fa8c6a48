"""What must be true of every plan. A finding is a fault of ours, never of the operator; execution refuses a plan that has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

from bosh.plan.apply_spec import fingerprint_of, unfilled
from bosh.plan.model import Current, CurrentInstance, GroupUpdate, Layout, Options, Plan, UpdateInstance
from bosh.plan.update_order import update_with

_NO_OPTIONS = Options()


def check(plan: Plan, layout: Layout, current: Current, *, options: Options = _NO_OPTIONS) -> list[str]:
    """Every invariant the plan breaks, as sentences; empty when it is sound.

    Args:
        options: those it was made with.
    """
    return [
        *_identities(layout),
        *_addresses(layout, current),
        *_everyone_once(plan, layout, current),
        *_machines(plan),
        *_disks(plan),
        *_compile_order(plan),
        *_packages(plan),
        *_pace(plan, options),
    ]


def _steps(plan: Plan) -> Iterator[UpdateInstance]:
    for group in plan.groups:
        for batch in group.batches:
            yield from batch.steps


def _deleted(plan: Plan) -> Iterator[CurrentInstance]:
    yield from (one.instance for one in plan.deletions)
    for group in plan.groups:
        yield from (one.instance for one in group.deletions)


def _identities(layout: Layout) -> Iterator[str]:
    for key, count in Counter(one.id for one in layout.instances).items():
        if count > 1:
            yield f"instance id {key} is given {count} times"
    for (group, index), count in Counter((one.group, one.index) for one in layout.instances).items():
        if count > 1:
            yield f"index {index} of instance group {group} is given {count} times"
    bootstraps = Counter(one.group for one in layout.instances if one.bootstrap)
    for group in dict.fromkeys(one.group for one in layout.instances):
        if bootstraps[group] != 1:
            yield f"instance group {group} has {bootstraps[group]} bootstrap instances"


def _addresses(layout: Layout, current: Current) -> Iterator[str]:
    owners = dict(current.taken_addresses)
    for one in layout.instances:
        for held in one.reservations:
            if held.ip and held.kind != "dynamic" and (other := owners.setdefault(held.ip, one.name)) != one.name:
                yield f"{held.ip} is given to {one.name} and belongs to {other}"
        for network, settings in one.network_settings.items():
            if settings["type"] == "manual" and (reason := _outside(settings)):
                yield f"{one.name} on network {network}: {reason}"


def _outside(settings: dict[str, str]) -> str:
    gateway = settings.get("gateway")
    if gateway is None:
        return ""
    if settings["ip"] == gateway:
        return f"{gateway} is the gateway"
    prefix = bin(int(ip_address(settings["netmask"]))).count("1")
    if ip_address(settings["ip"]) not in ip_interface(f"{gateway}/{prefix}").network:
        return f"{settings['ip']} is outside the subnet of gateway {gateway}"
    return ""


def _everyone_once(plan: Plan, layout: Layout, current: Current) -> Iterator[str]:
    kept = {one.id for one in layout.instances}
    deleted = Counter(one.id for one in _deleted(plan))
    updated = Counter(step.instance.id for step in _steps(plan))
    for one in current.instances:
        name = f"{one.group}/{one.id}"
        if (one.id in kept) + deleted[one.id] != 1:
            yield f"{name} is kept {int(one.id in kept)} times and deleted {deleted[one.id]} times"
        if one.ignored and (deleted[one.id] or updated[one.id]):
            yield f"{name} is ignored and would be touched"
    for key, count in updated.items():
        if count > 1 or key not in kept:
            yield f"instance {key} is updated {count} times{'' if key in kept else ' though nobody wants it'}"


def _machines(plan: Plan) -> Iterator[str]:
    created = Counter(one.instance.id for one in plan.missing_vms)
    steps = {step.instance.id: step for step in _steps(plan)}
    for key, count in created.items():
        if count > 1:
            yield f"instance {key} gets {count} VMs"
        if key not in steps:
            yield f"instance {key} gets a VM but no update"
    for key, step in steps.items():
        has_vm = step.current is not None and step.current.vm is not None
        if has_vm and key in created:
            yield f"{step.instance.name} has a VM and gets another"
        if not has_vm and key not in created and step.method != "detach":
            yield f"{step.instance.name} has no VM to {step.method}"


def _disks(plan: Plan) -> Iterator[str]:
    for step in _steps(plan):
        before = {disk.cid for disk in step.current.disks if disk.active} if step.current else set()
        named = Counter(disk.cid for disk in (*step.keep_disks, *step.orphan_disks))
        for cid in before - set(named):
            yield f"{step.instance.name}: nobody says what becomes of disk {cid}"
        for cid, count in named.items():
            if count > 1 or cid not in before:
                yield f"{step.instance.name}: disk {cid} is named {count} times{'' if cid in before else ' and is not its own'}"
        names = [disk.name for disk in step.keep_disks] + [disk.name for disk in step.create_disks]
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{step.instance.name}: {count} disks would be called '{name}'"


def _compile_order(plan: Plan) -> Iterator[str]:
    done = set()
    for step in plan.compilations:
        for earlier in step.after:
            if earlier not in done:
                yield f"package {step.package.name} is compiled before package {earlier[0]} on which it depends"
        if step.id in done:
            yield f"package {step.package.name} is compiled twice for {step.stemcell.os}/{step.stemcell.version}"
        done.add(step.id)


def _packages(plan: Plan) -> Iterator[str]:
    compiled = {(step.package.fingerprint, f"{step.stemcell.os}/{step.stemcell.version}") for step in plan.compilations}
    for step in _steps(plan):
        stemcell = step.instance.stemcell
        for name in unfilled(step.spec):
            fingerprint = fingerprint_of(step.spec["packages"][name]["version"])
            if (fingerprint, f"{stemcell.os}/{stemcell.version}") not in compiled:
                yield f"{step.instance.name} needs package {name}, which nobody compiles"


def _pace(plan: Plan, options: Options) -> Iterator[str]:
    for group in plan.groups:
        zones = list(dict.fromkeys(batch.az for batch in group.batches))
        for position, batch in enumerate(group.batches):
            if not batch.steps:
                yield f"instance group {group.group} has an empty batch"
                continue
            if batch.canary and (position or batch.az != zones[0]):
                yield f"instance group {group.group} has canaries after others were updated"
            update = update_with(batch.steps[0].instance.update, options)
            most = update.max_in_flight.of(_in_zone(group, batch.az), least=1)
            if not 1 <= batch.in_flight <= most:
                yield f"instance group {group.group} updates {batch.in_flight} at once in zone '{batch.az}', at most {most} allowed"


def _in_zone(group: GroupUpdate, az: str) -> int:
    return sum(len(batch.steps) for batch in group.batches if batch.az == az)
