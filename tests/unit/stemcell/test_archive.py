"""Stemcell archives: sound ones are read and repacked, unsound ones refused with the reason."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bosh.stemcell import archive
from bosh.stemcell.archive import Change
from bosh.wire.errors import StemcellImageNotFound, StemcellInvalidArchive, ValidationMissingField
from bosh.wire.stemcell_mf import StemcellManifest, to_document

IMAGE = b"image " * 1000


def manifest_of(image: bytes, **changes: object) -> dict[str, object]:
    digest = hashlib.sha1(image, usedforsecurity=False).hexdigest()
    manifest = StemcellManifest("bosh-fake", "1.0", "debian-bookworm", digest, "1", 3, ("container-tar",), {"a": 1})
    return to_document(manifest) | changes


def tarball(path: Path, files: dict[str, bytes], *, prefix: str = "", zipped: bool = True) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue()) if zipped else buffer.getvalue())
    return path


def whole(image: bytes = IMAGE, **changes: object) -> dict[str, bytes]:
    return {"stemcell.MF": yaml.safe_dump(manifest_of(image, **changes)).encode(), "image": image}


@pytest.fixture
def stemcell(tmp_path: Path) -> Path:
    return tarball(tmp_path / "stemcell.tgz", whole() | {"packages.txt": b"ii  bash\n"})


def test_a_sound_archive_is_read(stemcell: Path) -> None:
    read = archive.read(stemcell)
    assert read.manifest.os_and_version == "debian-bookworm/1.0"
    assert read.files == ("stemcell.MF", "image", "packages.txt")
    assert read.image_bytes == len(IMAGE)
    assert not read.light


def test_the_manifest_alone_is_read_no_further(tmp_path: Path) -> None:
    path = tarball(tmp_path / "s.tgz", whole(), zipped=False)
    path.write_bytes(path.read_bytes()[:1600])
    assert archive.read_manifest(path).name == "bosh-fake"
    with pytest.raises(StemcellInvalidArchive, match="no stemcell"):
        archive.read_manifest(tarball(tmp_path / "s.tgz", {"image": IMAGE}))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_the_forms_that_tar_takes_are_taken(tmp_path: Path, prefix: str, zipped: bool) -> None:
    path = tarball(tmp_path / "s.tgz", whole(), prefix=prefix, zipped=zipped)
    assert archive.read(path).files == ("stemcell.MF", "image")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_manifest_after_the_image_is_compared_as_well(tmp_path: Path, algorithm: str) -> None:
    digest = hashlib.new(algorithm, IMAGE).hexdigest()
    files = whole(sha1=digest if algorithm == "sha1" else f"{algorithm}:{digest}")
    backwards = dict(reversed(files.items()))
    assert archive.read(tarball(tmp_path / "s.tgz", backwards)).image_bytes == len(IMAGE)
    with pytest.raises(StemcellInvalidArchive, match="its image has the digest"):
        archive.read(tarball(tmp_path / "s.tgz", backwards | {"image": b"other"}))


def test_an_image_of_another_digest_is_refused_unless_unasked(tmp_path: Path) -> None:
    path = tarball(tmp_path / "s.tgz", whole() | {"image": b"other"})
    with pytest.raises(StemcellInvalidArchive, match="its image has the digest"):
        archive.read(path)
    assert archive.read(path, check_image=False).image_bytes == 5


def test_an_empty_image_makes_a_light_stemcell(tmp_path: Path) -> None:
    assert archive.read(tarball(tmp_path / "s.tgz", whole() | {"image": b""})).light


def test_a_digest_that_is_none_is_not_compared(tmp_path: Path) -> None:
    path = tarball(tmp_path / "s.tgz", whole(sha1="shasum"))
    assert archive.read(path).manifest.sha1 == "shasum"


def test_a_missing_image_has_its_own_error(tmp_path: Path) -> None:
    files = whole()
    del files["image"]
    with pytest.raises(StemcellImageNotFound, match="Stemcell image not found"):
        archive.read(tarball(tmp_path / "s.tgz", files))


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(StemcellInvalidArchive, match=r"no stemcell\.MF"):
        archive.read(tarball(tmp_path / "s.tgz", {"image": IMAGE}))


def test_a_manifest_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(StemcellInvalidArchive, match="not YAML"):
        archive.read(tarball(tmp_path / "s.tgz", {"stemcell.MF": b"{", "image": IMAGE}))


def test_a_manifest_without_a_name_has_the_validation_error(tmp_path: Path) -> None:
    with pytest.raises(ValidationMissingField):
        archive.read(tarball(tmp_path / "s.tgz", {"stemcell.MF": b"version: '1'\n", "image": IMAGE}))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path: Path, kept: float) -> None:
    # Random-like content, so that each cut falls somewhere else.
    image = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(2000))
    path = tarball(tmp_path / "s.tgz", whole(image) | {"packages.txt": image[:100]})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(StemcellInvalidArchive, match="cannot be read to its end"):
        archive.read(path)


def test_a_damaged_archive_is_refused(stemcell: Path) -> None:
    content = bytearray(stemcell.read_bytes())
    content[-6] ^= 0xFF  # gzip's checksum
    stemcell.write_bytes(bytes(content))
    with pytest.raises(StemcellInvalidArchive):
        archive.read(stemcell)


@pytest.mark.parametrize("content", [b"", b"not an archive", gzip.compress(b"nor this")])
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.tgz"
    path.write_bytes(content)
    with pytest.raises(StemcellInvalidArchive):
        archive.read(path)


def test_no_file_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        archive.read(tmp_path / "absent.tgz")


@pytest.mark.parametrize("name", ["../image", "/image", "folder/image", ".."])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StemcellInvalidArchive, match="only plain files at its top"):
        archive.read(tarball(tmp_path / "s.tgz", whole() | {name: b"x"}))


def test_names_that_come_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StemcellInvalidArchive, match="twice"):
        archive.read(tarball(tmp_path / "s.tgz", whole() | {"./image": b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_not_a_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "s.tgz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("image")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(StemcellInvalidArchive, match="only plain files"):
        archive.read(path)


def test_the_image_is_taken_out(stemcell: Path, tmp_path: Path) -> None:
    target = tmp_path / "image"
    assert archive.extract_image(stemcell, target).name == "bosh-fake"
    assert target.read_bytes() == IMAGE


def test_nothing_is_left_of_an_image_that_is_wrong(tmp_path: Path) -> None:
    path = tarball(tmp_path / "s.tgz", whole() | {"image": b"other"})
    with pytest.raises(StemcellInvalidArchive):
        archive.extract_image(path, tmp_path / "image")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.tgz"]


def test_repacking_changes_what_it_is_told_and_nothing_else(stemcell: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.tgz"
    change = Change("other", "2", {"b": 2}, ("aws-light", "aws-raw"), empty_image=True)
    archive.repack(stemcell, target, change)
    read = archive.read(target)
    assert (read.manifest.name, read.manifest.version) == ("other", "2")
    assert read.manifest.cloud_properties == {"a": 1, "b": 2}
    assert read.manifest.stemcell_formats == ("aws-light", "aws-raw")
    assert read.manifest.operating_system == "debian-bookworm"
    assert read.light
    assert read.files == ("stemcell.MF", "image", "packages.txt")


def test_repacking_without_a_change_keeps_everything(stemcell: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.tgz"
    assert archive.repack(stemcell, target, Change()) == archive.read(stemcell).manifest
    assert archive.read(target).image_bytes == len(IMAGE)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.tgz", "stemcell.tgz"]


def test_the_same_content_makes_the_same_bytes(tmp_path: Path) -> None:
    def write(name: str) -> bytes:
        (tmp_path / "image").write_bytes(IMAGE)
        archive.write(
            tmp_path / name, archive.read(tarball(tmp_path / "s", whole())).manifest, [tmp_path / "image"], mtime_s=7
        )
        return (tmp_path / name).read_bytes()

    assert write("a") == write("b")


def test_a_written_archive_begins_with_the_manifest_and_pythons_own_reader_agrees(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(IMAGE)
    manifest = archive.read(tarball(tmp_path / "s", whole())).manifest
    archive.write(tmp_path / "a.tgz", manifest, [tmp_path / "image"], mtime_s=7)
    with tarfile.open(tmp_path / "a.tgz", "r:gz") as tar:
        assert tar.getnames() == ["stemcell.MF", "image"]
        content: Callable[[str], bytes] = lambda name: tar.extractfile(name).read()  # type: ignore[union-attr]  # noqa: E731
        assert content("image") == IMAGE
        assert yaml.safe_load(content("stemcell.MF")) == to_document(manifest)
