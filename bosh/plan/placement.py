"""Who stays, who goes, who is new, and in which availability zone (bosh: deployment_plan/placement_planner).

Existing instances are kept where they are as far as the wanted zones allow: first ignored ones, then those with persistent disks, then
whoever fits an even spread. Static addresses bind zones through their subnets. Within a zone the highest index goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bosh.manifest.model import Desired, InstanceGroup, Network
from bosh.plan.addresses import AddressBook
from bosh.plan.errors import (
    IgnoredInstancesDeletion,
    IgnoredInstancesModification,
    InvalidMigration,
    StaticAddressesNotSupported,
)
from bosh.plan.model import CurrentInstance
from bosh.plan.slots import Placement, Slot, placement
from bosh.plan.static_placement import StaticPlacement


def existing_of(
    group: InstanceGroup, desired: Desired, by_group: Mapping[str, Sequence[CurrentInstance]]
) -> list[CurrentInstance]:
    """The existing instances a group continues: its own and those it migrates, zones filled in.

    Raises:
        InvalidMigration: 190018.
    """
    found = list(by_group.get(group.name, ()))
    for source in group.migrated_from:
        if source.name == group.name:
            continue
        _check_migration(group, source.name, desired)
        found += [_migrated(group, source.name, source.az, one) for one in by_group.get(source.name, ())]
    return found


def _check_migration(group: InstanceGroup, source: str, desired: Desired) -> None:
    failed = f"Failed to migrate instance group '{source}' to '{group.name}'."
    if any(other.name == source for other in desired.groups):
        raise InvalidMigration(
            f"{failed} A deployment can not migrate an instance group and also specify it. "
            f"Please remove instance group '{source}'."
        )
    takers = [other for other in desired.groups if any(one.name == source for one in other.migrated_from)]
    if len(takers) > 1:
        raise InvalidMigration(f"{failed} An instance group may be migrated to only one instance group.")


def _migrated(group: InstanceGroup, source: str, source_az: str, instance: CurrentInstance) -> CurrentInstance:
    failed = f"Failed to migrate instance group '{source}' to '{group.name}'"
    if not instance.az and not source_az and group.azs:
        raise InvalidMigration(
            f"{failed}, availability zone of '{source}' is not specified",
            resolution="Name the zone it has been in: migrated_from: [{name: …, az: …}].",
        )
    if source_az and instance.az and source_az != instance.az:
        raise InvalidMigration(
            f"{failed}, '{source}' belongs to availability zone '{instance.az}' and manifest specifies '{source_az}'"
        )
    return replace(instance, az=instance.az or source_az)


def refuse_deleting_ignored(obsolete: Iterable[CurrentInstance]) -> None:
    """Raise 190021 when a group about to go holds an ignored instance."""
    for instance in obsolete:
        if instance.ignored:
            raise IgnoredInstancesDeletion(
                f"You are trying to delete instance group '{instance.group}', which contains ignored instance(s). "
                "Operation not allowed.",
                resolution=f"Run 'bosh unignore {instance.group}/{instance.id}' first.",
            )


def place(
    group: InstanceGroup,
    existing: Sequence[CurrentInstance],
    book: AddressBook,
    *,
    networks: Mapping[str, Network],
    ranks: Mapping[str, str] | None = None,
) -> Placement:
    """Match existing instances to the wanted number and choose zones for new ones.

    Args:
        ranks: zone → what decides between zones that are equally full; by name without it.

    Raises:
        IgnoredInstancesModification: 190020, an ignored instance would have to go or change networks.
        StaticAddressCountMismatch, StaticAddressInWrongZone, InvalidStaticAddresses: 150002, 150007, 150009.
    """
    by_index = sorted(existing, key=lambda one: one.index)
    binding = [network for network in group.networks if networks[network.name].type != "vip"]
    _refuse_static_on_dynamic(group, networks)
    _check_ignored_networks(group, by_index, networks)
    _check_ignored_count(group, by_index)
    if any(network.static_ips for network in binding):
        result = StaticPlacement(group, binding, book).place(by_index)
        _refuse_losing_ignored_address(group, result)
        return result
    return _by_balance(group, by_index, ranks or {})


def _refuse_static_on_dynamic(group: InstanceGroup, networks: Mapping[str, Network]) -> None:
    for network in group.networks:
        if network.static_ips and networks[network.name].type == "dynamic":
            raise StaticAddressesNotSupported(
                f"Instance group '{group.name}' using dynamic network '{network.name}' cannot specify static IP(s)"
            )


def _check_ignored_networks(
    group: InstanceGroup, existing: Iterable[CurrentInstance], networks: Mapping[str, Network]
) -> None:
    """Networks that give no address of ours are not looked at."""
    wanted = {network.name for network in group.networks if networks[network.name].type != "dynamic"}
    for instance in existing:
        held = {one.network for one in instance.reservations if one.kind != "dynamic"}
        if instance.ignored and held != wanted:
            raise IgnoredInstancesModification(
                f"In instance group '{group.name}', which contains ignored vms, an attempt was made to modify the networks. "
                "This operation is not allowed."
            )


def _check_ignored_count(group: InstanceGroup, existing: Iterable[CurrentInstance]) -> None:
    ignored = [instance for instance in existing if instance.ignored]
    if len(ignored) > group.instances:
        raise IgnoredInstancesModification(
            f"Instance Group '{group.name}' has {len(ignored)} ignored instance(s). {group.instances} instance(s) of that "
            "instance group were requested. Deleting ignored instances is not allowed."
        )
    lost = sorted({instance.az for instance in ignored if instance.az} - set(group.azs))
    if lost:
        names = ", ".join(f'"{name}"' for name in lost)
        raise IgnoredInstancesModification(
            f"Instance Group '{group.name}' no longer contains AZs [{names}] where ignored instance(s) exist."
        )


def _refuse_losing_ignored_address(group: InstanceGroup, result: Placement) -> None:
    if any(instance.ignored for instance in result.obsolete):
        raise IgnoredInstancesModification(
            f"In instance group '{group.name}', an attempt was made to remove a static ip that is used by an ignored instance. "
            "This operation is not allowed."
        )


# --- by balance -----------------------------------------------------------------------------------------------------------------------


def _by_balance(group: InstanceGroup, existing: Sequence[CurrentInstance], ranks: Mapping[str, str]) -> Placement:
    azs = group.azs or ("",)
    waiting: dict[str, list[CurrentInstance]] = {az: [] for az in azs}
    for instance in existing:
        waiting.setdefault(instance.az, []).append(instance)
    order = sorted(azs, key=lambda az: -len(waiting[az]))
    weight = dict.fromkeys(order, 0)
    slots: list[Slot] = []
    kept: set[str] = set()

    def keep(instance: CurrentInstance) -> None:
        weight[instance.az] += 1
        kept.add(instance.id)
        slots.append(Slot(instance.az, instance))

    bound = [one for one in existing if one.ignored]
    if group.azs and group.persistent_disks:
        # Disks nobody wants any more hold no one: the next deploy, without them, would move the instances after all.
        bound += [one for one in existing if one.disks and not one.ignored and one.az in weight]
    for instance in bound[: group.instances]:
        keep(instance)
    free = {az: iter([one for one in waiting[az] if one.id not in kept]) for az in azs}
    left = Counter({az: sum(one.id not in kept for one in waiting[az]) for az in azs})
    while len(slots) < group.instances:
        az = _lightest(weight, left, ranks)
        instance_here = next(free[az], None)
        if instance_here is not None:
            left[az] -= 1
            keep(instance_here)
        else:
            weight[az] += 1
            slots.append(Slot(az, None))
    return placement(slots, existing)


def _lightest(weight: Mapping[str, int], left: Mapping[str, int], ranks: Mapping[str, str]) -> str:
    """A zone with the fewest instances; of several one where an instance already waits, else the first by rank or name."""
    least = min(weight.values())
    lightest = [az for az, count in weight.items() if count == least]
    waiting = next((az for az in lightest if left[az]), None)
    return min(lightest, key=lambda az: ranks.get(az, az)) if waiting is None else waiting


# --- numbers --------------------------------------------------------------------------------------------------------------------------


def indexes(group: str, slots: Sequence[Slot], existing: Iterable[CurrentInstance]) -> list[int]:
    """The index of each slot: kept for the group's own instances, the lowest free one for everybody else.

    Indexes of instances about to be deleted are not free yet.
    """
    taken = {one.index for one in existing if one.group == group}
    result = []
    lowest = 0
    for slot in slots:
        if slot.existing and slot.existing.group == group:
            result.append(slot.existing.index)
            continue
        while lowest in taken:
            lowest += 1
        taken.add(lowest)
        result.append(lowest)
    return result


def bootstrap_position(slots: Sequence[Slot], numbers: Sequence[int]) -> int | None:
    """Which slot is the bootstrap instance: the one that already is, else the one with the lowest index."""
    elected = [position for position, slot in enumerate(slots) if slot.existing and slot.existing.bootstrap]
    if len(elected) == 1:
        return elected[0]
    return min(range(len(slots)), key=lambda position: numbers[position], default=None)
