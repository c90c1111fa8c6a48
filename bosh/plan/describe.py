"""A plan for people (``--dry-run``, the task log) and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bosh.manifest.model import Json
from bosh.plan.model import (
    Batch,
    CompilePackage,
    CurrentInstance,
    DeleteInstance,
    GroupUpdate,
    LaidInstance,
    Layout,
    Plan,
    UpdateInstance,
)

_METHODS = {
    "in_place": "update",
    "recreate": "recreate VM",
    "metadata": "update records",
    "start": "start",
    "stop": "stop",
    "detach": "stop and delete VM",
}
_SHORT = 8


def describe(plan: Plan, layout: Layout) -> str:
    """The whole plan as text: stage by stage, one line per instance with its reason, totals, and what was left alone and why."""
    lines = [f"Plan for deployment '{plan.deployment}'"]
    for title, body in _stages(plan):
        lines += ["", title, *(f"  {line}" for line in body)]
    lines += ["", _totals_line(plan, layout)]
    if plan.notes:
        lines += ["", "Left alone:", *(f"  {note}" for note in plan.notes)]
    return "\n".join(lines) + "\n"


def _stages(plan: Plan) -> Iterator[tuple[str, Iterable[str]]]:
    if plan.compilations:
        yield "Compile packages", map(_compilation, plan.compilations)
    if plan.deletions:
        yield "Delete instances of groups that are gone", map(_deletion, plan.deletions)
    if plan.missing_vms:
        yield (
            "Create missing VMs",
            [f"{one.instance.label}{_place(one.instance)}: {one.reason}" for one in plan.missing_vms],
        )
    for position, group in enumerate(plan.groups):
        beside = position and plan.groups[position - 1].parallel_with_next
        yield f"Update instance group '{group.group}'{' at the same time' if beside else ''}", _group(group)
    if plan.errands:
        yield "Remember errands", [f"{one.instance.label}" for one in plan.errands]


def _compilation(step: CompilePackage) -> str:
    package = step.package
    return f"{package.release}/{package.name} ({package.fingerprint[:_SHORT]}): {step.reason}"


def _deletion(step: DeleteInstance) -> str:
    disks = ", ".join(f"{disk.cid} ({disk.size_mb} MiB)" for disk in step.instance.disks)
    return f"delete {_label(step.instance)}: {step.reason}" + (f"; orphan {disks}" if disks else "")


def _label(one: CurrentInstance) -> str:
    return f"{one.group}/{one.id} ({one.index})"


def _place(one: LaidInstance) -> str:
    az = f" in {one.az}" if one.az else ""
    addresses = ", ".join(held.ip for held in one.reservations if held.ip)
    return f"{az} at {addresses}" if addresses else az


def _group(group: GroupUpdate) -> Iterator[str]:
    if group.deletions:
        yield from map(_deletion, group.deletions)
    for batch in group.batches:
        yield _batch(batch)
        for step in batch.steps:
            yield f"  {_update(step)}"


def _batch(batch: Batch) -> str:
    who = "canaries" if batch.canary else "instances"
    where = f" in {batch.az}" if batch.az else ""
    return f"{who}{where}, {batch.in_flight} at a time:"


def _update(step: UpdateInstance) -> str:
    text = f"{_METHODS[step.method]} {step.instance.label}: {step.reason}"
    return text + "".join(f"; {part}" for part in _disks(step)) + ("; without drain" if step.skip_drain else "")


def _disks(step: UpdateInstance) -> Iterator[str]:
    for disk in step.create_disks:
        yield f"create disk of {disk.size_mb} MiB{f' for {disk.name}' if disk.name else ''}"
    if step.orphan_disks:
        moved = {disk.name for disk in step.create_disks}
        for old in step.orphan_disks:
            yield f"{'move content of and orphan' if old.name in moved else 'orphan'} {old.cid}"
    if step.keep_disks and step.method == "recreate":
        yield f"keep {', '.join(disk.cid for disk in step.keep_disks)}"


# --- totals ---------------------------------------------------------------------------------------------------------------------------


def totals(plan: Plan) -> dict[str, int]:
    """How many of each kind of step."""
    steps = [step for group in plan.groups for batch in group.batches for step in batch.steps]
    return {
        "compile": len(plan.compilations),
        "create": len(plan.missing_vms),
        "update": sum(step.method in ("in_place", "metadata") for step in steps)
        - sum(step.method == "in_place" and _is_fresh(step) for step in steps),
        "recreate": sum(step.method == "recreate" for step in steps),
        "start": sum(step.method == "start" for step in steps),
        "stop": sum(step.method in ("stop", "detach") for step in steps),
        "delete": len(plan.deletions) + sum(len(group.deletions) for group in plan.groups),
        "create_disks": sum(len(step.create_disks) for step in steps),
        "orphan_disks": sum(len(step.orphan_disks) for step in steps),
    }


def _is_fresh(step: UpdateInstance) -> bool:
    return step.current is None or step.current.vm is None


_TOTALS = {
    "compile": "{} to compile",
    "create": "{} to create",
    "update": "{} to update",
    "recreate": "{} to recreate",
    "start": "{} to start",
    "stop": "{} to stop",
    "delete": "{} to delete",
    "create_disks": "disks: {} to create",
    "orphan_disks": "disks: {} to orphan",
}


def _totals_line(plan: Plan, layout: Layout) -> str:
    wanted = f"{len(layout.instances)} instance{'' if len(layout.instances) == 1 else 's'} wanted"
    if plan.empty:
        return f"Nothing to do: {wanted}, all as they should be."
    counts = totals(plan)
    parts = [text.format(counts[key]) for key, text in _TOTALS.items() if counts[key]]
    return f"Total: {wanted}; {', '.join(parts)}."


# --- for machines ---------------------------------------------------------------------------------------------------------------------


def to_json(plan: Plan) -> dict[str, Json]:
    """The plan in plain dicts and lists; specs are left out, they hold what a template sees."""
    return {
        "deployment": plan.deployment,
        "empty": plan.empty,
        "compilations": [_compilation_json(step) for step in plan.compilations],
        "deletions": [_deletion_json(step) for step in plan.deletions],
        "missing_vms": [{**_instance_json(step.instance), "reason": step.reason} for step in plan.missing_vms],
        "groups": [_group_json(group) for group in plan.groups],
        "errands": [_instance_json(step.instance) for step in plan.errands],
        "totals": totals(plan),
        "notes": list(plan.notes),
    }


def _compilation_json(step: CompilePackage) -> dict[str, Json]:
    return {
        "package": step.package.name,
        "release": f"{step.package.release}/{step.package.release_version}",
        "fingerprint": step.package.fingerprint,
        "stemcell": f"{step.stemcell.os}/{step.stemcell.version}",
        "after": [earlier[0] for earlier in step.after],
        "reason": step.reason,
    }


def _deletion_json(step: DeleteInstance) -> dict[str, Json]:
    one = step.instance
    return {
        "group": one.group,
        "id": one.id,
        "index": one.index,
        "az": one.az,
        "orphan_disks": [disk.cid for disk in one.disks],
        "reason": step.reason,
    }


def _instance_json(one: LaidInstance) -> dict[str, Json]:
    addresses = [held.ip for held in one.reservations if held.ip]
    return {"group": one.group, "id": one.id, "index": one.index, "az": one.az, "ips": addresses}


def _group_json(group: GroupUpdate) -> dict[str, Json]:
    return {
        "group": group.group,
        "parallel_with_next": group.parallel_with_next,
        "deletions": [_deletion_json(step) for step in group.deletions],
        "batches": [
            {
                "az": batch.az,
                "canary": batch.canary,
                "in_flight": batch.in_flight,
                "steps": [_update_json(step) for step in batch.steps],
            }
            for batch in group.batches
        ],
    }


def _update_json(step: UpdateInstance) -> dict[str, Json]:
    return {
        **_instance_json(step.instance),
        "method": step.method,
        "state": step.instance.state,
        "changes": [{"kind": change.kind, "reason": change.reason} for change in step.changes],
        "skip_drain": step.skip_drain,
        "create_disks": [{"name": disk.name, "size_mb": disk.size_mb} for disk in step.create_disks],
        "keep_disks": [disk.cid for disk in step.keep_disks],
        "orphan_disks": [disk.cid for disk in step.orphan_disks],
    }
