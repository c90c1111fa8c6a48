"""A machine that has a Debian, Python, git and make and nothing else: a container VM of our own cloud, big enough to be a cloud itself."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bosh.stemcell import apt
from bosh.testing.container_vms import Program, machine_state
from bosh.testing.environment import PROJECT, Ended

STATE = Path("/var/lib/bosh-fresh-machine")
NETWORK = {
    "type": "manual",
    "ip": "10.242.0.2",
    "netmask": "255.255.255.0",
    "gateway": "10.242.0.1",
    "default": ["dns", "gateway"],
    "cloud_properties": {},
}
PACKAGES = ("python3", "git", "make", "ca-certificates")
_INIT = "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 60 & wait; done\n"
# The machine's root is an overlay; what carries overlays itself must lie on the disk behind it.
_ON_DISK = ("/var/lib", "/root")
_BIND = "import ctypes, sys; sys.exit(ctypes.CDLL(None).mount(*(word.encode() for word in sys.argv[1:3]), None, 4096, None))"
"""Not even ``mount`` is there."""
_PASSED_ON = ("PIP_", "UV_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""How package registries are reached is the host's own affair; the machine is told the same."""


class FreshMachine:
    """Commands on it run as root in a clone of this project's last commit."""

    def __init__(self, program: Program, vm: str) -> None:
        self._program, self._vm = program, vm

    def run(self, command: str, *, timeout_s: float) -> Ended:
        """A command line in the clone."""
        passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in passed.items())
        script = f"export HOME=/root LANG=C.UTF-8 {settings}; cd /root/bosh && {command}"
        words = ["runc", "--root", str(self._program.state_dir / "runc"), "exec", self._vm, "/bin/sh", "-c", script]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def prepare(self) -> None:
        """The host's ways to the registries, and the clone."""
        shared = self._program.state_dir / "vms" / self._vm / "data"
        subprocess.run(
            ["git", "-C", str(PROJECT), "bundle", "create", str(shared / "project"), "HEAD"],
            check=True,
            capture_output=True,
        )
        _copy_ways(shared)
        lines = [
            *(f"cp -a --parents {path} /var/vcap/data" for path in _ON_DISK),
            *(f"python3 -c {shlex.quote(_BIND)} /var/vcap/data{path} {path}" for path in _ON_DISK),
            "cp -r /var/vcap/data/ways/. /",
            "update-ca-certificates",
            "git clone -q /var/vcap/data/project /root/bosh",
        ]
        for line in lines:
            done = self._program.tried_inside(self._vm, line)
            assert done.returncode == 0, done


def _copy_ways(shared: Path) -> None:
    for path in (Path("/usr/local/share/ca-certificates"), Path("/etc/pip.conf")):
        target = shared / "ways" / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target)
        elif path.exists():
            shutil.copyfile(path, target)


def _image(folder: Path) -> Path:
    """A tar.gz of the smallest Debian that has apt and the packages, with the host's sources."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    ways = apt.of_host(Path("/"), "bookworm", dump)
    options = folder / "apt.conf"
    options.write_text(ways.options)
    command = ["mmdebstrap", "--variant=apt", f"--include={','.join(PACKAGES)}", "--format=tar"]
    init = folder / "init"
    init.write_text(_INIT)
    command += [f'--customize-hook=install -m 0755 {init} "$1/sbin/init"']
    command += [f"--aptopt={options}"] if ways.options else []
    command += ["bookworm", str(folder / "image.tar"), *(["-"] if ways.lines else [])]
    subprocess.run(command, input=ways.lines.encode(), check=True, capture_output=True, timeout=600)
    subprocess.run(["gzip", "-1", str(folder / "image.tar")], check=True)
    return folder / "image.tar.gz"


@contextmanager
def fresh_machine(folder: Path) -> Iterator[FreshMachine]:
    """One machine, gone without a trace afterwards."""
    config = {"state_dir": str(STATE), "ranges": ["10.242.0.0/24"], "dynamic_range": "10.242.0.0/24"}
    program = Program(config, folder, folder / "unused")
    program.run("destroy-all")
    try:
        stemcell = program.call("create_stemcell", str(_image(folder)), {})
        machine = FreshMachine(program, program.vm({"net": NETWORK}, stemcell=stemcell))
        machine.prepare()
        yield machine
    finally:
        done = program.run("destroy-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine_state(config) == []
