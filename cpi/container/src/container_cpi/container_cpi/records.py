"""What this CPI remembers, in JSON files under ``state_dir``: written before the thing itself is made, removed after it is gone.

vms/<cid>/{vm.json,upper,work,root,data,netns,bundle,console.log}   disks/<cid>.{json,img}   snapshots/<cid>.{json,img}
stemcells/<cid>/{stemcell.json,rootfs}   networks/<cid>.json   network.json   locks/   trash/
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any
from zlib import crc32

from cpi_kit.errors import DiskNotFound, VMNotFound
from cpi_kit.files import locked, read_json, safe_cid, write_json

from container_cpi.config import Config
from container_cpi.networks import Connection, Forward, Nic, Subnet
from container_cpi.oci import Limits

CREATING, RUNNING, DELETING = "creating", "running", "deleting"
_LOCKS = 64
"""Lock files per kind; cids share them by hash, so that locks need no cleaning up."""


@dataclass(frozen=True, slots=True)
class Process:
    """A container's init: alive only in the boot that started it."""

    pid: int = 0
    started_ticks: int = 0
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Vm:
    """One VM, as decided; ``phase`` tells how far it came, ``process`` what runs it."""

    cid: str
    phase: str
    agent_id: str
    stemcell: str
    init: tuple[str, ...]
    limits: Limits
    connection: Connection
    metadata: Mapping[str, Any] = field(default_factory=dict)
    process: Process = Process()
    directory_disks: bool = False
    """Disks are shown as mounted directories instead of devices."""

    def to_json(self) -> dict[str, Any]:
        body = asdict(replace(self, connection=Connection((), (), (), ())))
        return {**body, "connection": _connection_to_json(self.connection)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Vm:
        return cls(
            cid=body["cid"],
            phase=body["phase"],
            agent_id=body["agent_id"],
            stemcell=body["stemcell"],
            init=tuple(body["init"]),
            limits=Limits(**body["limits"]),
            connection=_connection_from_json(body["connection"]),
            metadata=body["metadata"],
            process=Process(**body["process"]),
            directory_disks=body.get("directory_disks", False),
        )


def _connection_to_json(connection: Connection) -> dict[str, Any]:
    return {
        "nics": [_nic_to_json(nic) for nic in connection.nics],
        "vips": [str(vip) for vip in connection.vips],
        "dns": list(connection.dns),
        "forwards": [asdict(forward) for forward in connection.forwards],
    }


def _nic_to_json(nic: Nic) -> dict[str, Any]:
    gateway = nic.subnet.gateway
    return {
        "network": nic.network,
        "device": nic.device,
        "host_device": nic.host_device,
        "mac": nic.mac,
        "address": str(nic.address),
        "default_route": nic.default_route,
        "bridge": nic.subnet.bridge,
        "gateway": str(gateway) if gateway else None,
        "outbound": nic.subnet.outbound,
    }


def _connection_from_json(body: Mapping[str, Any]) -> Connection:
    return Connection(
        nics=tuple(_nic_from_json(nic) for nic in body["nics"]),
        vips=tuple(IPv4Address(vip) for vip in body["vips"]),
        dns=tuple(body["dns"]),
        forwards=tuple(Forward(**forward) for forward in body["forwards"]),
    )


def _nic_from_json(body: Mapping[str, Any]) -> Nic:
    address = IPv4Interface(body["address"])
    gateway = IPv4Address(body["gateway"]) if body["gateway"] else None
    return Nic(
        network=body["network"],
        device=body["device"],
        host_device=body["host_device"],
        mac=body["mac"],
        address=address,
        subnet=Subnet(body["bridge"], address.network, gateway, body["outbound"]),
        default_route=body["default_route"],
    )


@dataclass(frozen=True, slots=True)
class Disk:
    """A persistent disk; ``vm`` is where it is attached, or empty."""

    cid: str
    size_mb: int
    vm: str = ""
    cloud_properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ManagedNetwork:
    """A range given to a network that the director wished for."""

    cid: str
    range: IPv4Network
    gateway: IPv4Address


class Records:
    """Reads and writes of the above. Locks: a VM's before a disk's before the network's; never two of one kind."""

    def __init__(self, config: Config) -> None:
        self.directory = config.state_dir
        for name in ("vms", "disks", "snapshots", "stemcells", "networks", "locks", "trash"):
            (self.directory / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def lock(self, kind: str, cid: str = "", *, patient: bool = True) -> AbstractContextManager[None]:
        """``vm`` and ``disk`` by cid, ``network`` as a whole. Raises BlockingIOError when not ``patient`` and another holds it."""
        return locked(self.directory / "locks" / f"{kind}-{crc32(cid.encode()) % _LOCKS}", patient=patient)

    # VMs

    def vm_dir(self, cid: str) -> Path:
        return self.directory / "vms" / cid

    def vm(self, cid: str) -> Vm | None:
        body = read_json(self.vm_dir(cid) / "vm.json") if safe_cid(cid) else None
        return Vm.from_json(body) if body else None

    def known_vm(self, cid: str) -> Vm:
        """Raises VMNotFound: unknown, or not completely made."""
        vm = self.vm(cid)
        if vm is None or vm.phase != RUNNING:
            raise VMNotFound(f"VM {cid} not found")
        return vm

    def save_vm(self, vm: Vm) -> Vm:
        self.vm_dir(vm.cid).mkdir(exist_ok=True, mode=0o700)
        write_json(self.vm_dir(vm.cid) / "vm.json", vm.to_json())
        return vm

    def vms(self) -> list[Vm]:
        found = (self.vm(path.name) for path in sorted((self.directory / "vms").iterdir()))
        return [vm for vm in found if vm is not None]

    # Disks

    def image(self, cid: str, noun: str = "disks") -> Path:
        return self.directory / noun / f"{cid}.img"

    def disk(self, cid: str) -> Disk | None:
        body = read_json(self.directory / "disks" / f"{cid}.json") if safe_cid(cid) else None
        return Disk(**body) if body else None

    def known_disk(self, cid: str) -> Disk:
        """Raises DiskNotFound."""
        disk = self.disk(cid)
        if disk is None:
            raise DiskNotFound(f"disk {cid} not found")
        return disk

    def save_disk(self, disk: Disk) -> Disk:
        write_json(self.directory / "disks" / f"{disk.cid}.json", asdict(disk))
        return disk

    def forget(self, noun: str, cid: str) -> None:
        (self.directory / noun / f"{cid}.json").unlink(missing_ok=True)

    def disks(self) -> list[Disk]:
        found = (self.disk(path.stem) for path in sorted((self.directory / "disks").glob("*.json")))
        return [disk for disk in found if disk is not None]

    def attached_disks(self, vm: str) -> list[Disk]:
        return [disk for disk in self.disks() if disk.vm == vm]

    # Networks

    def managed_networks(self) -> list[ManagedNetwork]:
        bodies = [read_json(path) for path in sorted((self.directory / "networks").glob("*.json"))]
        return [
            ManagedNetwork(body["cid"], IPv4Network(body["range"]), IPv4Address(body["gateway"]))
            for body in bodies
            if body
        ]

    def save_network(self, network: ManagedNetwork) -> None:
        body = {"cid": network.cid, "range": str(network.range), "gateway": str(network.gateway)}
        write_json(self.directory / "networks" / f"{network.cid}.json", body)
