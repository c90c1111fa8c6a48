"""Where Debian packages come from: the host's own choice when the host runs the same Debian, else the tool's default mirror.

Sources are either blocks ("deb822", ``*.sources``) or lines (``*.list``); only those of Debian itself for the wanted suite are taken, as
others need keys that a fresh system lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CONNECTION_OPTIONS = re.compile(
    r'^Acquire::(?:(?:https?|ftp)::(?:Proxy|Verify-Peer|Verify-Host|CaInfo)\S*|Retries|Check-Valid-Until|Check-Date) "[^"]+";$',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """``lines`` is empty when the tool's default mirror is to be used; ``options`` are apt's own configuration lines."""

    lines: str = ""
    options: str = ""


def of_host(root: Path, suite: str, dumped_options: str) -> Sources:
    """The host's Debian sources for one suite, and how it reaches them.

    Args:
        root: ``/`` outside tests.
        suite: ``bookworm``.
        dumped_options: the output of ``apt-config dump``.
    """
    if not _is_debian(root, suite):
        return Sources(options=connection_options(dumped_options))
    blocks = [block for text in _source_files(root) for block in debian_blocks(text, suite)]
    return Sources("\n\n".join(blocks) + "\n" if blocks else "", connection_options(dumped_options))


def connection_options(dump: str) -> str:
    """Proxies and checks from the output of ``apt-config dump``; everything else is the host's own affair."""
    return "".join(f"{line}\n" for line in dump.splitlines() if _CONNECTION_OPTIONS.match(line))


def debian_blocks(text: str, suite: str) -> Iterator[str]:
    """Those sources in a file that are Debian's own for a suite, each as a block."""
    suites = {suite, f"{suite}-updates", f"{suite}-security"}
    for fields in (*_blocks(text), *_lines(text)):
        wanted = [name for name in fields.get("suites", "").split() if name in suites]
        binary = "deb" in fields.get("types", "").split()
        if wanted and binary and "main" in fields.get("components", "").split() and fields.get("enabled") != "no":
            yield f"Types: deb\nURIs: {fields['uris']}\nSuites: {' '.join(wanted)}\nComponents: main"


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        for line in block.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith(("#", " ", "\t")):
                fields[name.strip().lower()] = value.strip()
        if "uris" in fields:
            yield fields


def _lines(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        match = re.match(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$", line.strip())
        if match:
            yield {"types": "deb", "uris": match[1], "suites": match[2], "components": match[3]}


def _is_debian(root: Path, suite: str) -> bool:
    release = root / "etc/os-release"
    words = release.read_text().split() if release.is_file() else []
    return "ID=debian" in words and f"VERSION_CODENAME={suite}" in words


def _source_files(root: Path) -> Iterable[str]:
    folder = root / "etc/apt/sources.list.d"
    files = [root / "etc/apt/sources.list", *sorted((*folder.glob("*.sources"), *folder.glob("*.list")))]
    return [path.read_text() for path in files if path.is_file()]
