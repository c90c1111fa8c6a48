"""Blobs by name: fetched once, checked always. The package index is a folder, through pip's own configuration."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from bosh.release import sources
from bosh.wire.errors import SystemFailure, ValidationInvalidValue

CONTENT = b"a program"
FILE = "tool_bin-1.2.data/scripts/tool"


def wheel(folder: Path, content: bytes = CONTENT) -> None:
    """A wheel ``tool-bin 1.2`` as small as pip takes it."""
    files = {
        FILE: content,
        "tool_bin-1.2.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tool-bin\nVersion: 1.2\n",
        "tool_bin-1.2.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_record_digest(text)},{len(text)}\n" for name, text in files.items())
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "tool_bin-1.2-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("tool_bin-1.2.dist-info/RECORD", record + "tool_bin-1.2.dist-info/RECORD,,\n")


def _record_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def release(folder: Path, name: str = "tool/tool-1.2", **changes: object) -> Path:
    source = {
        "pypi": {"name": "tool-bin", "version": "1.2"},
        "file": FILE,
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
    }
    (folder / "config").mkdir(parents=True)
    (folder / "config/sources.json").write_text(json.dumps({"blobs": {name: source | changes}}))
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "index"),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(variable, value)
    return tmp_path / "index"


@pytest.mark.slow
def test_a_blob_is_fetched_and_kept_for_the_next_release(index: Path, tmp_path: Path) -> None:
    wheel(index)
    first = release(tmp_path / "first")
    assert sources.fetch(first, tmp_path / "cache") == (first / "blobs/tool/tool-1.2",)
    assert (first / "blobs/tool/tool-1.2").read_bytes() == CONTENT

    (index / "tool_bin-1.2-py3-none-any.whl").unlink()
    second = release(tmp_path / "second")
    sources.fetch(second, tmp_path / "cache")
    assert (second / "blobs/tool/tool-1.2").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [hashlib.sha256(CONTENT).hexdigest()]


@pytest.mark.slow
def test_other_content_than_named_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, b"b program")
    with pytest.raises(SystemFailure, match="expected sha256:"):
        sources.fetch(release(tmp_path / "r"), tmp_path / "cache")
    assert not (tmp_path / "r/blobs").exists()
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
def test_a_file_that_the_wheel_lacks_is_named_with_those_it_has(index: Path, tmp_path: Path) -> None:
    wheel(index)
    with pytest.raises(SystemFailure, match="cannot find bin/none in tool_bin") as caught:
        sources.fetch(release(tmp_path / "r", file="bin/none"), tmp_path / "cache")
    assert FILE in caught.value.details


@pytest.mark.slow
def test_what_the_index_lacks_is_named_and_may_be_tried_again(index: Path, tmp_path: Path) -> None:
    index.mkdir()
    with pytest.raises(SystemFailure, match=r"cannot fetch tool-bin 1\.2") as caught:
        sources.fetch(release(tmp_path / "r"), tmp_path / "cache")
    assert caught.value.ok_to_retry


def test_a_blob_that_is_there_and_right_is_left_alone(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    blob = folder / "blobs/tool/tool-1.2"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    assert sources.fetch(folder, tmp_path / "cache") == (blob,)
    assert not (tmp_path / "cache").exists()


def test_a_damaged_blob_is_replaced_from_the_cache(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    blob = folder / "blobs/tool/tool-1.2"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"A program")
    kept = tmp_path / "cache" / hashlib.sha256(CONTENT).hexdigest()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    sources.fetch(folder, tmp_path / "cache")
    assert blob.read_bytes() == CONTENT


def test_a_release_without_sources_needs_nothing(tmp_path: Path) -> None:
    assert sources.fetch(tmp_path, tmp_path / "cache") == ()


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b"])
def test_a_path_outside_blobs_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationInvalidValue, match="not paths below blobs/"):
        sources.read(release(tmp_path / "r", name=name))


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationInvalidValue, match="url"):
        sources.read(release(tmp_path / "r", url="x"))


@pytest.mark.slow
def test_a_whole_wheel_is_a_blob_too(index: Path, tmp_path: Path) -> None:
    wheel(index)
    content = (index / "tool_bin-1.2-py3-none-any.whl").read_bytes()
    whole = {"file": "", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    python = {"pypi": {"name": "tool-bin", "version": "1.2", "python": "3.11"}}
    folder = release(tmp_path / "release", "wheels/tool_bin-1.2-py3-none-any.whl", **whole, **python)
    (blob,) = sources.fetch(folder, tmp_path / "cache")
    assert blob.read_bytes() == content


def tree(folder: Path, content: str = "x = 1\n") -> Path:
    (folder / "shared/__pycache__").mkdir(parents=True)
    (folder / "shared/one.py").write_text(content)
    (folder / "shared/__pycache__/one.pyc").write_text("not for long")
    return folder / "shared"


def test_a_folder_is_packed_alike_wherever_it_is(tmp_path: Path) -> None:
    packed = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for place, target in zip(("a", "b"), packed, strict=True):
        sources.pack(tree(tmp_path / place), target)
    assert packed[0].read_bytes() == packed[1].read_bytes()
    with zipfile.ZipFile(packed[0]) as archive:
        assert archive.namelist() == ["shared/one.py"]


def test_a_folder_becomes_a_blob_and_its_change_is_noticed(tmp_path: Path) -> None:
    sources.pack(tree(tmp_path / "src"), tmp_path / "packed")
    content = (tmp_path / "packed").read_bytes()
    source = {"tree": "../src/shared", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    folder = tmp_path / "release"
    (folder / "config").mkdir(parents=True)
    (folder / "config/sources.json").write_text(json.dumps({"blobs": {"wheels/shared": source}}))
    (blob,) = sources.fetch(folder, tmp_path / "cache")
    assert blob.read_bytes() == content
    blob.unlink()
    (tmp_path / "src/shared/one.py").write_text("x = 2\n")
    with pytest.raises(SystemFailure, match="cannot use"):
        sources.fetch(folder, tmp_path / "cache")
    assert not blob.exists()


def test_a_source_is_a_wheel_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValidationInvalidValue, match="cannot use"):
        sources.read(release(tmp_path / "both", tree="../x"))
