"""A VM from the stemcell: systemd comes up whole, the agent runs, monit supervises, people get in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

Vm = Any
"""``conftest.Vm``: conftest files cannot be imported by name."""

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


def test_systemd_reaches_its_target_with_nothing_failed(vm: Vm) -> None:
    vm.wait("systemd is running", lambda: vm.run("systemctl", "is-system-running", check=False).strip() == "running")
    assert vm.run("systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""
    timers = vm.run("systemctl", "list-units", "--type=timer", "--plain", "--no-legend").split("\n")
    assert sorted(line.split()[0] for line in timers if line) == ["logrotate.timer", "systemd-tmpfiles-clean.timer"]
    services = vm.run("systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend")
    assert {line.split()[0] for line in services.splitlines()} <= {
        "bosh-agent.service",
        "monit.service",
        "systemd-journald.service",
    }


def test_the_agent_runs_and_starts_monit(vm: Vm) -> None:
    vm.wait("monit is active", lambda: vm.run("systemctl", "is-active", "monit", check=False).strip() == "active")
    assert vm.run("systemctl", "is-active", "bosh-agent").strip() == "active"
    user = vm.run("cat", "/var/vcap/monit/monit.user").strip()
    status = ("curl", "--silent", "--fail", "--user", user, "http://127.0.0.1:2822/_status?format=xml")
    vm.wait("monit answers", lambda: "<monit" in vm.run(*status, check=False))


def test_monit_supervises_what_a_job_asks_for(vm: Vm) -> None:
    vm.wait("monit is active", lambda: vm.run("systemctl", "is-active", "monit", check=False).strip() == "active")
    job = (
        "check process sleeper with pidfile /run/sleeper.pid\n"
        "  start program \"/bin/sh -c 'sleep 1000 & echo $! > /run/sleeper.pid'\"\n  group vcap\n"
    )
    vm.run("sh", "-c", f"cat > /var/vcap/monit/job/0000_sleeper.monitrc <<'END'\n{job}END\n")
    vm.run("systemctl", "restart", "monit")
    vm.wait("sleeper is known", lambda: "sleeper" in vm.run("monit", "summary", check=False))
    vm.run("monit", "start", "sleeper")
    vm.wait("sleeper runs", lambda: vm.run("sh", "-c", "cat /run/sleeper.pid || true").strip().isdigit())
    pid = vm.run("cat", "/run/sleeper.pid").strip()

    vm.run("systemctl", "restart", "monit")
    assert vm.run("ps", "-o", "args=", "-p", pid).strip() == "sleep 1000"


def test_members_of_bosh_sshers_get_in_with_a_key_and_others_do_not(vm: Vm, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    key = (tmp_path / "key.pub").read_text()
    vm.wait("ssh listens", lambda: vm.run("systemctl", "is-active", "ssh.socket", check=False).strip() == "active")
    vm.run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "bosh_sshers,bosh_sudoers", "bosh_in")
    vm.run("useradd", "--create-home", "--shell", "/bin/bash", "bosh_out")
    for user in ("bosh_in", "bosh_out"):
        keys = f"/home/{user}/.ssh"
        vm.run("sh", "-c", f"install -d -m 700 -o {user} {keys} && echo '{key.strip()}' > {keys}/authorized_keys")

    options = [
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "BatchMode=yes",
        "-i",
        str(tmp_path / "key"),
    ]
    command = ["ip", "netns", "exec", vm.name, "ssh", *options]
    inside = subprocess.run(
        [*command, "bosh_in@127.0.0.1", "sudo -n id -un"], capture_output=True, text=True, check=False
    )
    assert inside.stdout == "root\n", inside.stderr
    outside = subprocess.run([*command, "bosh_out@127.0.0.1", "id"], capture_output=True, text=True, check=False)
    assert outside.returncode == 255
    assert "Permission denied" in outside.stderr

    told = vm.run("cat", "/etc/ssh/ssh_host_rsa_key.pub")
    assert told.startswith("ssh-ed25519 ")


def test_a_packaging_script_can_compile(vm: Vm) -> None:
    vm.wait("systemd is running", lambda: vm.run("systemctl", "is-system-running", check=False).strip() == "running")
    source = '#include <stdio.h>\\nint main(void) { puts(\\"compiled\\"); }\\n'
    assert vm.run("sh", "-c", f'cd /var/vcap/data && printf "{source}" > a.c && make -s a && ./a') == "compiled\n"


def test_rsyslog_starts_when_a_release_restarts_it(vm: Vm) -> None:
    vm.wait("systemd is running", lambda: vm.run("systemctl", "is-system-running", check=False).strip() == "running")
    assert vm.run("systemctl", "is-active", "rsyslog", check=False).strip() == "inactive"
    vm.run(
        "sh",
        "-c",
        "echo '*.* /var/log/all' > /etc/rsyslog.d/test.conf && service rsyslog restart && logger hello-from-test",
    )
    vm.wait("the line arrives", lambda: "hello-from-test" in vm.run("cat", "/var/log/all", check=False))


def test_the_machine_takes_an_id_of_its_own(vm: Vm) -> None:
    vm.wait("systemd is running", lambda: vm.run("systemctl", "is-system-running", check=False).strip() == "running")
    assert len(vm.run("cat", "/etc/machine-id").strip()) == 32
