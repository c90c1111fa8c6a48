"""The machine, by noun; each noun has a fake beside it."""

from __future__ import annotations

from dataclasses import dataclass

from bosh.agent.machine.certificates import Certificates
from bosh.agent.machine.commands import Commands
from bosh.agent.machine.disks import Disks
from bosh.agent.machine.ephemeral import EphemeralDisk
from bosh.agent.machine.hosts import Hosts
from bosh.agent.machine.mounts import Mounts
from bosh.agent.machine.ownership import Ownership
from bosh.agent.machine.users import Users
from bosh.agent.machine.vitals import VitalsReader


@dataclass(frozen=True, slots=True)
class Machine:
    commands: Commands
    """Runs what belongs to jobs: scripts, packaging, archives."""
    tools: Commands
    """Runs what changes the machine itself; a fake one in tests and simulations."""
    ownership: Ownership
    users: Users
    mounts: Mounts
    disks: Disks
    ephemeral: EphemeralDisk
    hosts: Hosts
    certificates: Certificates
    vitals: VitalsReader
