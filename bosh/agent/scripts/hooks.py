"""pre-start, post-start, post-deploy, pre-stop, post-stop: of all jobs at once (bosh-agent: agent/script)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bosh.agent.machine.commands import SCRIPT_PATH, Command, Commands
from bosh.agent.paths import Paths
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)


async def run_hook(
    name: str,
    jobs: Sequence[str],
    env: Mapping[str, str],
    paths: Paths,
    commands: Commands,
    *,
    cancelled: asyncio.Event | None = None,
) -> None:
    """Run ``bin/<name>`` of every job that has one and wait for all.

    Output is appended to ``sys/log/<job>/<name>.{stdout,stderr}.log``. There is no time-out.

    Raises:
        BoshError: any failed; the text is the original's, which operators search for.
    """

    async def run(job: str) -> None:
        logs = paths.logs / job
        command = Command(
            [str(paths.job_bin(job) / name)],
            env={"PATH": SCRIPT_PATH, **env},
            stdout=logs / f"{name}.stdout.log",
            stderr=logs / f"{name}.stderr.log",
            lower_priority=True,
        )
        result = await commands.run(command, cancelled=cancelled)
        if result.status != 0:
            raise BoshError(f"exit status {result.status}")

    await all_jobs(name, [job for job in jobs if (paths.job_bin(job) / name).exists()], run)


async def all_jobs(name: str, jobs: Sequence[str], run: Callable[[str], Awaitable[None]]) -> None:
    """Run for all jobs at once.

    Raises:
        BoshError: ``N of M <name> scripts failed. Failed Jobs: …. Successful Jobs: ….``
    """
    outcomes = await asyncio.gather(*(run(job) for job in jobs), return_exceptions=True)
    failed: list[str] = []
    passed: list[str] = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, asyncio.CancelledError):
            raise outcome
        if isinstance(outcome, BaseException):
            log.error("%s script of job %s failed: %s", name, job, outcome)
        (failed if isinstance(outcome, BaseException) else passed).append(job)
    if failed:
        raise BoshError(f"{len(failed)} of {len(jobs)} {name} scripts failed. {_summary(failed, passed)}.")


def _summary(failed: Sequence[str], passed: Sequence[str]) -> str:
    text = "Failed Jobs: " + ", ".join(failed)
    return text + (". Successful Jobs: " + ", ".join(passed) if passed else "")
