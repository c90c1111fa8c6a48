"""``release.MF``: a text written by the Go CLI, read and written again."""

from __future__ import annotations

import pytest

from bosh.wire import release_mf
from bosh.wire.errors import ReleaseInvalidArchive, ValidationInvalidValue

FROM_GO = """\
name: demo
version: "1"
commit_hash: "0123456"
uncommitted_changes: true
jobs:
- name: web
  version: aa
  fingerprint: aa
  sha1: sha256:00
  packages:
  - app
packages:
- name: app
  version: "12345"
  fingerprint: "12345"
  sha1: sha256:01
  dependencies: []
license:
  version: cc
  fingerprint: cc
  sha1: sha256:02
no_compression: false
"""


def test_a_text_of_the_go_cli_survives_both_ways() -> None:
    manifest = release_mf.parse(FROM_GO)
    assert manifest.version == "1"
    assert manifest.commit_hash == "0123456"
    assert manifest.uncommitted_changes is True
    assert manifest.packages[0].fingerprint == "12345"
    assert release_mf.render(manifest) == FROM_GO


def test_compiled_packages_name_their_stemcell() -> None:
    text = FROM_GO.replace("packages:\n- name: app", "compiled_packages:\n- name: app").replace(
        "  dependencies: []\nlicense", "  stemcell: ubuntu-jammy/1.2\n  dependencies: []\nlicense"
    )
    manifest = release_mf.parse(text)
    assert manifest.is_compiled
    assert manifest.compiled_packages[0].stemcell == "ubuntu-jammy/1.2"
    assert release_mf.render(manifest) == text


def test_numbers_of_old_manifests_stay_text() -> None:
    manifest = release_mf.parse(
        "name: old\nversion: 1.10\njobs: ~\npackages:\n- {name: p, version: 7, fingerprint: f, sha1: s, dependencies: }\n"
    )
    assert (manifest.version, manifest.packages[0].version, manifest.packages[0].dependencies) == ("1.10", "7", ())


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "..", "a b", "a\n"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationInvalidValue):
        release_mf.parse(release_mf.render(release_mf.ReleaseManifest(name, "1")))
    with pytest.raises(ValidationInvalidValue):
        release_mf.parse(
            release_mf.render(release_mf.ReleaseManifest("a", "1", jobs=(release_mf.JobRef(name, "1", "f", "s"),)))
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "name: [",
        "name: a\nversion: 1\njobs: 3",
        "name: {a: b}\nversion: 1",
        "name: a\nversion: 1\njobs: [x]",
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ReleaseInvalidArchive):
        release_mf.parse(text)


def test_a_name_is_listed_once() -> None:
    job = release_mf.JobRef("web", "1", "f", "s")
    with pytest.raises(ReleaseInvalidArchive, match="job 'web' is listed twice"):
        release_mf.parse(release_mf.render(release_mf.ReleaseManifest("a", "1", jobs=(job, job))))
