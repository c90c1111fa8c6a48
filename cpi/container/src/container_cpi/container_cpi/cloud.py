"""The CPI's methods: arguments in, the rooms' work, results out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpi_kit.agent_settings import agent_settings
from cpi_kit.call import Call
from cpi_kit.errors import CloudFailed, CpiFault, VMCreationFailed
from cpi_kit.files import new_cid, read_json, safe_cid
from cpi_kit.interfaces import Cloud, DiskCid, NetworkCid, Networks, Properties, SnapshotCid, StemcellCid, VmCid

from container_cpi.config import parse_config
from container_cpi.disks import Disks
from container_cpi.machines import Machines, draft
from container_cpi.networks import as_settings
from container_cpi.oci import Limits
from container_cpi.records import Records, Vm
from container_cpi.stemcells import Stemcells

STEMCELL_FORMATS = ("container-tar", "warden-tar", "general-tar")


class ContainerCloud(Cloud):
    """One call's view of this machine."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._config = parse_config(call.config)
        self._records = Records(self._config)
        self._machines = Machines(self._config, self._records)
        self._disks = Disks(self._records, self._machines)
        self._stemcells = Stemcells(self._records)

    def info(self) -> Properties:
        return {"api_version": 2, "stemcell_formats": list(STEMCELL_FORMATS)}

    # Stemcells

    def create_stemcell(self, image_path: str, cloud_properties: Properties, env: Properties) -> StemcellCid:
        return self._stemcells.create(Path(image_path), cloud_properties)

    def delete_stemcell(self, stemcell: StemcellCid) -> None:
        self._stemcells.delete(stemcell)

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
        for disk in disks:
            self._records.known_disk(disk)
        cid = VmCid(new_cid("vm"))
        image = self._stemcell(stemcell)
        plan = draft(
            cid,
            agent_id,
            stemcell,
            init=tuple(image["init"]),
            limits=_limits(cloud_properties),
            directory_disks=bool(image.get("directory_disks")),
        )
        with self._records.lock("vm", cid):
            try:
                return cid, self._create(plan, networks, cloud_properties, env)
            except Exception as error:
                self._clean_up(cid)
                if isinstance(error, CpiFault) and not error.ok_to_retry:
                    raise
                raise VMCreationFailed(f"cannot create a VM for agent {agent_id}", ok_to_retry=True) from error

    def _stemcell(self, stemcell: str) -> dict[str, Any]:
        path = self._records.directory / "stemcells" / stemcell / "stemcell.json"
        record = read_json(path) if safe_cid(stemcell) else None
        if record is None:
            raise CloudFailed(f"cannot use stemcell {stemcell}", details="it does not exist")
        return record

    def _create(self, plan: Vm, networks: Networks, cloud_properties: Properties, env: Properties) -> Networks:
        vm = self._machines.register(plan, networks, cloud_properties)
        actual = as_settings(networks, vm.connection)
        settings = agent_settings(
            self._config.agent,
            agent_id=vm.agent_id,
            vm_cid=vm.cid,
            networks=actual,
            disks={"system": "", "ephemeral": "", "persistent": {}, "raw_ephemeral": []},
            env=env,
        )
        self._machines.prepare(vm)
        self._machines.furnish(vm, settings)
        self._machines.start(vm)
        return actual

    def _clean_up(self, cid: str) -> None:
        """What stays because the cleaning fails keeps its record; ``restore`` and ``destroy-all`` find it."""
        vm = self._records.vm(cid)
        if vm is None:
            return
        self._call.log(f"removing the remains of {cid}; console: {_tail(self._records.vm_dir(cid) / 'console.log')}")
        try:
            self._machines.destroy(vm)
        except (CpiFault, OSError) as error:
            self._call.log(f"cannot remove all of {cid} yet: {error}")

    def delete_vm(self, vm: VmCid) -> None:
        """By cid, or by agent id: a director that ended before it learnt the cid knows only that."""
        if self._records.vm(vm) is None:
            vm = next((VmCid(one.cid) for one in self._records.vms() if one.agent_id == vm), vm)
        with self._records.lock("vm", vm):
            record = self._records.vm(vm)
            if record is not None:
                self._machines.destroy(record)

    def has_vm(self, vm: VmCid) -> bool:
        """A VM whose init is dead counts as missing, so that cloud check offers to recreate it."""
        record = self._records.vm(vm)
        return record is not None and self._machines.is_running(record)

    def reboot_vm(self, vm: VmCid) -> None:
        with self._records.lock("vm", vm):
            record = self._records.known_vm(vm)
            self._machines.stop(record)
            self._machines.prepare(record)
            self._machines.start(record)

    def set_vm_metadata(self, vm: VmCid, metadata: Properties) -> None:
        with self._records.lock("vm", vm):
            self._records.save_vm(replace(self._records.known_vm(vm), metadata=metadata))

    def calculate_vm_cloud_properties(self, cpu: int, ram_mb: int, ephemeral_disk_size_mb: int) -> Properties:
        return {"cpus": cpu, "memory_mb": ram_mb, "ephemeral_disk_mb": ephemeral_disk_size_mb}

    # Disks

    def create_disk(self, size_mb: int, cloud_properties: Properties, vm: VmCid | None) -> DiskCid:
        return self._disks.create(size_mb, cloud_properties)

    def delete_disk(self, disk: DiskCid) -> None:
        self._disks.delete(disk)

    def has_disk(self, disk: DiskCid) -> bool:
        return self._records.disk(disk) is not None

    def attach_disk(self, vm: VmCid, disk: DiskCid) -> str:
        return self._disks.attach(vm, disk)

    def detach_disk(self, vm: VmCid, disk: DiskCid) -> None:
        self._disks.detach(vm, disk)

    def resize_disk(self, disk: DiskCid, size_mb: int) -> None:
        self._disks.grow(disk, size_mb)

    def update_disk(self, disk: DiskCid, size_mb: int, cloud_properties: Properties) -> None:
        self._disks.grow(disk, size_mb)
        self._disks.change(disk, cloud_properties=cloud_properties)

    def set_disk_metadata(self, disk: DiskCid, metadata: Properties) -> None:
        self._disks.change(disk, metadata=metadata)

    def get_disks(self, vm: VmCid) -> Sequence[DiskCid]:
        self._records.known_vm(vm)
        return [DiskCid(disk.cid) for disk in self._records.attached_disks(vm)]

    # Snapshots

    def snapshot_disk(self, disk: DiskCid, metadata: Properties) -> SnapshotCid:
        return self._disks.snapshot(disk, metadata)

    def delete_snapshot(self, snapshot: SnapshotCid) -> None:
        self._disks.delete_snapshot(snapshot)

    # Networks

    def create_network(self, definition: Properties) -> tuple[NetworkCid, Properties, Properties]:
        from container_cpi.managed import create_network

        return create_network(self._config, self._records, definition)

    def delete_network(self, network: NetworkCid) -> None:
        from container_cpi.managed import delete_network

        delete_network(self._records, network)


def _limits(cloud_properties: Mapping[str, Any]) -> Limits:
    """From ``memory_mb``, ``cpus`` and ``pids``. Raises CloudFailed."""
    try:
        limits = Limits(
            int(cloud_properties.get("memory_mb") or 0),
            float(cloud_properties.get("cpus") or 0),
            int(cloud_properties.get("pids") or 0),
        )
    except (TypeError, ValueError) as error:
        raise CloudFailed("cannot use the VM's cloud properties", details=str(error)) from error
    if min(limits.memory_mb, limits.cpus, limits.pids) < 0 or not math.isfinite(limits.cpus):
        raise CloudFailed(
            "cannot use the VM's cloud properties", details="memory_mb, cpus and pids must not be negative"
        )
    return limits


def _tail(console: Path) -> str:
    return console.read_text(errors="replace")[-2000:] if console.exists() else "(empty)"
