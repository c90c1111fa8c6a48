"""Jobs' monit files: what the agent reads of them and changes in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bosh.agent.supervise.monit_files import detached, processes

LAUNCHER = Path("/usr/lib/bosh/monit-start")
SCRIPT = Path(__file__).parents[4] / "stemcells/stages/60-monit/files/usr/lib/bosh/monit-start"

FILE = """\
check process web
  with pidfile /var/vcap/sys/run/web/web.pid
  start program "/var/vcap/jobs/web/bin/ctl start" with timeout 60 seconds
  stop program "/var/vcap/jobs/web/bin/ctl stop"
  group vcap

check process "worker" matching "worker.py"
  start program = '/var/vcap/jobs/web/bin/worker start'
  stop program = '/var/vcap/jobs/web/bin/worker stop'
"""


def test_processes_are_read_with_their_pid_files():
    assert processes(FILE) == {"web": Path("/var/vcap/sys/run/web/web.pid"), "worker": None}


def test_start_programs_are_given_to_the_launcher_and_nothing_else_changes():
    changed = detached(FILE, LAUNCHER)
    assert (
        '"/usr/lib/bosh/monit-start /var/vcap/sys/run/web/web.pid /var/vcap/jobs/web/bin/ctl start" with timeout 60'
        in changed
    )
    assert "'/usr/lib/bosh/monit-start - /var/vcap/jobs/web/bin/worker start'" in changed
    assert changed.replace(f"{LAUNCHER} /var/vcap/sys/run/web/web.pid ", "").replace(f"{LAUNCHER} - ", "") == FILE


@pytest.mark.parametrize("text", ["", "# nothing\n", 'check file x with path /x\n  start program "/bin/true"\n'])
def test_a_file_without_processes_stays_as_it_is(text):
    assert detached(text, LAUNCHER) == text


def launched(pidfile: Path, program: Path) -> int:
    return subprocess.run(["sh", SCRIPT, str(pidfile), str(program)], check=False, timeout=60).returncode


def program_of(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_the_launcher_comes_back_when_the_process_that_the_program_became_runs(tmp_path):
    pidfile = tmp_path / "pid"
    program = program_of(tmp_path, f"echo $$ > {pidfile}; exec sleep 40")
    assert launched(pidfile, program) == 0
    # It still runs, or this would fail.
    subprocess.run(["kill", pidfile.read_text().strip()], check=True)


@pytest.mark.slow
def test_the_launcher_has_the_status_of_a_program_that_ends(tmp_path):
    assert launched(tmp_path / "pid", program_of(tmp_path, "exit 7")) == 7
