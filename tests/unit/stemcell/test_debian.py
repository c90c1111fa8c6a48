"""Lists and bills of materials from dpkg's records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bosh.stemcell import debian

STATUS = """\
Package: gcc-12
Status: install ok installed
Architecture: amd64
Version: 12.2.0-14+deb12u1
Description: GNU C compiler
 This is the GNU C compiler,
 Version: not a field

Package: adduser
Status: install ok installed
Architecture: all
Source: adduser (3.1)
Version: 1:3.134
Description: add and remove users

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
SYSTEM = debian.System("bosh-fake", "1.0", "debian-bookworm", 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    (tmp_path / "var/lib/dpkg/info/gcc-12.list").write_text(
        "/.\n/usr/bin/gcc-12\n/usr/bin/absent\n/usr/share/doc/gcc\n"
    )
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/gcc-12").touch()
    return tmp_path


def test_installed_packages_are_listed_by_name(root: Path) -> None:
    assert [(package.name, package.version, package.source) for package in debian.installed(root)] == [
        ("adduser", "1:3.134", "adduser"),
        ("gcc-12", "12.2.0-14+deb12u1", "gcc-12"),
    ]


def test_the_list_has_dpkgs_columns(root: Path) -> None:
    assert debian.package_list(debian.installed(root)) == (
        "ii  adduser  1:3.134            all    add and remove users\n"
        "ii  gcc-12   12.2.0-14+deb12u1  amd64  GNU C compiler\n"
    )
    assert debian.package_list(()) == "\n"


def test_development_tools_are_programs_that_are_there(root: Path) -> None:
    assert debian.development_tools(root, debian.installed(root)) == "/usr/bin/gcc-12\n"


def test_spdx_names_every_package_once(root: Path) -> None:
    document = json.loads(debian.spdx(debian.installed(root), SYSTEM))
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    ids = [package["SPDXID"] for package in document["packages"]]
    assert ids == ["SPDXRef-Package-adduser-all", "SPDXRef-Package-gcc-12-amd64"]
    assert [relation["relatedSpdxElement"] for relation in document["relationships"]] == ids
    assert all("versionInfo" in package and "downloadLocation" in package for package in document["packages"])


def test_cyclonedx_names_every_package_once(root: Path) -> None:
    document = json.loads(debian.cyclonedx(debian.installed(root), SYSTEM))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert [component["purl"] for component in document["components"]] == [
        "pkg:deb/debian/adduser@1%3A3.134?arch=all&distro=debian-bookworm",
        "pkg:deb/debian/gcc-12@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-bookworm",
    ]


def test_documents_of_the_same_packages_are_the_same(root: Path) -> None:
    packages = debian.installed(root)
    assert debian.spdx(packages, SYSTEM) == debian.spdx(packages, SYSTEM)
    other = debian.System("bosh-fake", "2.0", "debian-bookworm", 0)
    assert debian.cyclonedx(packages, SYSTEM) != debian.cyclonedx(packages, other)
