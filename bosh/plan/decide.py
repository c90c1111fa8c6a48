"""``decide``: compare what should be with what is, and say what to do, in which order, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bosh.manifest.model import Desired, InstanceGroup, Json
from bosh.plan.apply_spec import Specs, refreshed
from bosh.plan.changes import RECORDS_ONLY, RECREATING, changes_of
from bosh.plan.compilation import CompiledIndex, compilations
from bosh.plan.disks import DiskChanges, disk_changes
from bosh.plan.model import (
    Change,
    ChangeKind,
    CreateVm,
    Current,
    CurrentDisk,
    CurrentInstance,
    DeleteInstance,
    ErrandSpec,
    GroupUpdate,
    LaidInstance,
    Layout,
    Method,
    Options,
    Plan,
    RefreshSpec,
    RenderedHashes,
    UpdateInstance,
)
from bosh.plan.update_order import batches, partitions, update_with
from bosh.wire.errors import BoshError, RpcTimeout


def decide(
    desired: Desired,
    current: Current,
    layout: Layout,
    hashes: Mapping[str, RenderedHashes],
    *,
    options: Options,
) -> Plan:
    """The plan that turns ``current`` into ``layout``.

    Args:
        hashes: instance id → what rendering gave, for every instance of the layout.

    Returns:
        A plan; with nothing to do it is ``empty`` and its notes say what was looked at.

    Raises:
        PackageMissingSourceCode: 60001.
        RpcTimeout: 450002, an agent does not answer and no fix was asked for.
        BoshError: an instance was not rendered, or an option cannot be read.
    """
    known = {instance.id: instance for instance in current.instances}
    _refuse_unresponsive(layout, known, options)
    index = CompiledIndex(current.catalog.compiled, desired.exported_from)
    specs = Specs(layout.deployment, desired.releases, index)
    work = {group.name: _Group(group, specs, options) for group in desired.groups}
    for instance in layout.instances:
        work[instance.group].consider(instance, known.get(instance.id), _hashes_of(instance, hashes))
    wanted_groups = {group.name for group in desired.groups} | {
        source.name for group in desired.groups for source in group.migrated_from
    }
    surplus = _by_taker(layout.obsolete, desired)
    updates = _ordered(desired, work, surplus, initial_deploy=not current.exists)
    return Plan(
        deployment=layout.deployment,
        compilations=compilations(layout.instances, desired.releases, index),
        deletions=tuple(
            DeleteInstance(one, f"instance group '{one.group}' is no longer in the manifest")
            for one in layout.obsolete
            if one.group not in wanted_groups
        ),
        missing_vms=tuple(step for one in work.values() for step in one.missing_vms),
        groups=updates,
        errands=tuple(step for one in work.values() for step in one.errands),
        refreshed=tuple(step for one in work.values() for step in one.refreshed),
        notes=(*layout.notes, *(note for one in work.values() for note in one.all_notes(surplus))),
    )


def _hashes_of(instance: LaidInstance, hashes: Mapping[str, RenderedHashes]) -> RenderedHashes:
    if instance.id not in hashes:
        raise BoshError(f"cannot plan for {instance.name}: its templates were not rendered")
    return hashes[instance.id]


def _refuse_unresponsive(layout: Layout, known: Mapping[str, CurrentInstance], options: Options) -> None:
    if options.fix:
        return
    silent = [
        (one, vm)
        for laid in layout.instances
        if (one := known.get(laid.id)) and (vm := one.vm) and not vm.responsive and not one.ignored
    ]
    if silent:
        lines = [
            f"Timed out sending 'get_state' to instance: '{one.group}/{one.id}', agent-id: '{vm.agent_id}'"
            for one, vm in silent
        ]
        raise RpcTimeout(
            "\n".join(lines),
            resolution="Repeat with --fix to recreate these VMs, or look at them with 'bosh cloud-check'.",
        )


# --- one group ------------------------------------------------------------------------------------------------------------------------


@dataclass
class _Group:
    group: InstanceGroup
    specs: Specs
    options: Options
    missing_vms: list[CreateVm] = field(default_factory=list)
    steps: list[UpdateInstance] = field(default_factory=list)
    errands: list[ErrandSpec] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refreshed: list[RefreshSpec] = field(default_factory=list)
    unchanged: int = 0

    def consider(self, instance: LaidInstance, current: CurrentInstance | None, hashes: RenderedHashes) -> None:
        """Add what has to be done for one wanted instance."""
        if current is not None and current.ignored:
            self.notes.append(f"{instance.name}: ignored, left as it is")
            return
        spec = self.specs.build(instance, hashes)
        if instance.lifecycle == "errand":
            self.errands.append(ErrandSpec(instance, spec))
            if (current is None or current.vm is None) and instance.group not in self.options.errands:
                return
        disks = self._disks(instance, current)
        changes = changes_of(instance, current, spec, disks, self.options)
        if not changes:
            self.unchanged += 1
            if current and (stale := refreshed(current.spec, spec)) is not None:
                self.refreshed.append(RefreshSpec(instance.id, stale))
            return
        self._step(instance, current, spec, disks, changes)

    def _disks(self, instance: LaidInstance, current: CurrentInstance | None) -> DiskChanges:
        existing = current.disks if current else ()
        if not existing and not instance.disks:
            return DiskChanges()
        return disk_changes(existing, instance.disks, recreate=self.options.recreate_persistent_disks)

    def _step(
        self,
        instance: LaidInstance,
        current: CurrentInstance | None,
        spec: Mapping[str, Json],
        disks: DiskChanges,
        changes: tuple[Change, ...],
    ) -> None:
        method = _method(instance, current, changes)
        if method is None:
            kinds = ", ".join(change.kind for change in changes)
            self.notes.append(f"{instance.name}: {instance.state}, changes wait until it is started ({kinds})")
            return
        if instance.state != "detached" and (current is None or current.vm is None):
            self.missing_vms.append(CreateVm(instance, "new instance" if current is None else "it has no VM"))
        touches_disks = method in ("in_place", "recreate", "start")
        self.steps.append(
            UpdateInstance(
                instance=instance,
                current=current,
                changes=changes,
                method=method,
                spec=spec,
                skip_drain=bool({"*", instance.group, instance.name} & self.options.skip_drain),
                create_disks=disks.create if touches_disks else (),
                keep_disks=disks.keep if touches_disks else _active(current),
                orphan_disks=disks.orphan if touches_disks else (),
            )
        )

    def all_notes(self, surplus: Mapping[str, Sequence[CurrentInstance]]) -> Iterator[str]:
        yield from self.notes
        if self.unchanged:
            count = f"{self.unchanged} instance{'s' if self.unchanged > 1 else ''}"
            yield f"{self.group.name}: {count} unchanged"
        elif not (self.steps or self.errands or self.notes or surplus.get(self.group.name)):
            yield f"{self.group.name}: no instances wanted, none exist"


def _active(current: CurrentInstance | None) -> tuple[CurrentDisk, ...]:
    return tuple(disk for disk in current.disks if disk.active) if current else ()


def _method(instance: LaidInstance, current: CurrentInstance | None, changes: Sequence[Change]) -> Method | None:
    """How the instance gets there; None when it rests and everything can wait."""
    kinds = {change.kind for change in changes}
    has_vm = current is not None and current.vm is not None
    if instance.state == "started":
        stopped = current is not None and current.state == "stopped"
        return _method_of_started(kinds, has_vm=has_vm, stopped=stopped)
    if current is None or kinds & {"state", "dirty"} or (instance.state == "stopped" and not has_vm):
        return "stop" if instance.state == "stopped" else "detach"
    return "metadata" if kinds <= RECORDS_ONLY and has_vm else None


def _method_of_started(kinds: set[ChangeKind], *, has_vm: bool, stopped: bool) -> Method:
    if not has_vm:
        return "in_place"
    if kinds & RECREATING:
        return "recreate"
    if kinds <= RECORDS_ONLY:
        return "metadata"
    return "start" if stopped and kinds == {"state"} else "in_place"


# --- all groups -----------------------------------------------------------------------------------------------------------------------


def _by_taker(obsolete: Iterable[CurrentInstance], desired: Desired) -> dict[str, list[CurrentInstance]]:
    """Surplus instances by the wanted group they belong to, or would have migrated to; highest index first."""
    taker = {source.name: group.name for group in desired.groups for source in group.migrated_from}
    taker |= {group.name: group.name for group in desired.groups}
    result: dict[str, list[CurrentInstance]] = {}
    for instance in sorted(obsolete, key=lambda one: -one.index):
        if instance.group in taker:
            result.setdefault(taker[instance.group], []).append(instance)
    return result


def _ordered(
    desired: Desired,
    work: Mapping[str, _Group],
    surplus: Mapping[str, Sequence[CurrentInstance]],
    *,
    initial_deploy: bool,
) -> tuple[GroupUpdate, ...]:
    run_of = partitions(desired.groups)
    chosen: list[GroupUpdate] = []
    for group in desired.groups:
        steps, unneeded = work[group.name].steps, surplus.get(group.name, ())
        if steps or unneeded:
            update = update_with(group.update, work[group.name].options)
            chosen.append(
                GroupUpdate(
                    group=group.name,
                    batches=batches(steps, update, initial_deploy=initial_deploy),
                    deletions=tuple(DeleteInstance(one, _surplus_reason(one, group)) for one in unneeded),
                    deletions_in_flight=update.max_in_flight.of(len(unneeded), least=1),
                )
            )
    parallel = {group.name for group in desired.groups if not group.update.serial}
    for position, (one, following) in enumerate(pairwise(tuple(chosen))):
        together = one.group in parallel and run_of[one.group] == run_of[following.group]
        chosen[position] = replace(one, parallel_with_next=together)
    return tuple(chosen)


def _surplus_reason(instance: CurrentInstance, group: InstanceGroup) -> str:
    if group.azs and instance.az not in group.azs:
        return f"availability zone '{instance.az}' is no longer wanted"
    wanted = f"{group.instances} instance{'' if group.instances == 1 else 's'} wanted"
    return f"{wanted}, placed elsewhere" if instance.index < group.instances else wanted
