"""The cloud's behaviour: what a good cloud promises, over records in a directory."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpi_kit.agent_settings import agent_settings
from cpi_kit.call import Call
from cpi_kit.errors import (
    CloudFailed,
    DiskNotAttached,
    DiskNotFound,
    NetworkNotFound,
    NoDiskSpace,
    NotSupported,
    VMNotFound,
)
from cpi_kit.files import new_cid
from cpi_kit.interfaces import Cloud, DiskCid, NetworkCid, Networks, Properties, SnapshotCid, StemcellCid, VmCid

from fake_cpi.store import Store

STEMCELL_FORMATS = ("fake", "warden-tar", "general-tar", "container-tar")
DYNAMIC_RANGE = "10.250.0.0/16"
"""Where dynamic networks' addresses come from unless the configuration says ``dynamic_range``."""
MANAGED_RANGE = "10.251.0.0/24"
"""What a managed network gets that asks for a netmask size alone."""
CAPACITY_MB = 100_000_000
"""Disk space unless the configuration says ``capacity_mb``: 100 TB, practically endless."""


class FakeCloud(Cloud):
    """One call's view of the cloud in ``config.dir``."""

    def __init__(self, call: Call) -> None:
        directory = call.config.get("dir")
        if not isinstance(directory, str) or not directory:
            raise CloudFailed("cannot find the cloud", resolution="Set 'dir' in the CPI's configuration.")
        self._call = call
        self._store = Store(Path(directory))

    def info(self) -> Properties:
        return {
            "api_version": 2,
            "stemcell_formats": list(self._call.config.get("stemcell_formats") or STEMCELL_FORMATS),
        }

    # Stemcells

    def create_stemcell(self, image_path: str, cloud_properties: Properties, env: Properties) -> StemcellCid:
        if not Path(image_path).is_file():
            raise CloudFailed(f"cannot read stemcell image {image_path}", details="no such file")
        cid = StemcellCid(new_cid("stemcell"))
        size = Path(image_path).stat().st_size
        self._store.write("stemcells", cid, {"cloud_properties": cloud_properties, "env": env, "image_bytes": size})
        return cid

    def delete_stemcell(self, stemcell: StemcellCid) -> None:
        self._store.remove("stemcells", stemcell)

    # VMs

    def create_vm(
        self,
        agent_id: str,
        stemcell: StemcellCid,
        cloud_properties: Properties,
        networks: Networks,
        disks: Sequence[DiskCid],
        env: Properties,
    ) -> tuple[VmCid, Networks]:
        if self._store.read("stemcells", stemcell) is None:
            raise CloudFailed(f"cannot create a VM for agent {agent_id}", details=f"no stemcell {stemcell}")
        for disk in disks:
            self._disk(disk)
        cid = VmCid(new_cid("vm"))
        with self._store.lock():
            actual = {name: self._connect(cid, name, network) for name, network in networks.items()}
            for network in actual.values():
                self._store.write("addresses", network["ip"], {"vm": cid})
        settings = agent_settings(
            self._call.config.get("agent") or {},
            agent_id=agent_id,
            vm_cid=cid,
            networks=actual,
            disks={"system": "/dev/sda", "ephemeral": "/dev/sdb", "persistent": {}, "raw_ephemeral": []},
            env=env,
        )
        record = {
            "cid": cid,
            "agent_id": agent_id,
            "stemcell": stemcell,
            "cloud_properties": cloud_properties,
            "networks": actual,
            "disk_locality": list(disks),
            "env": env,
            "metadata": {},
            "disks": {},
            "reboots": 0,
        }
        self._store.write("vms", cid, record)
        self._store.write_settings(cid, settings.to_json())
        return cid, actual

    def _connect(self, vm: VmCid, name: str, network: Mapping[str, Any]) -> dict[str, Any]:
        """The network as the VM gets it. No two VMs have one address."""
        actual = dict(network)
        if network.get("type") == "dynamic":
            pool = str(self._call.config.get("dynamic_range") or DYNAMIC_RANGE)
            subnet = ipaddress.ip_network(pool)
            actual |= {"ip": self._store.next_address(pool), "netmask": str(subnet.netmask), "gateway": str(subnet[-2])}
        try:
            address = ipaddress.ip_address(str(actual.get("ip") or ""))
        except ValueError as error:
            raise CloudFailed(f"cannot connect network {name}", details=str(error)) from error
        holder = self._store.read("addresses", str(address))
        if holder is not None and holder["vm"] != vm:
            raise CloudFailed(f"cannot connect network {name}", details=f"{address} belongs to {holder['vm']}")
        if network.get("type") != "vip":
            actual.setdefault("mac", f"02:fa:{vm[-8:-6]}:{vm[-6:-4]}:{vm[-4:-2]}:{len(name) % 256:02x}")
        return actual

    def delete_vm(self, vm: VmCid) -> None:
        """By cid, or by agent id: a director that ended before it learnt the cid knows only that."""
        with self._store.lock():
            record = self._store.read("vms", vm) or self._store.vm_of_agent(vm)
            if record is None:
                return
            vm = VmCid(record["cid"])
            for disk in record["disks"]:
                self._store.write("disks", disk, {**self._disk(DiskCid(disk)), "vm": None})
            for network in record["networks"].values():
                self._store.remove("addresses", network["ip"])
            self._store.remove("vms", vm)

    def has_vm(self, vm: VmCid) -> bool:
        return self._store.read("vms", vm) is not None

    def reboot_vm(self, vm: VmCid) -> None:
        with self._store.lock():
            record = self._vm(vm)
            self._store.write("vms", vm, {**record, "reboots": record["reboots"] + 1})

    def set_vm_metadata(self, vm: VmCid, metadata: Properties) -> None:
        with self._store.lock():
            self._store.write("vms", vm, {**self._vm(vm), "metadata": metadata})

    def calculate_vm_cloud_properties(self, cpu: int, ram_mb: int, ephemeral_disk_size_mb: int) -> Properties:
        return {"cpus": cpu, "memory_mb": ram_mb, "ephemeral_disk_mb": ephemeral_disk_size_mb}

    def _vm(self, vm: VmCid) -> dict[str, Any]:
        record = self._store.read("vms", vm)
        if record is None:
            raise VMNotFound(f"VM {vm} not found")
        return record

    # Disks

    def create_disk(self, size_mb: int, cloud_properties: Properties, vm: VmCid | None) -> DiskCid:
        if vm is not None:
            self._vm(vm)
        self._check_space(size_mb)
        cid = DiskCid(new_cid("disk"))
        record = {"size_mb": size_mb, "cloud_properties": cloud_properties, "vm": None, "metadata": {}}
        self._store.write("disks", cid, record)
        return cid

    def _check_space(self, size_mb: int) -> None:
        capacity = int(self._call.config.get("capacity_mb") or CAPACITY_MB)
        if size_mb > capacity:
            raise NoDiskSpace(f"cannot create a disk of {size_mb} MiB", details=f"{capacity} MiB left")

    def delete_disk(self, disk: DiskCid) -> None:
        with self._store.lock():
            record = self._store.read("disks", disk)
            if record is not None and record["vm"]:
                raise CloudFailed(f"cannot delete disk {disk}", details=f"it is attached to {record['vm']}")
            self._store.remove("disks", disk)

    def has_disk(self, disk: DiskCid) -> bool:
        return self._store.read("disks", disk) is not None

    def attach_disk(self, vm: VmCid, disk: DiskCid) -> str:
        with self._store.lock():
            machine, record = self._vm(vm), self._disk(disk)
            if record["vm"] not in {None, vm}:
                raise CloudFailed(f"cannot attach disk {disk} to {vm}", details=f"it is attached to {record['vm']}")
            hint = f"/dev/fake/{disk}"
            self._store.write("disks", disk, {**record, "vm": vm})
            self._store.write("vms", vm, {**machine, "disks": {**machine["disks"], disk: hint}})
            return hint

    def detach_disk(self, vm: VmCid, disk: DiskCid) -> None:
        with self._store.lock():
            record = self._disk(disk)
            if record["vm"] != vm:
                raise DiskNotAttached(f"disk {disk} is not attached to {vm}")
            self._store.write("disks", disk, {**record, "vm": None})
            machine = self._store.read("vms", vm)
            if machine is not None:
                kept = {cid: hint for cid, hint in machine["disks"].items() if cid != disk}
                self._store.write("vms", vm, {**machine, "disks": kept})

    def resize_disk(self, disk: DiskCid, size_mb: int) -> None:
        with self._store.lock():
            record = self._disk(disk)
            if size_mb < record["size_mb"]:
                raise NotSupported(f"cannot shrink disk {disk} from {record['size_mb']} to {size_mb} MiB")
            self._check_space(size_mb)
            self._store.write("disks", disk, {**record, "size_mb": size_mb})

    def update_disk(self, disk: DiskCid, size_mb: int, cloud_properties: Properties) -> None:
        self.resize_disk(disk, size_mb)
        with self._store.lock():
            self._store.write("disks", disk, {**self._disk(disk), "cloud_properties": cloud_properties})

    def set_disk_metadata(self, disk: DiskCid, metadata: Properties) -> None:
        with self._store.lock():
            self._store.write("disks", disk, {**self._disk(disk), "metadata": metadata})

    def get_disks(self, vm: VmCid) -> Sequence[DiskCid]:
        return [DiskCid(disk) for disk in self._vm(vm)["disks"]]

    def _disk(self, disk: DiskCid) -> dict[str, Any]:
        record = self._store.read("disks", disk)
        if record is None:
            raise DiskNotFound(f"disk {disk} not found")
        return record

    # Snapshots

    def snapshot_disk(self, disk: DiskCid, metadata: Properties) -> SnapshotCid:
        source = self._disk(disk)
        cid = SnapshotCid(new_cid("snapshot"))
        self._store.write("snapshots", cid, {"disk": disk, "size_mb": source["size_mb"], "metadata": metadata})
        return cid

    def delete_snapshot(self, snapshot: SnapshotCid) -> None:
        self._store.remove("snapshots", snapshot)

    # Networks

    def create_network(self, definition: Properties) -> tuple[NetworkCid, Properties, Properties]:
        wanted = str(definition.get("range") or MANAGED_RANGE)
        if not definition.get("range") and definition.get("netmask_bits"):
            wanted = f"{MANAGED_RANGE.partition('/')[0]}/{definition['netmask_bits']}"
        try:
            subnet = ipaddress.ip_network(wanted)
        except ValueError as error:
            raise NetworkNotFound(f"cannot create network {wanted}", details=str(error)) from error
        cid = NetworkCid(new_cid("network"))
        address = {"range": str(subnet), "gateway": str(definition.get("gateway") or subnet[1]), "reserved": []}
        properties = {"name": cid, **(definition.get("cloud_properties") or {})}
        self._store.write(
            "networks", cid, {"definition": definition, "address": address, "cloud_properties": properties}
        )
        return cid, address, properties

    def delete_network(self, network: NetworkCid) -> None:
        self._store.remove("networks", network)
