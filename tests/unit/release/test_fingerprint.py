"""Fingerprints: three recorded by the Go CLI for public jobs and packages, and the rules behind them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bosh.release.fingerprint import SourceFile, fingerprint


def put(path: Path, text: str, mode: int = 0o644) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def sha(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_files_are_hashed_by_path_with_content_and_mode(tmp_path: Path) -> None:
    b = SourceFile(put(tmp_path / "b", "B", 0o755), "b")
    a = SourceFile(put(tmp_path / "a", "A"), "x/a")
    assert fingerprint([a, b], ["z", "y"]) == of(f"v2b{sha('B')}100755x/a{sha('A')}100644y,z")


def test_the_mode_of_scripts_and_the_folder_of_licenses_do_not_count(tmp_path: Path) -> None:
    script = SourceFile(put(tmp_path / "packaging", "A", 0o755), "packaging", exclude_mode=True)
    assert fingerprint([script]) == of(f"v2packaging{sha('A')}")
    license_file = SourceFile(put(tmp_path / "LICENSE", "L"), "deep/LICENSE", exclude_mode=True, use_basename=True)
    assert fingerprint([license_file]) == of(f"v2LICENSE{sha('L')}")


def test_a_link_counts_by_its_target_text_in_a_package_and_by_its_content_in_a_job(tmp_path: Path) -> None:
    put(tmp_path / "real", "R")
    (tmp_path / "link").symlink_to("real")
    link = SourceFile(tmp_path / "link", "link")
    assert fingerprint([link]) == of(f"v2link{sha('real')}symlink")
    assert fingerprint([link], follow_symlinks=True) == of(f"v2link{sha('R')}100755")


def test_sha1_writes_bare_hex(tmp_path: Path) -> None:
    file = SourceFile(put(tmp_path / "a", "A"), "a")
    text = f"v2a{hashlib.sha1(b'A').hexdigest()}100644"
    assert fingerprint([file], algorithm="sha1") == hashlib.sha1(text.encode()).hexdigest()


def test_a_fingerprint_of_the_go_cli(tmp_path: Path) -> None:
    """Job ``bare`` with nothing but this spec, as `bosh create-release` printed it."""
    spec = SourceFile(put(tmp_path / "spec", "name: bare\n"), "job.MF")
    assert (
        fingerprint([spec], follow_symlinks=True) == "f640ffb8deb2776dd229c6a0faa8b64b1665c7b25062ef30577da458383407dd"
    )
