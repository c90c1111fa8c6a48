"""The CPI's configuration, read once per call from a JSON object."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed

DEFAULT_RANGES = (IPv4Network("10.244.0.0/16"),)
DEFAULT_DYNAMIC_RANGE = IPv4Network("10.244.254.0/24")
DEFAULT_MANAGED_RANGE = IPv4Network("10.244.192.0/19")


@dataclass(frozen=True, slots=True)
class Config:
    """Where everything lives and what every VM gets."""

    state_dir: Path
    """Owns every VM root, disk, stemcell and record; on a file system that can be an overlay's upper layer (ext4, xfs)."""
    ranges: tuple[IPv4Network, ...] = DEFAULT_RANGES
    """Addresses that belong to VMs: routed nowhere else while any VM lives."""
    dynamic_range: IPv4Network = DEFAULT_DYNAMIC_RANGE
    managed_range: IPv4Network = DEFAULT_MANAGED_RANGE
    host_addresses: tuple[IPv4Address, ...] = ()
    """Addresses inside ``ranges`` that the machine itself has and keeps, such as a director's; they are never given to a VM."""
    dns: tuple[str, ...] = ()
    """For VMs whose networks name none; empty: the machine's own."""
    agent: Mapping[str, Any] = field(default_factory=dict)
    """``mbus``, ``blobstore``, ``ntp``, ``trusted_certs`` for agents, where the director says nothing."""
    runc: str = "runc"

    @property
    def id(self) -> str:
        """Eight digits that tell what this state directory owns from what another one owns."""
        return hashlib.sha256(str(self.state_dir).encode()).hexdigest()[:8]

    @property
    def owner(self) -> str:
        """The alias of every interface made for this state directory."""
        return f"bosh {self.id}"

    @property
    def cgroup(self) -> str:
        """The parent of all VMs' control groups."""
        return f"bosh-{self.id}"


def parse_config(content: Mapping[str, Any]) -> Config:
    """Read the keys this CPI knows; the rest belongs to others (a CPI config's free properties).

    Raises:
        CloudFailed: ``state_dir`` is missing or unusable, or a range is none.
    """
    known = {name: content[name] for name in (item.name for item in fields(Config)) if content.get(name) is not None}
    state_dir = Path(str(known.get("state_dir") or ""))
    if not state_dir.is_absolute() or set(str(state_dir)) & set(":,\\ \n"):
        raise CloudFailed(
            f"cannot use state_dir {str(state_dir)!r}",
            resolution="Set 'state_dir' in the CPI's configuration to an absolute path without blanks, colons and commas.",
        )
    try:
        return Config(
            state_dir=state_dir,
            ranges=tuple(IPv4Network(text) for text in known.get("ranges", DEFAULT_RANGES)),
            dynamic_range=IPv4Network(known.get("dynamic_range", DEFAULT_DYNAMIC_RANGE)),
            managed_range=IPv4Network(known.get("managed_range", DEFAULT_MANAGED_RANGE)),
            host_addresses=tuple(IPv4Address(text) for text in known.get("host_addresses", ())),
            dns=tuple(str(IPv4Address(text)) for text in known.get("dns", ())),
            agent=dict(known.get("agent", {})),
            runc=str(known.get("runc", "runc")),
        )
    except (ValueError, TypeError) as error:
        raise CloudFailed("cannot use the CPI's configuration", details=str(error)) from error
