from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from container_cpi import kernel


def test_a_process_is_known_by_its_start() -> None:
    ticks = kernel.started_ticks(os.getpid())
    assert ticks > 0
    assert kernel.started_ticks(os.getpid()) == ticks


def test_nobody_and_zombies_have_not_started() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert kernel.started_ticks(process.pid) == 0
    process.wait()
    assert kernel.started_ticks(2**22 + 1) == 0


def test_kills_the_very_process_and_no_other() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        ticks = kernel.started_ticks(process.pid)
        assert kernel.kill_and_wait(process.pid, ticks + 1, timeout_s=1)
        assert process.poll() is None
        assert kernel.kill_and_wait(process.pid, ticks, timeout_s=10)
        assert process.wait(10) == -9
    finally:
        process.kill()
        process.wait()


def test_exceptions_cross_threads() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        kernel.in_thread(fail)
    assert kernel.in_thread(lambda: 5) == 5


def test_capabilities_are_names() -> None:
    assert len(kernel.CAPABILITIES) == 41
    assert all(name.startswith("CAP_") for name in kernel.bounding_capabilities())


def test_root_is_mounted_and_nothing_else_by_that_name() -> None:
    assert kernel.is_mounted(Path("/"))
    assert not kernel.is_mounted(Path("/no/such/mount"))
    assert kernel.unmount(Path("/no/such/mount")) is False
