"""The stemcell of this tree, and VMs made from it by hand: runc, an overlay, a network of their own, and nothing of the CPI."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bosh.agent import bundle
from bosh.stemcell import archive, build

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "stemcells/recipes/container-debian-bookworm.yml"
CACHE = ROOT / ".cache/stemcells"
TOOLS = ("runc", "ip", "mount", "mmdebstrap", "unshare", "ssh", "ssh-keygen")
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_ADMIN MKNOD"
    " AUDIT_WRITE SETFCAP SYS_PTRACE"
)
READY_LIMIT_S = 30.0


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent as it is when the tests begin."""
    target = tmp_path_factory.mktemp("agent") / "agent.pyz"
    bundle.build(target)
    return target


@pytest.fixture(scope="session")
def stemcell(agent: Path) -> Path:
    """The archive, from the cache that `make up` uses as well."""
    return build.build(RECIPE, cache_dir=CACHE, output=None, progress=print, agent_bundle=agent)


@pytest.fixture(scope="session")
def rootfs(stemcell: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image, unpacked."""
    folder = tmp_path_factory.mktemp("rootfs")
    archive.extract_image(stemcell, folder / "image")
    (folder / "root").mkdir()
    run("tar", "--numeric-owner", "-xzf", str(folder / "image"), "-C", str(folder / "root"))
    yield folder / "root"
    shutil.rmtree(folder)


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, f"{command} failed: {done.stdout}{done.stderr}"
    return done.stdout


class Vm:
    """A running VM."""

    def __init__(self, name: str, runtime: Path) -> None:
        self.name = name
        self._runtime = runtime

    def run(self, *command: str, check: bool = True) -> str:
        """Standard output of a command inside."""
        return run("runc", "--root", str(self._runtime), "exec", self.name, *command, check=check)

    def wait(self, what: str, true: Callable[[], bool], limit_s: float = READY_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > deadline:
                journal = self.run("journalctl", "--no-pager", "--lines=50", check=False)
                raise AssertionError(f"{what}: not within {limit_s} s\n{journal}")
            time.sleep(0.02)


@pytest.fixture
def vm(rootfs: Path, tmp_path: Path) -> Iterator[Vm]:
    """A VM whose agent has settings with a bus that does not answer; gone afterwards with all that it was made of."""
    name = f"stemcell-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as cleanup:
        bundle = tmp_path / "bundle"
        for folder in (bundle / "rootfs", tmp_path / "upper", tmp_path / "work", tmp_path / "data"):
            folder.mkdir(parents=True)
        layers = f"lowerdir={rootfs},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(bundle / "rootfs"))
        cleanup.callback(run, "umount", "--lazy", str(bundle / "rootfs"), check=False)
        (bundle / "rootfs/var/vcap/bosh/warden-cpi-agent-env.json").write_text(json.dumps(settings()))
        run("ip", "netns", "add", name)
        cleanup.callback(run, "ip", "netns", "del", name, check=False)
        run("ip", "-n", name, "link", "set", "lo", "up")
        (bundle / "config.json").write_text(json.dumps(configuration(name, tmp_path / "data")))
        cleanup.callback(remove_groups, name)
        cleanup.callback(run, "runc", "--root", str(tmp_path / "runc"), "delete", "--force", name, check=False)
        command = ["runc", "--root", str(tmp_path / "runc"), "run", "--detach", "--bundle", str(bundle), name]
        with (tmp_path / "console").open("w") as console:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        yield Vm(name, tmp_path / "runc")


def settings() -> dict[str, Any]:
    network = {"type": "manual", "ip": "10.244.0.99", "netmask": "255.255.240.0", "gateway": "10.244.0.1"}
    return {
        "agent_id": "agent-1",
        "vm": {"name": "vm-1"},
        "mbus": "nats://127.0.0.1:4222",
        "networks": {"default": network | {"default": ["dns", "gateway"], "preconfigured": True}},
        "blobstore": {"provider": "local", "options": {"blobstore_path": "/var/vcap/data/blobs"}},
        "disks": {},
        "env": {"bosh": {}},
    }


def configuration(name: str, data: Path) -> dict[str, Any]:
    """An OCI configuration for a system container with systemd."""
    capabilities = [f"CAP_{word}" for word in CAPABILITIES.split()]
    return {
        "ociVersion": "1.0.2",
        "hostname": name,
        "root": {"path": "rootfs"},
        "process": {
            "args": ["/sbin/init"],
            "cwd": "/",
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"],
            "user": {"uid": 0, "gid": 0},
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        },
        "mounts": [
            _mount("/proc", "proc"),
            _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            _mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "rw"),
            _mount("/dev", "tmpfs", "nosuid", "mode=755"),
            _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            _mount("/dev/shm", "tmpfs", "nosuid", "nodev", "mode=1777"),
            _mount("/run", "tmpfs", "nosuid", "nodev", "mode=755"),
            _mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777"),
            {"destination": "/var/vcap/data", "type": "bind", "source": str(data), "options": ["rbind", "rw"]},
        ],
        "linux": {
            "rootfsPropagation": "rshared",
            "cgroupsPath": f"/{name}/vm",
            "resources": {"devices": [{"allow": True, "access": "rwm"}], "memory": {"limit": 512 << 20}},
            "namespaces": [
                *({"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")),
                {"type": "network", "path": f"/run/netns/{name}"},
            ],
        },
    }


def _mount(target: str, kind: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": kind, "options": list(options)}


def remove_groups(name: str) -> None:
    """The control groups that systemd made inside outlive the container (one tree in version 2, one per controller in version 1)."""
    tops = Path("/sys/fs/cgroup")
    for top in (*tops.glob(name), *tops.glob(f"*/{name}")):
        folders = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
        for folder in (*folders, top):
            with contextlib.suppress(OSError):
                folder.rmdir()
