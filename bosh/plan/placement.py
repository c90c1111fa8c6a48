"""Who stays, who goes, who is new, and in which availability zone (bosh: deployment_plan/placement_planner).

Existing instances are kept where they are as far as the wanted zones allow: first ignored ones, then those with persistent disks, then
whoever fits an even spread. Static addresses bind zones through their subnets. Within a zone the highest index goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bosh.manifest.model import Desired, GroupNetwork, InstanceGroup, Network
from bosh.plan.addresses import AddressBook, key_of
from bosh.plan.errors import (
    AddressesCannotBeMatched,
    IgnoredInstancesDeletion,
    IgnoredInstancesModification,
    InvalidAvailabilityZone,
    InvalidMigration,
    InvalidStaticAddresses,
    StaticAddressCountMismatch,
    StaticAddressesNotSupported,
    StaticAddressInWrongZone,
)
from bosh.plan.model import CurrentInstance


@dataclass(frozen=True, slots=True)
class Slot:
    """One wanted instance before it has a name: its zone, whom it continues, and its static addresses."""

    az: str
    existing: CurrentInstance | None
    static: Mapping[str, str] = field(default_factory=dict)
    """Network name → address."""


@dataclass(frozen=True, slots=True)
class Placement:
    slots: tuple[Slot, ...]
    """Existing instances by index, then new ones."""
    obsolete: tuple[CurrentInstance, ...]


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
        placement = _StaticPlacement(group, binding, book).place(by_index)
        _refuse_losing_ignored_address(group, placement)
        return placement
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


def _refuse_losing_ignored_address(group: InstanceGroup, placement: Placement) -> None:
    if any(instance.ignored for instance in placement.obsolete):
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
    return _placement(slots, existing)


def _lightest(weight: Mapping[str, int], left: Mapping[str, int], ranks: Mapping[str, str]) -> str:
    """A zone with the fewest instances; of several one where an instance already waits, else the first by rank or name."""
    least = min(weight.values())
    lightest = [az for az, count in weight.items() if count == least]
    waiting = next((az for az in lightest if left[az]), None)
    return min(lightest, key=lambda az: ranks.get(az, az)) if waiting is None else waiting


def _placement(slots: Iterable[Slot], existing: Iterable[CurrentInstance]) -> Placement:
    slots = list(slots)
    kept = sorted(
        (slot for slot in slots if slot.existing), key=lambda slot: slot.existing.index if slot.existing else 0
    )
    fresh = [slot for slot in slots if not slot.existing]
    ids = {slot.existing.id for slot in kept if slot.existing}
    return Placement((*kept, *fresh), tuple(instance for instance in existing if instance.id not in ids))


# --- by static addresses --------------------------------------------------------------------------------------------------------------


class _StaticPlacement:
    """Zones follow from where the subnets of the static addresses are."""

    def __init__(self, group: InstanceGroup, networks: Sequence[GroupNetwork], book: AddressBook) -> None:
        self._group = group
        self._weight = dict.fromkeys(group.azs or ("",), 0)
        self._free: dict[str, dict[str, tuple[str, ...]]] = {
            network.name: {ip: self._zones(network.name, ip, book) for ip in network.static_ips}
            for network in networks
            if network.static_ips
        }
        for network in networks:
            if network.static_ips and len(network.static_ips) != group.instances:
                raise StaticAddressCountMismatch(
                    f"Instance group '{group.name}' has {group.instances} instances but was allocated "
                    f"{len(network.static_ips)} static IP(s) in network '{network.name}'"
                )

    def _zones(self, network: str, ip: str, book: AddressBook) -> tuple[str, ...]:
        space = book.space_of(network, key_of(ip))
        name = self._group.name
        if space is None:
            raise InvalidStaticAddresses(
                f"Instance group '{name}' with network '{network}' declares static ip '{ip}', which belongs to no subnet",
                resolution=f"Give it an address of a subnet of network '{network}', or add a subnet that contains it.",
            )
        if not self._group.azs:
            if space.subnet.azs:
                raise InvalidAvailabilityZone(
                    f"Instance group '{name}' subnets declare availability zones and the instance group does not"
                )
            return ("",)
        zones = tuple(az for az in self._group.azs if space.serves(az))
        if not zones:
            raise StaticAddressInWrongZone(
                f"Instance group '{name}' declares static ip '{ip}' which does not belong to any of the instance group's "
                "availability zones."
            )
        return zones

    def place(self, existing: Sequence[CurrentInstance]) -> Placement:
        slots: list[Slot] = []
        for keep in (self._keep_address, self._keep_instance):
            kept = {slot.existing.id for slot in slots if slot.existing}
            for instance in existing:
                if instance.id in kept or len(slots) == self._group.instances:
                    continue
                if (slot := keep(instance)) is not None:
                    slots.append(slot)
        while len(slots) < self._group.instances:
            slots.append(self._fresh())
        return _placement(slots, existing)

    def _keep_address(self, instance: CurrentInstance) -> Slot | None:
        """An instance that holds a listed address keeps it, and its place."""
        held = {
            network: ip
            for ip in (reservation.ip.partition("/")[0] for reservation in instance.reservations)
            for network, free in self._free.items()
            if ip in free
        }
        for network, ip in held.items():
            if instance.az not in self._free[network][ip]:
                raise AddressesCannotBeMatched(
                    f"Existing instance '{instance.group}/{instance.index}' is using IP '{ip}' in availability zone '{instance.az}'"
                )
        return self._take(instance, held) if held else None

    def _keep_instance(self, instance: CurrentInstance) -> Slot | None:
        """An instance whose addresses are no longer listed gets new ones, when its zone has some left."""
        if all(self._available(network, instance.az) for network in self._free):
            return self._take(instance, {})
        return None

    def _take(self, instance: CurrentInstance, held: Mapping[str, str]) -> Slot:
        return Slot(instance.az, instance, self._claim(instance.az, held))

    def _fresh(self) -> Slot:
        candidates = [az for az in self._weight if all(self._available(network, az) for network in self._free)]
        if not candidates:
            raise StaticAddressCountMismatch(
                f"Failed to evenly distribute static IPs between zones for instance group '{self._group.name}'",
                resolution="Every network of the group needs as many static addresses in each availability zone as the others.",
            )
        az = min(candidates, key=lambda name: (self._weight[name], name))
        return Slot(az, None, self._claim(az, {}))

    def _available(self, network: str, az: str) -> str:
        """The network's first free static address in the zone, one bound to the fewest zones first."""
        fitting = ((len(zones), ip) for ip, zones in self._free[network].items() if az in zones)
        return min(fitting, key=lambda pair: pair[0], default=(0, ""))[1]

    def _claim(self, az: str, held: Mapping[str, str]) -> dict[str, str]:
        self._weight[az] += 1
        chosen = {}
        for network in self._free:
            ip = held.get(network) or self._available(network, az)
            if not ip:
                raise AddressesCannotBeMatched(
                    "Failed to distribute static IPs to satisfy existing instance reservations",
                    details=f"network '{network}' has no static address left in availability zone '{az}'",
                )
            chosen[network] = ip
            del self._free[network][ip]
        return chosen


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
