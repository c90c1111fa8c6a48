"""A stemcell is built, sound, and the same each time."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from bosh.stemcell import archive, build
from bosh.stemcell.recipe import read
from bosh.wire import digest

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "stemcells/recipes/container-debian-bookworm.yml"
LISTS = ("packages.txt", "dev_tools_file_list.txt", "sbom.spdx.json", "sbom.cdx.json")


def with_root_of(stemcell: Path, folder: Path) -> Path:
    """A new cache that borrows the root filesystem of the archive's cache."""
    folder.mkdir(parents=True)
    for root in stemcell.parent.glob("root-*"):
        (folder / root.name).symlink_to(root)
    return folder


def test_the_archive_is_sound(stemcell: Path) -> None:
    assert archive.read(stemcell).files == ("stemcell.MF", *LISTS, "image")


def test_a_second_build_is_a_lookup(stemcell: Path, agent: Path) -> None:
    lines: list[str] = []
    again = build.build(RECIPE, cache_dir=stemcell.parent, output=None, progress=lines.append, agent_bundle=agent)
    assert again == stemcell
    assert lines == ["stemcell bosh-container-runc-debian-bookworm/1.0 is in the cache"]


def test_the_same_inputs_make_the_same_bytes(stemcell: Path, agent: Path, tmp_path: Path) -> None:
    cache = with_root_of(stemcell, tmp_path / "cache")
    again = build.build(RECIPE, cache_dir=cache, output=None, progress=print, agent_bundle=agent)
    assert again.name == stemcell.name
    assert digest.of_file(again) == digest.of_file(stemcell)
    assert [path.name for path in again.parent.glob("work-*")] == []


def test_the_image_holds_what_agents_and_releases_expect(stemcell: Path, tmp_path: Path) -> None:
    archive.extract_image(stemcell, tmp_path / "image")
    with tarfile.open(tmp_path / "image", "r:gz") as image:
        members = {member.name.removeprefix("./"): member for member in image}
        version = image.extractfile(members["var/vcap/bosh/etc/stemcell_version"])
        assert version is not None
        assert version.read() == b"1.0"
    youngest = read(RECIPE).source_date_epoch_s
    assert [name for name, member in members.items() if member.mtime > youngest] == []
    modes = {name: (member.mode, member.uid, member.gid) for name, member in members.items()}
    assert modes["etc/monit/monitrc"] == (0o600, 0, 0)
    assert modes["etc/sudoers.d/bosh_sudoers"] == (0o440, 0, 0)
    assert modes["var/vcap/bosh/agent.json"] == (0o600, 0, 0)
    assert modes["home/vcap"][1:] == (1000, 1000)
    assert modes["tmp"] == (0o1777, 0, 0)
    assert members["etc/machine-id"].size == 0
    programs = [
        "gcc",
        "g++",
        "make",
        "patch",
        "perl",
        "python3",
        "monit",
        "sudo",
        "rsync",
        "tar",
        "gzip",
        "bzip2",
        "xz",
        "unzip",
        "zip",
        "curl",
        "lsof",
        "ps",
        "ping",
        "openssl",
    ]
    assert [name for name in programs if f"usr/bin/{name}" not in members] == []
    assert {
        "usr/sbin/sshd",
        "usr/sbin/nft",
        "usr/sbin/mkfs.ext4",
        "usr/sbin/logrotate",
        "usr/lib/bosh/agent.pyz",
    } <= members.keys()
    left = (
        "var/lib/apt/lists/",
        "etc/ssh/ssh_host_ed25519",
        "usr/share/man/man1/",
        "usr/share/doc/bash/changelog",
        "tmp/",
    )
    assert [name for name in members if name.startswith(left)] == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_neither_processes_nor_mounts(
    stemcell: Path, tmp_path: Path, how: signal.Signals
) -> None:
    cache = with_root_of(stemcell, tmp_path / "cache")
    program = (
        "import sys; from pathlib import Path; from bosh.stemcell.build import build\n"
        "build(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), output=None, progress=lambda line: print(line, flush=True))"
    )
    command = [sys.executable, "-c", program, str(RECIPE), str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("stage: 20"):
                process.send_signal(how)
                break
        process.stdout.read()
        assert process.wait(30) != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert str(cache) not in Path("/proc/mounts").read_text()
    deadline = time.monotonic() + 10
    while working_in(cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert working_in(cache) == []
    left = {path.name for path in (cache).iterdir() if not path.name.startswith("root-")}
    if how is signal.SIGKILL:
        # Nobody was left to tidy up: the next build does.
        build.build(RECIPE, cache_dir=cache, output=None, progress=print)
        left = {path.name for path in (cache).iterdir() if path.suffix != ".tgz" and not path.is_symlink()}
    assert left == {"lock"}


def working_in(folder: Path) -> list[str]:
    """Command lines of processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in line:
                found.append(line)
    return found
