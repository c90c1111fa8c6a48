"""The life of a VM: made, started, stopped, taken apart. Every step is idempotent and finds out itself what is left to do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed
from cpi_kit.interfaces import Networks

from bosh.wire.agent_settings import Settings
from container_cpi import kernel, links, loops
from container_cpi.config import Config
from container_cpi.disk_views import DeviceView, DirectoryView
from container_cpi.fabric import Network
from container_cpi.fabric_plan import plan_fabric
from container_cpi.networks import Connection, connect
from container_cpi.oci import CONTAINER_DEVICES, Bundle, Device, runtime_config
from container_cpi.records import CREATING, DELETING, RUNNING, Process, Records, Vm
from container_cpi.rootfs import hosts, inside, resolv_conf, write_file
from container_cpi.runtime import Runtime

SETTINGS_PATH = "/var/vcap/bosh/warden-cpi-agent-env.json"
"""Where stemcells for containers look (bosh-agent: the File source of warden stemcells' agent.json)."""
LOOP_RELEASE_TIMEOUT_S = 10.0
"""After a VM's death the kernel unmounts its file systems in the background."""


class Machines:
    """Callers hold the VM's lock."""

    def __init__(self, config: Config, records: Records) -> None:
        self._config = config
        self._records = records
        self._network = Network(config)
        self._runtime = Runtime(config)

    # Decided and connected

    def register(self, draft: Vm, networks: Networks, cloud_properties: Mapping[str, Any]) -> Vm:
        """Give the VM its addresses, write its record, and make the bridges that it needs. Raises CloudFailed."""
        with self._records.lock("network"):
            others = [vm.connection for vm in self._records.vms() if vm.cid != draft.cid]
            taken = {str(nic.address.ip) for other in others for nic in other.nics}
            taken |= {str(vip) for other in others for vip in other.vips} | {
                str(own) for own in self._config.host_addresses
            }
            connection = connect(self._config, networks, cloud_properties, taken=taken, seed=os.urandom(16).hex())
            _check_forwards(others, connection)
            fabric = plan_fabric(self._config, [*others, connection])
            self._network.check(fabric)
            vm = self._records.save_vm(replace(draft, connection=connection))
            self._network.apply(fabric)
            return vm

    def reconcile_network(self) -> None:
        """Bridges, guards and firewall for the VMs there are; nothing, and no control group, when there are none."""
        with self._records.lock("network"):
            vms = self._records.vms()
            self._network.apply(plan_fabric(self._config, [vm.connection for vm in vms]))
            if not vms:
                kernel.remove_cgroups(self._config.cgroup)

    # Running

    def prepare(self, vm: Vm) -> None:
        """Namespace and root in place."""
        directory = self._records.vm_dir(vm.cid)
        if not kernel.is_mounted(directory / "netns"):
            links.make_namespace(directory / "netns", vm.connection.nics, f"{self._config.owner} {vm.cid}")
        self._mount_root(directory, vm.stemcell)
        if vm.directory_disks:
            DirectoryView(directory / "disks").prepare()

    def drop(self, vm: Vm) -> None:
        """The opposite, however far ``prepare`` came; what the VM has written stays."""
        directory = self._records.vm_dir(vm.cid)
        links.drop_namespace(directory / "netns", vm.connection.nics)
        kernel.unmount(directory / "root")
        kernel.unmount(directory / "disks")

    def _mount_root(self, directory: Path, stemcell: str) -> None:
        for name in ("upper", "work", "root", "data"):
            (directory / name).mkdir(exist_ok=True, mode=0o755)
        lower = self._records.directory / "stemcells" / stemcell / "rootfs"
        if not kernel.is_mounted(directory / "root"):
            options = f"lowerdir={lower},upperdir={directory / 'upper'},workdir={directory / 'work'}"
            kernel.mount("overlay", directory / "root", "overlay", 0, options)
            # Where the machine's mounts are shared, those made inside would otherwise appear on the machine as well.
            kernel.mount("none", directory / "root", "none", kernel.MS_PRIVATE)

    def furnish(self, vm: Vm, settings: Settings) -> None:
        """Files that a new VM finds in its root."""
        root = self._records.vm_dir(vm.cid) / "root"
        write_file(root, SETTINGS_PATH, json.dumps(settings.to_json()), mode=0o600)
        write_file(root, "/etc/hostname", f"{vm.cid}\n", mode=0o644)
        write_file(root, "/etc/hosts", hosts(vm.cid), mode=0o644)
        write_file(root, "/etc/resolv.conf", resolv_conf(vm.connection.dns), mode=0o644)
        inside(root, "/var/vcap/data").mkdir(parents=True, exist_ok=True, mode=0o755)

    def start(self, vm: Vm) -> Vm:
        """Run init; attached disks reappear. The record says running afterwards."""
        directory = self._records.vm_dir(vm.cid)
        bundle = Bundle(
            hostname=vm.cid,
            root=directory / "root",
            netns=directory / "netns",
            data=directory / "data",
            cgroup=f"/{self._config.cgroup}/{vm.cid}",
            init=vm.init,
            limits=vm.limits,
            capabilities=kernel.bounding_capabilities(),
            devices=_present_devices(),
            directory_disks=directory / "disks" if vm.directory_disks else None,
            unified_cgroups=kernel.unified_cgroups(),
        )
        process = self._runtime.start(vm.cid, directory, runtime_config(bundle))
        started = self._records.save_vm(replace(vm, phase=RUNNING, process=process))
        for disk in self._records.attached_disks(vm.cid):
            self.show_disk(started, disk.cid)
        return started

    def stop(self, vm: Vm) -> None:
        self._runtime.end(vm.cid, vm.process)

    def is_running(self, vm: Vm) -> bool:
        return vm.phase == RUNNING and self._runtime.is_alive(vm.process)

    # Disks

    def show_disk(self, vm: Vm, disk: str) -> str:
        """Loop device on the machine, and what the agent is told to look for in the VM. Idempotent."""
        return self._views(vm).show(vm, disk, loops.attach(self._records.image(disk)))

    def hide_disk(self, vm: Vm, disk: str) -> None:
        """What ``show_disk`` gave is gone; where the agent left the disk mounted, it is unmounted, lazily."""
        self._views(vm).hide(vm, disk)
        number = loops.loop_of(self._records.image(disk))
        targets = kernel.mount_points(vm.process.pid, loops.device_number(number)) if number is not None else []
        if targets:
            kernel.unmount_inside(vm.process.pid, targets)

    def _views(self, vm: Vm) -> DeviceView | DirectoryView:
        return DirectoryView(self._records.vm_dir(vm.cid) / "disks") if vm.directory_disks else DeviceView()

    # Gone

    def destroy(self, vm: Vm) -> None:
        """Take everything apart, however far it came. Raises CloudFailed, OSError; a repeat carries on."""
        self._records.save_vm(replace(vm, phase=DELETING))
        directory = self._records.vm_dir(vm.cid)
        self.stop(vm)
        self.drop(vm)
        for disk in self._records.attached_disks(vm.cid):
            with self._records.lock("disk", disk.cid):
                if not loops.detach(self._records.image(disk.cid), timeout_s=LOOP_RELEASE_TIMEOUT_S):
                    raise CloudFailed(f"cannot release disk {disk.cid}", details="its device is busy", ok_to_retry=True)
                self._records.save_disk(replace(self._records.known_disk(disk.cid), vm=""))
        grave = self._records.directory / "trash" / vm.cid
        directory.rename(grave)
        self.reconcile_network()
        remove_tree(grave)


def draft(cid: str, agent_id: str, stemcell: str, **rest: Any) -> Vm:
    """A record before its addresses are known."""
    empty = Connection((), (), (), ())
    return Vm(
        cid=cid, phase=CREATING, agent_id=agent_id, stemcell=stemcell, connection=empty, process=Process(), **rest
    )


def remove_tree(path: Path) -> None:
    """Never across a mount: what is mounted below belongs to somebody. Raises CloudFailed."""
    if not os.path.lexists(path):
        return
    done = subprocess.run(["rm", "-rf", "--one-file-system", "--", str(path)], capture_output=True, check=False)
    if done.returncode != 0:
        raise CloudFailed(f"cannot remove {path}", details=done.stderr.decode(errors="replace"), ok_to_retry=True)


def _check_forwards(others: list[Connection], new: Connection) -> None:
    used = {(forward.protocol, forward.host) for other in others for forward in other.forwards}
    for forward in new.forwards:
        if (forward.protocol, forward.host) in used:
            raise CloudFailed(f"cannot forward {forward.protocol} port {forward.host}", details="another VM has it")


def _present_devices() -> list[Device]:
    found = []
    for path in CONTAINER_DEVICES:
        if Path(path).exists():
            number = Path(path).stat().st_rdev
            found.append(Device(path, os.major(number), os.minor(number)))
    return found
