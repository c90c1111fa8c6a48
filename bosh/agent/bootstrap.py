"""From a booted machine with settings to one that can take jobs (bosh-agent: agent/bootstrap.go). Every step may be repeated."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from bosh.agent.config import LinuxOptions
from bosh.agent.install.installer import Installer
from bosh.agent.machine.commands import Command
from bosh.agent.machine.machine import Machine
from bosh.agent.machine.mounts import at
from bosh.agent.paths import Paths
from bosh.agent.settings import SettingsStore, disk_hint
from bosh.agent.spec import SpecStore
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)

RUN_TMPFS_SIZE = "16m"
JOB_TMPFS_SIZE = "100m"


async def prepare_machine(paths: Paths, settings: SettingsStore, machine: Machine, options: LinuxOptions) -> None:
    """Name, accounts, disks, directories.

    Raises:
        BoshError: what cannot be set up, by name.
    """
    current = settings.current
    await machine.hosts.name_machine(current.agent_id)
    await _accounts(settings, machine)
    if not options.skip_disk_setup:
        await _mount_ephemeral(settings, machine)
    make_directories(paths, machine)
    await _mount_run(paths, settings, machine)
    await _mount_job_tmpfs(paths, settings, machine)
    if not options.default_tmp_dir:
        await _move_tmp(paths, machine)
    os.environ["TMPDIR"] = str(paths.temporary)
    await machine.certificates.trust(current.trusted_certs or str(settings.updates.get("trusted_certs") or ""))
    await machine.disks.mount_last(settings.persistent_disks())
    check_disks(settings)


async def _mount_ephemeral(settings: SettingsStore, machine: Machine) -> None:
    hint = settings.current.disks.get("ephemeral")
    if not hint:
        return
    swap = settings.bosh_env.get("swap_size")
    memory_mib = machine.vitals.memory_kb() // 1024
    wanted = None if swap is None else int(swap)
    await machine.ephemeral.set_up(disk_hint("ephemeral", hint, {}), memory_mib, wanted)


async def _mount_job_tmpfs(paths: Paths, settings: SettingsStore, machine: Machine) -> None:
    """``env.bosh.job_dir.tmpfs``: rendered templates and their secrets never reach a disk."""
    wanted = settings.bosh_env.get("job_dir") or {}
    if not wanted.get("tmpfs"):
        return
    for directory in (paths.data / "jobs", paths.sensitive_blobs):
        if at(machine.mounts, directory) is None:
            await machine.mounts.tmpfs(directory, str(wanted.get("tmpfs_size") or JOB_TMPFS_SIZE))
            directory.chmod(0o750)
            machine.ownership.root_vcap(directory)


async def _move_tmp(paths: Paths, machine: Machine) -> None:
    """``/tmp`` and ``/var/tmp`` on the ephemeral disk, without programs and devices."""
    source = paths.data / "root_tmp"
    _make(source, 0o1777)
    machine.ownership.root_vcap(source)
    for point in (paths.root / "tmp", paths.root / "var" / "tmp"):
        if at(machine.mounts, point) is None:
            await machine.mounts.bind(source, point, ("nodev", "nosuid", "noexec"))


async def _accounts(settings: SettingsStore, machine: Machine) -> None:
    env = settings.bosh_env
    password = str(env.get("password") or "")
    if not env.get("keep_root_password"):
        await machine.users.set_password("root", password)
    await machine.users.set_password("vcap", password)
    if keys := env.get("authorized_keys"):
        await machine.users.authorize("vcap", [str(key) for key in keys])


def make_directories(paths: Paths, machine: Machine) -> None:
    """The layout below the base directory (reference: SetupDataDir, SetupBlobsDir, SetupTmpDir)."""
    for path, mode in (
        (paths.bosh, 0o755),
        (paths.agent_logs, 0o750),
        (paths.data, 0o755),
        (paths.instance, 0o755),
        (paths.monit_jobs, 0o700),
        (paths.compile, 0o755),
        (paths.store, 0o755),
    ):
        _make(path, mode)
    for path, mode in (
        (paths.data / "sys", 0o755),
        (paths.data / "sys" / "log", 0o750),
        (paths.data / "sys" / "run", 0o755),
        (paths.data / "jobs", 0o750),
        (paths.data / "packages", 0o755),
        (paths.dynamic_disks, 0o750),
        (paths.blobs, 0o700),
        (paths.sensitive_blobs, 0o700),
        (paths.temporary, 0o770),
        (paths.jobs, 0o750),
        (paths.base / "packages", 0o755),
    ):
        _make(path, mode)
        machine.ownership.root_vcap(path)
    link = paths.base / "sys"
    if not link.is_symlink():
        _refuse_directory(link)
        link.symlink_to(paths.data / "sys")


def _make(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def _refuse_directory(link: Path) -> None:
    """An empty directory in the link's place is made way for; one with content is not ours to lose."""
    if link.is_dir():
        try:
            link.rmdir()
        except OSError as error:
            raise BoshError(
                f"cannot link {link}", details=f"a directory with content is in its place: {error}"
            ) from error


async def _mount_run(paths: Paths, settings: SettingsStore, machine: Machine) -> None:
    """Pid files must not outlive a reboot: a tmpfs, where the machine lets us."""
    run = paths.data / "sys" / "run"
    if at(machine.mounts, run) is not None:
        return
    size = str((settings.bosh_env.get("run_dir") or {}).get("tmpfs_size") or RUN_TMPFS_SIZE)
    try:
        await machine.mounts.tmpfs(run, size)
    except BoshError as error:
        log.warning("%s stays on disk: %s", run, error)
        return
    run.chmod(0o755)
    machine.ownership.root_vcap(run)


def check_disks(settings: SettingsStore) -> None:
    """Raises BoshError when a named disk is gone, or more disks are attached than are named."""
    disks, associations = settings.persistent_disks(), settings.updates.get("disk_associations") or ()
    for association in associations:
        if association["cid"] not in disks:
            raise BoshError(f"Disk {association['cid']} is not attached")
    if len(disks) > 1 and len(disks) > len(associations):
        raise BoshError("Unexpected disk attached", details=", ".join(sorted(disks)))


def prepare_jobs(specs: SpecStore, installer: Installer) -> None:
    """Directories of the applied jobs: those on a tmpfs went with the last boot."""
    for job in specs.get().jobs:
        installer.make_job_directories(job.name)


async def make_host_keys(paths: Paths, machine: Machine) -> None:
    """The keys of the SSH server, where the stemcell has one and leaves them to the first boot."""
    ssh = paths.etc / "ssh"
    if (ssh / "sshd_config").exists() and not (ssh / "ssh_host_rsa_key.pub").exists():
        result = await machine.tools.run(Command(["ssh-keygen", "-A"]))
        if result.status != 0:
            log.warning("no host keys: %s", result.stderr)
