"""Archives: the same bytes for the same content, and nothing that leaves its folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from bosh.release import tarball
from bosh.release.tarball import Entry, TarFault

ENTRIES = (
    Entry("monit", b"m"),
    Entry("bin/deep/ctl", b"c", executable=True),
    Entry("link", link_target="monit"),
    Entry("empty", is_folder=True),
)


def hostile(target: Path, *members: tuple[str, bytes, str]) -> Path:
    """An archive of (name, tar type, link target or content)."""
    with tarfile.open(target, "w:gz") as archive:
        for name, kind, text in members:
            header = tarfile.TarInfo(name)
            header.type = kind
            header.mode = 0o755
            if kind == tarfile.REGTYPE:
                header.size = len(text)
                archive.addfile(header, io.BytesIO(text.encode()))
            else:
                header.linkname = text
                archive.addfile(header)
    return target


def names(path: Path) -> Iterable[tuple[str, int]]:
    with tarfile.open(path) as archive:
        return [(member.name, member.mode) for member in archive]


@pytest.mark.parametrize("compress", [True, False])
def test_equal_content_gives_equal_bytes_with_folders_before_files(tmp_path: Path, compress: bool) -> None:
    tarball.write(tmp_path / "a", ENTRIES, compress=compress)
    tarball.write(tmp_path / "b", ENTRIES, compress=compress)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert ((tmp_path / "a").read_bytes()[:2] == b"\x1f\x8b") is compress
    assert names(tmp_path / "a") == [
        (".", 0o755),
        ("./monit", 0o644),
        ("./bin", 0o755),
        ("./bin/deep", 0o755),
        ("./bin/deep/ctl", 0o755),
        ("./link", 0o777),
        ("./empty", 0o755),
    ]


def test_what_is_written_is_read_and_unpacked(tmp_path: Path) -> None:
    tarball.write(tmp_path / "a", ENTRIES)
    assert tarball.contents(tmp_path / "a") == {"monit": b"m", "bin/deep/ctl": b"c"}
    assert tarball.check(tmp_path / "a") == 7
    (tmp_path / "out").mkdir()
    tarball.extract(tmp_path / "a", tmp_path / "out")
    assert (tmp_path / "out/bin/deep/ctl").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/link").read_bytes() == b"m"


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_every_usual_compression_is_read(tmp_path: Path, mode: str) -> None:
    with tarfile.open(tmp_path / "a", mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("empty"))
    assert tarball.contents((tmp_path / "a").read_bytes()) == {"empty": b""}


@pytest.mark.parametrize(
    "members",
    [
        [("/etc/x", tarfile.REGTYPE, "x")],
        [("../x", tarfile.REGTYPE, "x")],
        [("a/../../x", tarfile.REGTYPE, "x")],
        [("dev", tarfile.CHRTYPE, "")],
        [("fifo", tarfile.FIFOTYPE, "")],
        [("link", tarfile.SYMTYPE, "/etc/passwd")],
        [("a/link", tarfile.SYMTYPE, "../../x")],
        [("link", tarfile.SYMTYPE, "."), ("link/x", tarfile.REGTYPE, "x")],
        [("file", tarfile.REGTYPE, "x"), ("file/x", tarfile.REGTYPE, "x")],
        [("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [("hard", tarfile.LNKTYPE, "missing")],
        [("link", tarfile.SYMTYPE, "file"), ("hard", tarfile.LNKTYPE, "link")],
    ],
    ids=lambda members: members[-1][0] + members[-1][1].decode(),
)
def test_nothing_is_written_outside(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    target = tmp_path / "deep" / "out"
    target.mkdir(parents=True)
    with pytest.raises(TarFault):
        tarball.extract(hostile(tmp_path / "a", *members), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "deep"]


def test_links_inside_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made = hostile(
        tmp_path / "a", ("d/f", tarfile.REGTYPE, "x"), ("d/s", tarfile.SYMTYPE, "../d/f"), ("h", tarfile.LNKTYPE, "d/f")
    )
    tarball.extract(made, tmp_path / "out")
    assert (tmp_path / "out/d/s").read_text() == (tmp_path / "out/h").read_text() == "x"


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    tarball.write(tmp_path / "whole", [Entry("f", bytes(range(256)) * 20)])
    whole = (tmp_path / "whole").read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 40)):
        with pytest.raises(TarFault):
            tarball.contents(whole[:length])


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    tarball.write(tmp_path / "whole", [Entry("f", b"content" * 50)])
    whole = bytearray((tmp_path / "whole").read_bytes())
    whole[-6] ^= 1
    with pytest.raises(TarFault):
        tarball.contents(bytes(whole))


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b", b"BZh9", b"x" * 2048])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(TarFault):
        tarball.contents(content)
