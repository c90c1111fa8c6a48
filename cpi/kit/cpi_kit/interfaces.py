"""What a cloud offers, by noun. A cloud inherits ``Cloud`` and overrides what it can do; the rest answers NotImplemented.

Shapes are those of API version 2 (docs-bosh: content/cpi-api-v2.md). Every ``delete_*`` of something that is gone succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NewType

from cpi_kit.errors import MethodNotImplemented, NotSupported

StemcellCid = NewType("StemcellCid", str)
VmCid = NewType("VmCid", str)
DiskCid = NewType("DiskCid", str)
SnapshotCid = NewType("SnapshotCid", str)
NetworkCid = NewType("NetworkCid", str)

Properties = Mapping[str, Any]
"""Cloud properties or metadata: an operator's free map."""
Networks = Mapping[str, Mapping[str, Any]]
"""Name to ``{type, ip, netmask, gateway, dns[], default[], mac, cloud_properties …}``."""
DiskHint = str | Mapping[str, Any]
"""Where the agent finds an attached disk: a path or ``{path|id|volume_id|lun…}``; never empty."""


def _missing(method: str) -> MethodNotImplemented:
    return MethodNotImplemented(f"{method} is not implemented by this cloud")


class Stemcells:
    """Images that VMs start from."""

    def create_stemcell(self, image_path: str, cloud_properties: Properties, env: Properties) -> StemcellCid:
        """Take an image file in. ``env`` is empty below API version 3."""
        raise _missing("create_stemcell")

    def delete_stemcell(self, stemcell: StemcellCid) -> None:
        raise _missing("delete_stemcell")


class Vms:
    """Virtual machines."""

    def create_vm(
        self,
        agent_id: str,
        stemcell: StemcellCid,
        cloud_properties: Properties,
        networks: Networks,
        disks: Sequence[DiskCid],
        env: Properties,
    ) -> tuple[VmCid, Networks]:
        """A running VM with its agent settings in place; the networks as they came to be (addresses, MACs).

        Raises VMCreationFailed when a repeat may help; nothing of the failed VM is left behind.
        """
        raise _missing("create_vm")

    def delete_vm(self, vm: VmCid) -> None:
        raise _missing("delete_vm")

    def has_vm(self, vm: VmCid) -> bool:
        raise _missing("has_vm")

    def reboot_vm(self, vm: VmCid) -> None:
        """Raises VMNotFound."""
        raise _missing("reboot_vm")

    def set_vm_metadata(self, vm: VmCid, metadata: Properties) -> None:
        """Raises VMNotFound."""
        raise _missing("set_vm_metadata")

    def calculate_vm_cloud_properties(self, cpu: int, ram_mb: int, ephemeral_disk_size_mb: int) -> Properties:
        """The smallest VM type that has at least this much."""
        raise _missing("calculate_vm_cloud_properties")

    def configure_networks(self, vm: VmCid, networks: Networks) -> None:
        raise NotSupported(
            "cannot change the networks of a running VM", resolution="The director makes a new VM when this is refused."
        )

    def current_vm_id(self) -> VmCid:
        raise _missing("current_vm_id")


class Disks:
    """Persistent disks."""

    def create_disk(self, size_mb: int, cloud_properties: Properties, vm: VmCid | None) -> DiskCid:
        """Raises NoDiskSpace."""
        raise _missing("create_disk")

    def delete_disk(self, disk: DiskCid) -> None:
        raise _missing("delete_disk")

    def has_disk(self, disk: DiskCid) -> bool:
        raise _missing("has_disk")

    def attach_disk(self, vm: VmCid, disk: DiskCid) -> DiskHint:
        """Idempotent. Raises VMNotFound, DiskNotFound."""
        raise _missing("attach_disk")

    def detach_disk(self, vm: VmCid, disk: DiskCid) -> None:
        """Raises DiskNotAttached, DiskNotFound."""
        raise _missing("detach_disk")

    def resize_disk(self, disk: DiskCid, size_mb: int) -> None:
        """Raises DiskNotFound, NotSupported for a smaller size."""
        raise _missing("resize_disk")

    def update_disk(self, disk: DiskCid, size_mb: int, cloud_properties: Properties) -> DiskCid | None:
        """The new cid where the cloud had to make another disk. Raises DiskNotFound, NotSupported."""
        raise _missing("update_disk")

    def set_disk_metadata(self, disk: DiskCid, metadata: Properties) -> None:
        """Raises DiskNotFound."""
        raise _missing("set_disk_metadata")

    def get_disks(self, vm: VmCid) -> Sequence[DiskCid]:
        """Raises VMNotFound."""
        raise _missing("get_disks")


class Snapshots:
    """Copies of disks."""

    def snapshot_disk(self, disk: DiskCid, metadata: Properties) -> SnapshotCid:
        """Raises DiskNotFound, NoDiskSpace."""
        raise _missing("snapshot_disk")

    def delete_snapshot(self, snapshot: SnapshotCid) -> None:
        raise _missing("delete_snapshot")


class ManagedNetworks:
    """Networks made at the director's wish (``managed: true``)."""

    def create_network(self, definition: Properties) -> tuple[NetworkCid, Properties, Properties]:
        """From ``{type, range, gateway, netmask_bits, cloud_properties}``: cid, ``{range, gateway, reserved[]}``, cloud properties."""
        raise _missing("create_network")

    def delete_network(self, network: NetworkCid) -> None:
        raise _missing("delete_network")


class Cloud(Stemcells, Vms, Disks, Snapshots, ManagedNetworks):
    """Everything a CPI can be asked."""

    def info(self) -> Properties:
        """``{api_version, stemcell_formats[]}``; needs no credentials and touches nothing."""
        raise _missing("info")

    def ping(self) -> str:
        return "pong"
