"""The drain protocol (bosh-agent: agent/script/drain; docs-bosh: drain.md).

A script prints one integer: 0 or more, wait that many seconds and be done; less, wait and ask again with ``job_check_status``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bosh.agent.machine.commands import SCRIPT_PATH, Command, Commands
from bosh.agent.paths import Paths
from bosh.agent.scripts.hooks import all_jobs
from bosh.agent.spec import Spec
from bosh.system.clock import Clock
from bosh.wire.errors import BoshError

CANCELLED = "Script was cancelled by user request"


@dataclass(frozen=True, slots=True)
class DrainArguments:
    """What a drain script is told: its arguments and, in the environment, the state now and next."""

    job: str
    hash: str
    packages: tuple[str, ...] = ()
    state: str = ""
    next_state: str = ""

    def argv(self) -> list[str]:
        return [self.job, self.hash, *self.packages]

    def env(self) -> dict[str, str]:
        states = {"BOSH_JOB_STATE": self.state, "BOSH_JOB_NEXT_STATE": self.next_state}
        return {name: value for name, value in states.items() if value}


def arguments(kind: str, current: Spec, wanted: Spec | None) -> DrainArguments:
    """Of a drain of kind ``update`` or ``shutdown``.

    Raises:
        BoshError: another kind, or an update to nothing.
    """
    match kind:
        case "shutdown":
            return DrainArguments("job_shutdown", "hash_unchanged", (), _state(current), _state(wanted))
        case "update":
            if wanted is None:
                raise BoshError("Drain update requires new spec")
            return _update(current, wanted)
        case "status":
            raise BoshError("Unexpected call with drain type 'status'")
        case _:
            raise BoshError(f"cannot drain: unknown type '{kind}'")


def _update(current: Spec, wanted: Spec) -> DrainArguments:
    job = "job_changed" if current.jobs else "job_new"
    if not current.configuration_hash:
        changed = "hash_new"
    elif current.configuration_hash == wanted.configuration_hash:
        changed = "hash_unchanged"
    else:
        changed = "hash_changed"
    known = {package.name: package.source.digest for package in current.packages}
    packages = sorted(p.name for p in wanted.packages if known.get(p.name) != p.source.digest)
    return DrainArguments(job, changed, tuple(packages), _state(current), _state(wanted))


def _state(spec: Spec | None) -> str:
    return "" if spec is None else json.dumps({"persistent_disk": spec.persistent_disk_mb}, separators=(",", ":"))


async def drain_all(
    jobs: Sequence[str],
    told: DrainArguments,
    paths: Paths,
    commands: Commands,
    clock: Clock,
    cancelled: asyncio.Event,
) -> None:
    """Drain every job that has a script, all at once, until each says that it is done.

    Raises:
        BoshError: a script did not print an integer, or the drain was cancelled.
    """

    async def run(job: str) -> None:
        await _drain_one(str(paths.job_bin(job) / "drain"), told, commands, clock, cancelled)

    await all_jobs("drain", [job for job in jobs if (paths.job_bin(job) / "drain").exists()], run)


async def _drain_one(
    script: str, told: DrainArguments, commands: Commands, clock: Clock, cancelled: asyncio.Event
) -> None:
    while True:
        answer = await _ask(script, told, commands, cancelled)
        await _wait(abs(answer), clock, cancelled)
        if answer >= 0:
            return
        told = DrainArguments("job_check_status", "hash_unchanged", (), told.state)


async def _ask(script: str, told: DrainArguments, commands: Commands, cancelled: asyncio.Event) -> int:
    command = Command([script, *told.argv()], env={"PATH": SCRIPT_PATH, **told.env()})
    result = await commands.run(command, cancelled=cancelled)
    if result.cancelled:
        raise BoshError(CANCELLED)
    try:
        return int(result.stdout.strip())
    except ValueError as error:
        raise BoshError(
            "Script did not return a signed integer",
            details=f"exit status {result.status}, stdout: '{result.stdout}', stderr: '{result.stderr}'",
        ) from error


async def _wait(seconds: int, clock: Clock, cancelled: asyncio.Event) -> None:
    """Sleep, unless cancelled meanwhile."""
    if seconds == 0:
        return
    sleep, stop = asyncio.ensure_future(clock.sleep_s(seconds)), asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait([sleep, stop], return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            raise BoshError(CANCELLED)
    finally:
        sleep.cancel()
        stop.cancel()
