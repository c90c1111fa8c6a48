"""Where each wanted instance sits: id, index, zone, addresses. The first half of ``lay_out``; links and jobs come after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bosh.manifest.model import Desired, GroupNetwork, InstanceGroup, Json, Network
from bosh.plan.addresses import AddressBook, key_of
from bosh.plan.dns import record_name
from bosh.plan.errors import (
    InvalidStaticAddresses,
    SubnetWithoutZone,
    VipMisconfigured,
)
from bosh.plan.model import CurrentInstance, Reservation
from bosh.plan.placement import bootstrap_position, indexes
from bosh.plan.slots import Placement, Slot
from bosh.wire.errors import NetworkReservationNotEnoughCapacity


class Ids(Protocol):
    """A source of new names, given from outside."""

    def uuid(self) -> str:
        """A fresh lower-case UUID text."""
        ...


@dataclass(frozen=True, slots=True)
class Seat:
    """One wanted instance, before its jobs and links are known."""

    id: str
    group: str
    index: int
    az: str
    bootstrap: bool
    current: CurrentInstance | None
    reservations: tuple[Reservation, ...] = ()
    networks: Mapping[str, Json] = field(default_factory=dict)
    """Network settings as CPI and agent get them."""


def defaults_of(group: InstanceGroup) -> dict[str, str]:
    """Which network is the group's default for ``dns``, ``gateway`` and ``addressable``."""
    if len(group.networks) == 1:
        only = group.networks[0]
        return dict.fromkeys(("dns", "gateway", *only.default), only.name)
    return {kind: network.name for network in group.networks for kind in network.default}


def seats_of(
    group: InstanceGroup,
    placement: Placement,
    existing: Sequence[CurrentInstance],
    *,
    desired: Desired,
    book: AddressBook,
    ids: Ids,
    domain: str,
) -> list[Seat]:
    """Name, number and address a group's instances.

    Raises:
        BoshError: an address that cannot be had (1300xx) or a network that does not serve the zone (160009).
    """
    numbers = indexes(group.name, placement.slots, existing)
    bootstrap = bootstrap_position(placement.slots, numbers)
    vips = _distribute_vips(group, placement.slots, desired)
    seats = []
    for position, slot in enumerate(placement.slots):
        instance_id = slot.existing.id if slot.existing else ids.uuid()
        seating = _Seating(group, slot, instance_id, desired, book, {**slot.static, **vips[position]})
        reservations = seating.reservations()
        seats.append(
            Seat(
                id=instance_id,
                group=group.name,
                index=numbers[position],
                az=slot.az,
                bootstrap=position == bootstrap,
                current=slot.existing,
                reservations=reservations,
                networks=_settings(seating, reservations, domain),
            )
        )
    return sorted(seats, key=lambda seat: seat.index)


def _distribute_vips(group: InstanceGroup, slots: Sequence[Slot], desired: Desired) -> list[dict[str, str]]:
    """Which address of a vip network's list each slot gets: its own again, else the next (bosh: vip_planner.rb)."""
    chosen: list[dict[str, str]] = [{} for _ in slots]
    for network in group.networks:
        if desired.networks[network.name].type != "vip" or _is_global(desired.networks[network.name]):
            continue
        free = dict.fromkeys(network.static_ips)
        for slot, mine in zip(slots, chosen, strict=True):
            held = [r.ip for r in (slot.existing.reservations if slot.existing else ()) if r.network == network.name]
            if held and held[0] in free:
                del free[held[0]]
                mine[network.name] = held[0]
        rest = iter(free)
        for mine in chosen:
            if network.name not in mine:
                mine[network.name] = next(rest, "")
    return chosen


def _is_global(network: Network) -> bool:
    return any(subnet.static for subnet in network.subnets)


@dataclass(frozen=True, slots=True)
class _Seating:
    """Finds the addresses of one instance."""

    group: InstanceGroup
    slot: Slot
    instance_id: str
    desired: Desired
    book: AddressBook
    static: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.group.name}/{self.instance_id}"

    def network(self, name: str) -> Network:
        return self.desired.networks[name]

    def reservations(self) -> tuple[Reservation, ...]:
        spent: set[str] = set()
        result = []
        for wanted in self.group.networks:
            reservation = self._reserve(wanted, spent)
            spent.add(reservation.ip)
            result.append(reservation)
        return tuple(result)

    def _reserve(self, wanted: GroupNetwork, spent: set[str]) -> Reservation:
        network = self.network(wanted.name)
        if network.type == "vip":
            return self._vip(wanted, network)
        if network.type == "dynamic":
            return self._dynamic(network)
        if static := self.static.get(wanted.name):
            reserved = self.book.claim_static(wanted.name, static, self.instance_id, wanted_by=self.name)
            return Reservation(wanted.name, reserved, "static")
        if kept := self._held_automatic(wanted.name, spent):
            return Reservation(wanted.name, kept, "automatic")
        return Reservation(wanted.name, self._new_automatic(wanted.name), "automatic")

    def _held_automatic(self, network: str, spent: set[str]) -> str:
        """An address the instance already has in one of the network's subnets, whatever the network was called then."""
        held = [
            r for r in (self.slot.existing.reservations if self.slot.existing else ()) if r.ip and r.ip not in spent
        ]
        for reservation in sorted(held, key=lambda r: r.network != network):
            if reservation.kind in ("vip", "dynamic"):
                continue
            space = self.book.space_of(network, key_of(reservation.ip))
            if space and space.serves(self.slot.az) and space.automatic(reservation.ip):
                return reservation.ip
        return ""

    def _new_automatic(self, network: str) -> str:
        spaces = self.book.spaces.get(network, ())
        if not any(space.serves(self.slot.az) for space in spaces):
            raise SubnetWithoutZone(
                f"Network '{network}' has no matching subnet for availability zone '{self.slot.az}'",
                resolution="Add the zone to a subnet's 'azs' in the cloud config, or take it from the instance group.",
            )
        ip = self.book.lowest_free(network, self.slot.az, self.instance_id)
        if not ip:
            ranges = ", ".join(space.subnet.range for space in spaces if space.serves(self.slot.az))
            raise NetworkReservationNotEnoughCapacity(
                f"Failed to reserve IP for '{self.name}' for manual network '{network}': no more available",
                details=f"looked in {ranges}",
                resolution="Add a subnet, make 'reserved' or 'static' smaller, or wait until other deployments free addresses.",
            )
        return ip

    def _vip(self, wanted: GroupNetwork, network: Network) -> Reservation:
        if not _is_global(network):
            ip = self.static.get(wanted.name, "")
            if not ip:
                raise InvalidStaticAddresses(
                    f"Instance group '{self.group.name}' needs a static ip for every instance on vip network '{network.name}'"
                )
            self.book.claim(ip, self.instance_id, wanted_by=self.name)
            return Reservation(network.name, ip, "vip")
        if wanted.static_ips:
            raise VipMisconfigured("IPs cannot be specified in both the instance group and the cloud config")
        return Reservation(network.name, self._held_vip(network) or self._new_vip(network), "vip")

    def _held_vip(self, network: Network) -> str:
        held = [
            r.ip for r in (self.slot.existing.reservations if self.slot.existing else ()) if r.network == network.name
        ]
        listed = (
            ip
            for ip in held
            if ip
            and any(
                low <= key_of(ip)[1] <= high
                for subnet in network.subnets
                if not subnet.azs or self.slot.az in subnet.azs
                for low, high in subnet.static
            )
        )
        return next(listed, "")

    def _new_vip(self, network: Network) -> str:
        for subnet in network.subnets:
            if self.slot.az and subnet.azs and self.slot.az not in subnet.azs:
                continue
            version = 6 if any(high >= 1 << 32 for _, high in subnet.static) else 4
            if ip := self.book.lowest_free_static(version, subnet.static, self.instance_id):
                return ip
        raise NetworkReservationNotEnoughCapacity(
            f"Failed to reserve IP for '{self.name}' for vip network '{network.name}': no more available"
        )

    def _dynamic(self, network: Network) -> Reservation:
        held = (
            r.ip
            for r in (self.slot.existing.reservations if self.slot.existing else ())
            if r.network == network.name and r.kind == "dynamic"
        )
        return Reservation(network.name, next(held, ""), "dynamic")


# --- network settings -----------------------------------------------------------------------------------------------------------------


def _settings(seating: _Seating, reservations: Sequence[Reservation], domain: str) -> dict[str, Json]:
    """network name → settings (bosh: network_settings.rb, manual_network.rb, dynamic_network.rb, vip_network.rb)."""
    kinds: dict[str, list[str]] = {}
    for kind, network in defaults_of(seating.group).items():
        kinds.setdefault(network, []).append(kind)
    result = {}
    for wanted, reservation in zip(seating.group.networks, reservations, strict=True):
        settings = _SETTINGS[seating.network(wanted.name).type](seating, reservation)
        if seating.network(wanted.name).type != "vip" and wanted.name in kinds:
            settings["default"] = sorted(kinds[wanted.name])
        if wanted.nic_group:
            settings["nic_group"] = str(wanted.nic_group)
        settings["dns_record_name"] = record_name(
            seating.instance_id, seating.group.name, wanted.name, seating.desired.deployment, domain
        )
        result[wanted.name] = settings
    return result


def _manual(seating: _Seating, reservation: Reservation) -> dict[str, Json]:
    space = seating.book.space_of(reservation.network, key_of(reservation.ip))
    if space is None:
        raise AssertionError(f"{reservation.ip} was reserved outside network '{reservation.network}'")
    settings: dict[str, Json] = {
        "type": "manual",
        "ip": reservation.ip.partition("/")[0],
        "prefix": str(space.subnet.prefix or (128 if space.version == 6 else 32)),
        "netmask": space.netmask,
        "cloud_properties": dict(space.subnet.cloud_properties),
    }
    if dns := space.subnet.dns or seating.network(reservation.network).dns:
        settings["dns"] = list(dns)
    if space.subnet.gateway:
        settings["gateway"] = space.subnet.gateway
    return settings


def _dynamic_settings(seating: _Seating, reservation: Reservation) -> dict[str, Json]:
    network = seating.network(reservation.network)
    az = seating.slot.az
    subnet = next((one for one in network.subnets if not az or not one.azs or az in one.azs), None)
    if subnet is None and network.subnets:
        raise SubnetWithoutZone(f"Network '{network.name}' has no matching subnet for availability zone '{az}'")
    cloud_properties = subnet.cloud_properties if subnet else {}
    settings: dict[str, Json] = {
        "type": "dynamic",
        "cloud_properties": dict(cloud_properties or network.cloud_properties),
        "prefix": "32",
    }
    if dns := (subnet.dns if subnet else ()) or network.dns:
        settings["dns"] = list(dns)
    before = _settings_before(seating, reservation.network)
    settings.update({key: before[key] for key in ("ip", "netmask", "gateway") if before.get(key)})
    if reservation.ip:
        settings["ip"] = reservation.ip
    return settings


def _settings_before(seating: _Seating, network: str) -> Mapping[str, Json]:
    """What the VM was told, or said, about a dynamic network."""
    existing = seating.slot.existing
    known: Mapping[str, Json] = existing.vm.network_settings if existing and existing.vm else {}
    before: Mapping[str, Json] = known.get(network) or {}
    return before if before.get("type") == "dynamic" else {}


def _vip_settings(seating: _Seating, reservation: Reservation) -> dict[str, Json]:
    network = seating.network(reservation.network)
    return {
        "type": "vip",
        "ip": reservation.ip,
        "cloud_properties": dict(network.cloud_properties),
        "prefix": "128" if ":" in reservation.ip else "32",
    }


_SETTINGS = {"manual": _manual, "dynamic": _dynamic_settings, "vip": _vip_settings}
