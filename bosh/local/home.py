"""Where the one-machine environment lives. Everything below ``root`` is ours and goes with ``bosh down``."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

DEFAULT_ROOT = Path("/var/lib/bosh-local")
DEFAULT_NETWORK = IPv4Network("10.244.0.0/16")
DEFAULT_PORT = 25555


@dataclass(frozen=True, slots=True)
class Home:
    """One environment: its folder, its network, its ports. Two of them do not meet when all three differ."""

    root: Path = DEFAULT_ROOT
    network: IPv4Network = DEFAULT_NETWORK
    """VMs' addresses; the last but one is the director's."""
    port: int = DEFAULT_PORT
    """The director's; NATS, blobstore and health monitor take the offsets of the original's ports from it."""
    alias: str = "local"
    """Name in the CLI's config file."""

    @property
    def host_address(self) -> IPv4Address:
        """Where VMs find the bus and the blobstore: an address of this machine inside the VMs' network."""
        return self.network.broadcast_address - 1

    @property
    def nats_port(self) -> int:
        return self.port - 25555 + 4222

    @property
    def blobstore_port(self) -> int:
        return self.port - 25555 + 25250

    @property
    def monitor_port(self) -> int:
        return self.port - 25555 + 25923

    @property
    def identity_file(self) -> Path:
        return self.root / "identity.json"

    @property
    def stemcells_file(self) -> Path:
        """Digest of each stemcell uploaded so far → its version here."""
        return self.root / "stemcells.json"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def director_state(self) -> Path:
        return self.root / "director"

    @property
    def cpi_state(self) -> Path:
        return self.root / "cpi"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def supervisor_socket(self) -> Path:
        return self.root / "supervisor.sock"

    @property
    def supervisor_pid(self) -> Path:
        return self.root / "supervisor.pid"
