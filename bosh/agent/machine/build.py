"""The real machine, and one whose users, mounts and disks are in memory while its files and scripts are real."""

from __future__ import annotations

from bosh.agent.config import LinuxOptions
from bosh.agent.machine.certificates import Certificates
from bosh.agent.machine.commands import Commands, FakeCommands, SystemCommands
from bosh.agent.machine.disks import Disks
from bosh.agent.machine.ephemeral import EphemeralDisk
from bosh.agent.machine.hosts import Hosts
from bosh.agent.machine.machine import Machine
from bosh.agent.machine.mounts import FakeMounts, Mounts, SystemMounts
from bosh.agent.machine.ownership import NoOwnership, Ownership, SystemOwnership
from bosh.agent.machine.users import FakeUsers, SystemUsers, Users
from bosh.agent.machine.vitals import FakeVitals, SystemVitals, VitalsReader
from bosh.agent.paths import Paths
from bosh.system.clock import Clock


def linux(paths: Paths, options: LinuxOptions, clock: Clock) -> Machine:
    """This machine."""
    commands, ownership = SystemCommands(), SystemOwnership()
    mounts = SystemMounts(commands, clock)
    users = SystemUsers(commands, ownership, paths.etc)
    return _assemble(paths, options, clock, commands, ownership, users, mounts, SystemVitals(paths, mounts))


def dummy(paths: Paths, options: LinuxOptions, clock: Clock) -> Machine:
    """``-P dummy``: needs no root and leaves the machine as it is."""
    return _assemble(paths, options, clock, FakeCommands(), NoOwnership(), FakeUsers(), FakeMounts(), FakeVitals())


def _assemble(  # noqa: PLR0917
    paths: Paths,
    options: LinuxOptions,
    clock: Clock,
    tools: Commands,
    ownership: Ownership,
    users: Users,
    mounts: Mounts,
    vitals: VitalsReader,
) -> Machine:
    disks = Disks(options, paths, mounts, tools, clock)
    return Machine(
        commands=SystemCommands(),
        tools=tools,
        ownership=ownership,
        users=users,
        mounts=mounts,
        disks=disks,
        ephemeral=EphemeralDisk(disks, mounts, tools, paths.data),
        hosts=Hosts(paths.etc, tools),
        certificates=Certificates(paths.root / "usr/local/share/ca-certificates", tools),
        vitals=vitals,
    )
