"""bosh/agent/scripts/drain.py"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bosh.agent.machine.commands import Command, Result
from bosh.agent.paths import Paths
from bosh.agent.scripts.drain import DrainArguments, arguments, drain_all
from bosh.agent.spec import Spec
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError

ARCHIVE = {"rendered_templates_archive": {"sha1": "x"}}


def spec(configuration: str = "h", disk: int = 0, jobs: int = 1, **packages: str) -> Spec:
    return Spec(
        {
            "job": {"templates": [{"name": f"j{number}", "version": "1"} for number in range(jobs)]},
            "configuration_hash": configuration,
            "persistent_disk": disk,
            "packages": {name: {"name": name, "version": "1", "sha1": digest} for name, digest in packages.items()},
            **ARCHIVE,
        }
    )


def test_what_a_script_is_told() -> None:
    told = arguments("shutdown", spec(disk=5), None)
    assert told.argv() == ["job_shutdown", "hash_unchanged"]
    assert told.env() == {"BOSH_JOB_STATE": '{"persistent_disk":5}'}
    told = arguments("update", spec("h", a="1", b="1"), spec("g", disk=9, a="1", b="2", c="1"))
    assert told.argv() == ["job_changed", "hash_changed", "b", "c"]
    assert told.env()["BOSH_JOB_NEXT_STATE"] == '{"persistent_disk":9}'
    assert arguments("update", spec("h"), spec("h")).argv() == ["job_changed", "hash_unchanged"]
    assert arguments("update", spec("", jobs=0), spec("h")).argv() == ["job_new", "hash_new"]


@pytest.mark.parametrize("kind", ["update", "status", "other"])
def test_what_is_refused(kind: str) -> None:
    with pytest.raises(BoshError):
        arguments(kind, spec(), None)


class Answering:
    """Scripts that print the given lines in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.told: list[list[str]] = []

    async def run(self, command: Command, *, cancelled: asyncio.Event | None = None) -> Result:
        del cancelled
        self.told.append(list(command.argv[1:]))
        return Result(0, self.answers.pop(0))

    async def check(self, argv: Sequence[str]) -> Result:
        raise NotImplementedError


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    paths.job_bin("a").mkdir(parents=True)
    (paths.job_bin("a") / "drain").touch()
    return paths


async def drain(paths: Paths, *answers: str) -> tuple[Answering, FakeClock]:
    commands, clock = Answering(*answers), FakeClock()
    told = DrainArguments("job_shutdown", "hash_unchanged")
    await drain_all(["a", "without"], told, paths, commands, clock, asyncio.Event())
    return commands, clock


async def test_a_static_drain_waits_once(paths: Paths) -> None:
    commands, clock = await drain(paths, "7\n")
    assert (clock.monotonic_s(), len(commands.told)) == (7, 1)


async def test_a_dynamic_drain_is_asked_until_it_is_done(paths: Paths) -> None:
    commands, clock = await drain(paths, "-5", "-3", "0")
    assert clock.monotonic_s() == 8
    assert commands.told == [["job_shutdown", "hash_unchanged"], *[["job_check_status", "hash_unchanged"]] * 2]


async def test_no_integer_no_drain(paths: Paths) -> None:
    with pytest.raises(BoshError, match="1 of 1 drain scripts failed"):
        await drain(paths, "soon")
