"""Which of a host's package sources a stemcell is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.stemcell import apt

BLOCKS = """\
# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://elsewhere.example
Suites: nodistro
Components: main

Types: deb-src
URIs: http://mirror.example/sources
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_blocks_of_the_suite_are_taken() -> None:
    assert list(apt.debian_blocks(BLOCKS, "bookworm")) == [
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main",
        "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main",
    ]


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("deb http://m.example/debian bookworm main", True),
        ("deb [arch=amd64 signed-by=/k.gpg] http://m.example/debian bookworm-updates main contrib", True),
        ("deb-src http://m.example/debian bookworm main", False),
        ("# deb http://m.example/debian bookworm main", False),
        ("deb http://m.example/docker bookworm stable", False),
        ("deb http://m.example/pgdg bookworm-pgdg main", False),
    ],
)
def test_lines_of_the_suite_are_taken(line: str, taken: bool) -> None:
    assert bool(list(apt.debian_blocks(f"{line}\n", "bookworm"))) is taken


def host(root: Path, codename: str = "bookworm", kind: str = "debian") -> Path:
    folder = root / "etc/apt/sources.list.d"
    folder.mkdir(parents=True)
    (root / "etc/os-release").write_text(f'PRETTY_NAME="Some Linux"\nID={kind}\nVERSION_CODENAME={codename}\n')
    (folder / "debian.sources").write_text(BLOCKS)
    return root


def test_a_host_of_the_same_debian_gives_its_sources(tmp_path: Path) -> None:
    sources = apt.of_host(host(tmp_path), "bookworm", 'Acquire::http::Proxy "http://proxy.example:3128";\n')
    assert sources.lines.count("Types: deb\n") == 2
    assert sources.lines.endswith("Components: main\n")
    assert sources.options == 'Acquire::http::Proxy "http://proxy.example:3128";\n'


@pytest.mark.parametrize(("codename", "kind"), [("noble", "ubuntu"), ("trixie", "debian"), ("bookworm", "raspbian")])
def test_another_host_leaves_the_mirror_to_the_tool(tmp_path: Path, codename: str, kind: str) -> None:
    assert apt.of_host(host(tmp_path, codename, kind), "bookworm", "").lines == ""


def test_a_host_without_sources_leaves_the_mirror_to_the_tool(tmp_path: Path) -> None:
    assert apt.of_host(tmp_path, "bookworm", "") == apt.Sources()


def test_only_how_the_host_connects_is_taken_over() -> None:
    dump = """\
APT::Install-Recommends "1";
Acquire "";
Acquire::Languages "none";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy::internal.example "DIRECT";
Acquire::https::Verify-Peer "";
Acquire::Check-Valid-Until "false";
Dir::Cache::pkgcache "";
"""
    assert apt.connection_options(dump).splitlines() == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy::internal.example "DIRECT";',
        'Acquire::Check-Valid-Until "false";',
    ]
