"""The directory that is the cloud: one JSON record for each thing, under ``<dir>/<nouns>/``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

from cpi_kit.files import locked, read_json, safe_cid, write_json

NOUNS = ("stemcells", "vms", "disks", "snapshots", "networks", "addresses")


class Store:
    """Records by noun and cid. Callers hold ``lock`` around a change that reads first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for noun in NOUNS:
            (directory / noun).mkdir(parents=True, exist_ok=True)

    def lock(self) -> Any:
        """A context manager: one change at a time in this cloud."""
        return locked(self.directory / "lock")

    def read(self, noun: str, cid: str) -> dict[str, Any] | None:
        return read_json(self._path(noun, cid)) if safe_cid(cid) else None

    def vm_of_agent(self, agent_id: str) -> dict[str, Any] | None:
        """The VM with this agent, if there is one."""
        records = (read_json(path) for path in (self.directory / "vms").glob("*/vm.json"))
        return next((record for record in records if record and record["agent_id"] == agent_id), None)

    def write(self, noun: str, cid: str, record: Mapping[str, Any]) -> None:
        path = self._path(noun, cid)
        path.parent.mkdir(exist_ok=True)
        write_json(path, record)

    def write_settings(self, vm: str, settings: Mapping[str, Any]) -> None:
        write_json(self.directory / "vms" / vm / "settings.json", settings)

    def remove(self, noun: str, cid: str) -> None:
        if not safe_cid(cid):
            return
        if noun == "vms":
            rmtree(self.directory / noun / cid, ignore_errors=True)
        else:
            self._path(noun, cid).unlink(missing_ok=True)

    def _path(self, noun: str, cid: str) -> Path:
        return self.directory / noun / cid / "vm.json" if noun == "vms" else self.directory / noun / f"{cid}.json"

    def next_address(self, network_range: str) -> str:
        """The next address of a counter; addresses come back only when the counter has gone round the range."""
        network = ipaddress.ip_network(network_range)
        path = self.directory / "next_address.json"
        used = read_json(path) or {}
        offset = used.get(network_range, 1) % max(network.num_addresses - 3, 1) + 1
        write_json(path, {**used, network_range: offset})
        return str(network[offset])
