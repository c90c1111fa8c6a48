"""What a container VM is, seen from inside and outside."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from bosh.testing.container_vms import GATEWAY, Program, machine_state, manual
from bosh.wire import cpi as wire
from bosh.wire.agent_settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ONE = {"net": manual("10.245.77.5", dns=["10.1.2.3"])}


def formatted(program: Program, disk: str) -> str:
    """What an agent does with a new disk."""
    image = program.state_dir / "disks" / f"{disk}.img"
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True, timeout=20)
    return disk


def test_a_vm_finds_its_settings_names_and_owners(program: Program) -> None:
    vm, networks = program.create_vm(ONE)
    settings = Settings.from_json(json.loads(program.inside(vm, "cat /var/vcap/bosh/warden-cpi-agent-env.json")))
    assert (settings.agent_id, settings.vm_name, settings.mbus) == ("agent-id", vm, "nats://bus:4222")
    assert settings.networks == networks
    assert program.inside(vm, "stat -c %a /var/vcap/bosh/warden-cpi-agent-env.json") == "600"
    assert program.inside(vm, "hostname; cat /etc/hostname").split() == [vm, vm]
    assert program.inside(vm, "cat /etc/resolv.conf") == "nameserver 10.1.2.3"
    assert program.inside(vm, "stat -c '%a %u' / /var/vcap/data /etc/owned").splitlines() == [
        "755 0",
        "755 0",
        "640 1234",
    ]


def test_data_directory_is_no_overlay_and_sys_is_read_only(program: Program) -> None:
    vm = program.vm(ONE)
    mounts = {line.split()[1]: line.split() for line in program.inside(vm, "cat /proc/mounts").splitlines()}
    assert mounts["/"][2] == "overlay"
    assert mounts["/var/vcap/data"][2] != "overlay"
    assert "ro" in mounts["/sys"][3].split(",")
    program.inside(vm, "mkdir /sys/fs/cgroup/pids/x 2>/dev/null || mkdir /sys/fs/cgroup/x")


def test_limits_are_in_effect(program: Program) -> None:
    vm = program.vm(ONE, {"memory_mb": 64, "cpus": 0.5, "pids": 50})
    limits = program.inside(
        vm, "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max 2>/dev/null || cat memory.max pids.max"
    )
    assert limits.split() == [str(64 * 1024 * 1024), "50"]


def test_nothing_stays_of_a_vm_that_could_not_start(program: Program) -> None:
    stemcell = program.call("create_stemcell", str(program.image), {"init": ["/no/such/init"]})
    error = program.fails("create_vm", "a", stemcell, {}, ONE, [], {})
    assert (error.kind, error.ok_to_retry) == (wire.VM_CREATION_FAILED, True) or error.kind == wire.CLOUD_ERROR
    assert "/no/such/init" in error.message
    assert program.listed()["vms"] == []
    assert machine_state(program.config) == []


def test_an_address_has_one_vm(program: Program) -> None:
    vm = program.vm(ONE)
    stemcell = program.record(vm)["stemcell"]
    assert "10.245.77.5" in program.fails("create_vm", "b", stemcell, {}, ONE, [], {}).message
    assert [item["cid"] for item in program.listed()["vms"]] == [vm]


def test_a_stemcell_in_use_stays(program: Program) -> None:
    vm = program.vm(ONE)
    stemcell = program.record(vm)["stemcell"]
    assert vm in program.fails("delete_stemcell", stemcell).message
    program.call("delete_vm", vm)
    program.call("delete_stemcell", stemcell)
    assert program.listed()["stemcells"] == []


def test_a_killed_vm_is_missing_and_still_gives_back_its_disk(program: Program) -> None:
    vm = program.vm(ONE)
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, formatted(program, disk))
    program.inside(vm, f"mkdir /store && mount -t ext4 {path} /store && echo kept > /store/file && sync")
    os.kill(program.record(vm)["process"]["pid"], signal.SIGKILL)
    deadline_s = time.monotonic() + 10
    while program.call("has_vm", vm) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert program.call("has_vm", vm) is False
    program.call("detach_disk", vm, disk)
    program.call("delete_vm", vm)
    assert machine_state(program.config) == []
    other = program.vm({"net": manual("10.245.77.6")})
    path = program.call("attach_disk", other, disk)
    assert program.inside(other, f"mkdir /store && mount -t ext4 {path} /store && cat /store/file") == "kept"


def test_detach_unmounts_what_the_agent_left_mounted(program: Program) -> None:
    vm = program.vm(ONE)
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, formatted(program, disk))
    program.inside(vm, f"mkdir '/a store' && mount -t ext4 {path} '/a store'")
    program.call("detach_disk", vm, disk)
    assert "a\\040store" not in program.inside(vm, "cat /proc/mounts")
    assert program.tried_inside(vm, f"test -e {path}").returncode == 1
    assert not [item for item in machine_state(program.config) if item.startswith("loop")]


def test_detach_of_a_disk_in_use_is_refused(program: Program) -> None:
    vm = program.vm(ONE)
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, formatted(program, disk))
    program.inside(
        vm,
        f"mkdir /s && mount -t ext4 {path} /s && (sleep 100 > /s/f 2>/dev/null & echo $! > /pid)",
    )
    error = program.fails("detach_disk", vm, disk)
    assert (error.ok_to_retry, disk in error.message) == (True, True)
    program.inside(vm, "kill $(cat /pid)")
    program.call("detach_disk", vm, disk)


def test_a_stemcell_for_warden_gets_its_disk_as_a_directory(program: Program, tmp_path: Path) -> None:
    image = tmp_path / "warden.tar"
    agent = json.dumps({"Platform": {"Linux": {"BindMountPersistentDisk": True}}}).encode()
    with tarfile.open(program.image) as source, tarfile.open(image, "w") as target:
        for member in source.getmembers():
            content: Any = source.extractfile(member) if member.isfile() else io.BytesIO()
            target.addfile(member, content)
        member = tarfile.TarInfo("var/vcap/bosh/agent.json")
        member.size = len(agent)
        target.addfile(member, io.BytesIO(agent))
    vm = program.vm(ONE, stemcell=program.call("create_stemcell", str(image), {}))
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, disk)
    assert path == f"/warden-cpi-dev/{disk}"
    program.inside(vm, f"echo kept > {path}/file; mkdir -p /var/vcap/store; mount -o bind {path} /var/vcap/store")
    program.call("reboot_vm", vm)
    assert program.inside(vm, f"cat {path}/file") == "kept"
    program.call("detach_disk", vm, disk)
    assert program.inside(vm, "ls /warden-cpi-dev") == ""
    program.call("resize_disk", disk, 32)
    program.call("attach_disk", vm, disk)
    assert program.inside(vm, f"cat {path}/file") == "kept"


def test_mounts_of_a_vm_stay_in_it_where_the_machines_mounts_are_shared(program: Program) -> None:
    state_dir = program.state_dir
    state_dir.mkdir()
    subprocess.run(["mount", "--bind", str(state_dir), str(state_dir)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(state_dir)], check=True)
        vm = program.vm(ONE)
        program.inside(vm, "mkdir /var/vcap/data/in /in; mount -t tmpfs t /var/vcap/data/in; mount -t tmpfs t /in")
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        below = {point for point in mounts if point.startswith(f"{state_dir}/")}
        assert below == {f"{state_dir}/vms/{vm}/netns", f"{state_dir}/vms/{vm}/root"}
        program.call("delete_vm", vm)
    finally:
        subprocess.run(["umount", "-l", str(state_dir)], check=True)


def test_a_grown_disk_is_larger_inside(program: Program) -> None:
    vm = program.vm(ONE)
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, disk)
    program.call("resize_disk", disk, 32)
    assert program.inside(vm, f"blockdev --getsize64 {path}") == str(32 * 1024 * 1024)


def test_reboot_keeps_root_data_address_and_disks(program: Program) -> None:
    vm = program.vm(ONE)
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, disk)
    program.inside(vm, "echo root > /kept; echo data > /var/vcap/data/kept; echo gone > /run/gone")
    before = program.record(vm)["process"]
    program.call("reboot_vm", vm)
    assert program.record(vm)["process"] != before
    assert program.inside(vm, "cat /kept /var/vcap/data/kept").split() == ["root", "data"]
    assert program.tried_inside(vm, "test -e /run/gone").returncode == 1
    assert "10.245.77.5/24" in program.inside(vm, "ip addr show eth0")
    program.inside(vm, f"test -b {path}")


def test_many_vms_at_once_through_one_process(program: Program) -> None:
    stemcell = program.stemcell()
    requests = [
        program.request(
            "create_vm", f"a{n}", stemcell, {}, {"net": manual(f"10.245.77.{n}")}, [], {}, request_id=f"cpi-{n}"
        )
        for n in range(10, 16)
    ]
    done = subprocess.run(
        [*program.command, "--serve", "--threads", "6"],
        input=b"".join(requests),
        capture_output=True,
        timeout=60,
        check=True,
    )
    answers = [wire.decode_response(line) for line in done.stdout.splitlines()]
    assert [answer.error for answer in answers] == [None] * 6
    assert sorted(answer.request_id for answer in answers) == [f"cpi-{n}" for n in range(10, 16)]
    for answer in answers:
        cid = answer.result[0]
        assert (
            program.inside(cid, f"ping -c1 -W2 {GATEWAY} > /dev/null && ping -c1 -W2 10.245.77.15 > /dev/null; echo ok")
            == "ok"
        )


def test_a_malicious_stemcell_writes_nothing_outside(program: Program, tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        for name, kind, link in [
            ("sbin/init", tarfile.REGTYPE, ""),
            ("etc", tarfile.SYMTYPE, str(tmp_path)),
            ("etc/planted", tarfile.REGTYPE, ""),
            ("../planted", tarfile.REGTYPE, ""),
            (f"{tmp_path}/planted", tarfile.REGTYPE, ""),
        ]:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0o755
            archive.addfile(member, io.BytesIO())
    response = program.respond("create_stemcell", str(evil), {})
    assert not (tmp_path / "planted").exists()
    assert not (program.state_dir / "planted").exists()
    assert not list(program.state_dir.glob("trash/*"))
    assert response.error is None or "cannot unpack" in response.error.message


def test_vm_files_do_not_follow_links_out_of_the_root(program: Program, tmp_path: Path) -> None:
    """A stemcell whose /etc is an absolute link: the VM's own files land inside its root."""
    image = tmp_path / "linked.tar"
    with tarfile.open(program.image) as source, tarfile.open(image, "w") as target:
        for member in source.getmembers():
            if not member.name.startswith("etc"):
                content: Any = source.extractfile(member) if member.isfile() else io.BytesIO()
                target.addfile(member, content)
        link = tarfile.TarInfo("etc")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        target.addfile(link)
    vm = program.vm(ONE, stemcell=program.call("create_stemcell", str(image), {}))
    assert not (tmp_path / "hostname").exists()
    landed = Path(f"{program.state_dir}/vms/{vm}/upper{tmp_path}/hostname")
    assert landed.read_text() == f"{vm}\n"
