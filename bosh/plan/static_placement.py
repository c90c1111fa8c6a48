"""Placement of groups with static addresses: zones follow from where the subnets of the addresses are
(bosh: static_ips_availability_zone_picker.rb)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bosh.manifest.model import GroupNetwork, InstanceGroup
from bosh.plan.addresses import AddressBook, key_of
from bosh.plan.errors import (
    AddressesCannotBeMatched,
    InvalidAvailabilityZone,
    InvalidStaticAddresses,
    StaticAddressCountMismatch,
    StaticAddressInWrongZone,
)
from bosh.plan.model import CurrentInstance
from bosh.plan.slots import Placement, Slot, placement


class StaticPlacement:
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
        return placement(slots, existing)

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
