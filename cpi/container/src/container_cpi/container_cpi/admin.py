"""Commands for the machine's keeper: list what there is, restore after a restart, remove everything."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container_cpi.config import Config
from container_cpi.disks import Disks
from container_cpi.fabric import Network
from container_cpi.machines import Machines, remove_tree
from container_cpi.records import RUNNING, Records, Vm
from container_cpi.stemcells import Stemcells
from container_cpi.sweep import sweep


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that acts, made from one configuration."""

    config: Config
    records: Records
    machines: Machines
    disks: Disks
    stemcells: Stemcells


def rooms(config: Config) -> Rooms:
    records = Records(config)
    machines = Machines(config, records)
    return Rooms(config, records, machines, Disks(records, machines), Stemcells(records))


def listed(house: Rooms) -> dict[str, Any]:
    """Everything this CPI made and still has."""
    records = house.records
    made = Network(house.config).made()
    return {
        "state_dir": str(records.directory),
        "stemcells": _names(records.directory / "stemcells"),
        "vms": [_vm(house, vm) for vm in records.vms()],
        "disks": [{"cid": disk.cid, "size_mb": disk.size_mb, "vm": disk.vm or None} for disk in records.disks()],
        "snapshots": [path.stem for path in sorted((records.directory / "snapshots").glob("*.json"))],
        "networks": [{"cid": item.cid, "range": str(item.range)} for item in records.managed_networks()],
        "bridges": sorted(made.bridges),
        "guards": sorted(map(str, made.guards)),
    }


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _vm(house: Rooms, vm: Vm) -> dict[str, Any]:
    return {
        "cid": vm.cid,
        "agent_id": vm.agent_id,
        "stemcell": vm.stemcell,
        "phase": vm.phase,
        "running": house.machines.is_running(vm),
        "pid": vm.process.pid,
        "ips": [str(nic.address.ip) for nic in vm.connection.nics],
        "ports": [
            {"host": item.host, "container": item.container, "protocol": item.protocol}
            for item in vm.connection.forwards
        ],
        "metadata": dict(vm.metadata),
        "console": str(house.records.vm_dir(vm.cid) / "console.log"),
    }


def restore(house: Rooms, say: Callable[[str], None]) -> list[str]:
    """Bring back what should run; finish what was being made or removed when its process died. Returns what failed."""
    failures = _each(house.records.vms(), lambda vm: _finish(house, vm.cid, say))
    house.machines.reconcile_network()
    failures += _each(house.records.vms(), lambda vm: _revive(house, vm.cid, say))
    _empty_trash(house)
    return failures


def _finish(house: Rooms, cid: str, say: Callable[[str], None]) -> None:
    """A VM that is half made was never handed out; one half removed is wanted no more."""
    with house.records.lock("vm", cid):
        vm = house.records.vm(cid)
        if vm is not None and vm.phase != RUNNING:
            say(f"removing {cid}: {vm.phase} when its call ended")
            house.machines.destroy(vm)


def _revive(house: Rooms, cid: str, say: Callable[[str], None]) -> None:
    with house.records.lock("vm", cid):
        vm = house.records.vm(cid)
        if vm is None or vm.phase != RUNNING or house.machines.is_running(vm):
            return
        say(f"starting {cid}")
        house.machines.stop(vm)
        house.machines.drop(vm)
        house.machines.prepare(vm)
        house.machines.start(vm)


def destroy_all(config: Config, say: Callable[[str], None]) -> list[str]:
    """Remove everything this CPI ever made under its state directory, and the directory. Returns what resists.

    In good order where the records tell what there is; by force where they are damaged or lost.
    """
    for failure in _destroy_recorded(config, say) if config.state_dir.exists() else []:
        say(f"by force: {failure}")
    failures = sweep(config)
    if not failures:
        remove_tree(config.state_dir)
    return failures


def _destroy_recorded(config: Config, say: Callable[[str], None]) -> list[str]:
    try:
        house = rooms(config)
        records = house.records
        return [
            *_each(records.vms(), lambda vm: _destroy_vm(house, vm.cid, say)),
            *_each(records.disks(), lambda disk: house.disks.destroy(disk.cid)),
            *_each([house.machines], lambda machines: machines.reconcile_network()),
        ]
    except Exception as error:  # noqa: BLE001 - said, and made up for
        return [f"the records cannot be read: {type(error).__name__}: {error}"]


def _destroy_vm(house: Rooms, cid: str, say: Callable[[str], None]) -> None:
    with house.records.lock("vm", cid):
        current = house.records.vm(cid)
        if current is not None:
            say(f"removing {cid}")
            house.machines.destroy(current)


def _empty_trash(house: Rooms) -> None:
    """What is being made there now is no trash."""
    for path in (house.records.directory / "trash").iterdir():
        with suppress(BlockingIOError), house.records.lock("draft", path.name, patient=False):
            remove_tree(path)


def _each(items: list[Any], work: Callable[[Any], None]) -> list[str]:
    """One failure does not keep the others from their turn."""
    failures = []
    for item in items:
        try:
            work(item)
        except Exception as error:  # noqa: BLE001 - reported by the caller, with all others
            failures.append(f"{getattr(item, 'cid', 'network')}: {error}")
    return failures
