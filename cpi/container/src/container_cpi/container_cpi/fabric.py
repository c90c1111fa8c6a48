"""Make the machine's network what the VMs' records say, and remember what was made so that it can go again."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed
from cpi_kit.files import read_json, write_json

from container_cpi import kernel, links, neighbours
from container_cpi.config import Config
from container_cpi.fabric_plan import Fabric, table_name

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_CHANGING = "changing"
"""Recorded while the firewall is being replaced: after a crash nobody knows which one stands."""


@dataclass(frozen=True, slots=True)
class Made:
    """What stands, or was about to: written before the kernel hears of it."""

    bridges: frozenset[str] = frozenset()
    guards: frozenset[IPv4Network] = frozenset()
    firewall: str = ""
    boot_id: str = ""
    switched_forwarding_on: bool = False


class Network:
    """The acting side of ``fabric_plan``. Callers hold the network lock."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._file = config.state_dir / "network.json"

    def check(self, wanted: Fabric) -> None:
        """Refuse a range that the machine uses for something else.

        Raises:
            CloudFailed: with the range and what it collides with.
        """
        made = self.made()
        with links.netlink() as ip:
            routes, addresses = links.routes(ip), links.addresses(ip)
        others = [route for route in routes if route.device not in made.bridges]
        for guard in wanted.guards:
            for route in others:
                own = route.is_guard and route.range in made.guards
                if not own and route.range.overlaps(guard):
                    raise _collision(guard, f"route {route.range} {route.device or 'unreachable'}")
            for address, device in addresses.items():
                ours = device in made.bridges or address.ip in self._config.host_addresses
                if not ours and address.ip in guard:
                    raise _collision(guard, f"address {address} of {device}")

    def apply(self, wanted: Fabric) -> None:
        """Add what is missing, remove what is too much. Idempotent."""
        made = self.made()
        standing = Made(
            bridges=made.bridges | wanted.bridges.keys(),
            guards=made.guards | wanted.guards,
            firewall=made.firewall if made.firewall == wanted.firewall else _CHANGING,
            boot_id=kernel.boot_id(),
            switched_forwarding_on=made.switched_forwarding_on or self._must_switch_forwarding_on(wanted),
        )
        if standing != made:
            self._save(standing)
        with links.netlink() as ip:
            self._add(ip, wanted)
            self._filter(standing, wanted)
            self._remove(ip, standing, wanted)
        if not wanted.bridges:
            self._switch_forwarding_off(standing)
            self._file.unlink(missing_ok=True)
            return
        kept = replace(standing, bridges=frozenset(wanted.bridges), guards=wanted.guards, firewall=wanted.firewall)
        if kept != standing:
            self._save(kept)

    def made(self) -> Made:
        """After a restart of the machine nothing stands any more, firewall included."""
        body: Mapping[str, Any] = read_json(self._file) or {}
        if not body or body["boot_id"] != kernel.boot_id():
            return Made()
        return Made(
            frozenset(body["bridges"]),
            frozenset(IPv4Network(text) for text in body["guards"]),
            body["firewall"],
            body["boot_id"],
            body["switched_forwarding_on"],
        )

    def _save(self, made: Made) -> None:
        body = {
            "bridges": sorted(made.bridges),
            "guards": sorted(map(str, made.guards)),
            "firewall": made.firewall,
            "boot_id": made.boot_id,
            "switched_forwarding_on": made.switched_forwarding_on,
        }
        write_json(self._file, body)

    def _add(self, ip: Any, wanted: Fabric) -> None:
        """Guards first: no packet may find the way out before they stand."""
        for guard in sorted(wanted.guards):
            links.add_guard(ip, guard)
        present = links.addresses(ip)
        known = links.devices(ip)
        for bridge, addresses in wanted.bridges.items():
            index = known.get(bridge) or links.add_bridge(ip, bridge, self._config.owner)
            links.set_addresses(
                ip, index, [item for item, device in present.items() if device == bridge], list(addresses)
            )

    def _must_switch_forwarding_on(self, wanted: Fabric) -> bool:
        return bool(wanted.bridges) and _FORWARDING.read_text().strip() == "0"

    def _filter(self, standing: Made, wanted: Fabric) -> None:
        """The firewall before forwarding; both before any VM is connected."""
        if standing.firewall == _CHANGING:
            self._nft(wanted.firewall or self._no_table())
            neighbours.make_way(self._config, wanted.bridges)
        if self._must_switch_forwarding_on(wanted):
            _FORWARDING.write_text("1")

    def _no_table(self) -> str:
        table = table_name(self._config)
        return f"table ip {table} {{ }}\ndelete table ip {table}\n"

    def _remove(self, ip: Any, standing: Made, wanted: Fabric) -> None:
        for bridge in standing.bridges - wanted.bridges.keys():
            links.remove_device(ip, bridge)
        for guard in standing.guards - wanted.guards:
            links.remove_guard(ip, guard)

    def _switch_forwarding_off(self, standing: Made) -> None:
        """Only if it was ours to switch on, and no other container cloud on this machine relies on it."""
        with links.netlink() as ip:
            others = [name for name in links.devices(ip) if name.startswith("bosh-")]
        if standing.switched_forwarding_on and not others:
            _FORWARDING.write_text("0")

    def _nft(self, rules: str) -> None:
        try:
            subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True, capture_output=True, timeout=30)
        except FileNotFoundError as error:
            raise CloudFailed("cannot set up the firewall", resolution="Install nftables.") from error
        except subprocess.CalledProcessError as error:
            raise CloudFailed("cannot set up the firewall", details=error.stderr.decode(errors="replace")) from error


def _collision(guard: IPv4Network, other: str) -> CloudFailed:
    return CloudFailed(
        f"cannot use addresses of {guard} for VMs",
        details=f"this machine uses them already: {other}",
        resolution="Choose another range for the networks of the cloud config and 'ranges' of the CPI.",
    )
