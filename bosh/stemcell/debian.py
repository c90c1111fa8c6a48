"""What is installed in a Debian root filesystem, and its bill of materials in the forms that stemcells carry."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_STATUS = "var/lib/dpkg/status"
_COMPILERS = ("gcc", "g++", "cpp", "make", "binutils", "libc6-dev", "patch", "pkg-config", "pkgconf")
"""Packages (or the part of their name before a dash) whose programs ``dev_tools_file_list.txt`` names: an operator may remove them after
compilation (``env.bosh.remove_dev_tools``; bosh-agent: platform/linux_platform.go)."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    name: str
    version: str
    architecture: str
    source: str
    summary: str


@dataclass(frozen=True, slots=True)
class System:
    """What the packages are part of."""

    name: str
    version: str
    distribution: str
    made_at_s: int
    """Seconds since 1970; the documents' time stamp."""


def installed(root: Path) -> tuple[Package, ...]:
    """The packages that dpkg records as installed, sorted by name."""
    return tuple(sorted(_packages((root / _STATUS).read_text(errors="replace"))))


def _packages(status: str) -> Iterator[Package]:
    for block in status.split("\n\n"):
        fields = dict(_fields(block))
        if fields.get("Status") == "install ok installed":
            source = fields.get("Source", fields["Package"]).split()[0]
            summary = fields.get("Description", "")
            yield Package(fields["Package"], fields["Version"], fields["Architecture"], source, summary)


def _fields(block: str) -> Iterator[tuple[str, str]]:
    for line in block.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith(" "):
            yield name, value.strip()


def package_list(packages: Sequence[Package]) -> str:
    """``packages.txt``: the columns of ``dpkg -l``."""
    widths = [max(map(len, column)) for column in zip(*_rows(packages), strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in _rows(packages)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _rows(packages: Sequence[Package]) -> list[tuple[str, ...]]:
    return [("ii", package.name, package.version, package.architecture, package.summary) for package in packages]


def development_tools(root: Path, packages: Sequence[Package]) -> str:
    """``dev_tools_file_list.txt``: absolute paths of the compilers' own programs, one a line."""
    names = {package.name for package in packages if _is_compiler(package.name)}
    listed = sorted({path for name in names for path in _files(root, name) if _is_program(path)})
    return "".join(f"{path}\n" for path in listed if (root / path[1:]).exists() or (root / path[1:]).is_symlink())


def _is_compiler(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}-") for known in _COMPILERS)


def _files(root: Path, package: str) -> Iterator[str]:
    folder = root / "var/lib/dpkg/info"
    for listing in (*folder.glob(f"{package}.list"), *folder.glob(f"{package}:*.list")):
        yield from listing.read_text().split("\n")


def _is_program(path: str) -> bool:
    return path.startswith(("/usr/bin/", "/usr/lib/gcc/", "/usr/libexec/gcc/"))


def spdx(packages: Sequence[Package], system: System) -> str:
    """``sbom.spdx.json`` (SPDX 2.3)."""
    body = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{system.name}-{system.version}",
        "documentNamespace": f"urn:uuid:{_document_id(system, packages)}",
        "creationInfo": {"created": _timestamp(system.made_at_s), "creators": ["Tool: bosh-stemcell"]},
        "packages": [_spdx_package(package, system.distribution) for package in packages],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": _spdx_id(package),
            }
            for package in packages
        ],
    }
    return json.dumps(body, indent=1) + "\n"


def _spdx_package(package: Package, distribution: str) -> dict[str, Any]:
    return {
        "SPDXID": _spdx_id(package),
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "filesAnalyzed": False,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": _purl(package, distribution),
            }
        ],
    }


def _spdx_id(package: Package) -> str:
    safe = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in package.name)
    return f"SPDXRef-Package-{safe}-{package.architecture}"


def cyclonedx(packages: Sequence[Package], system: System) -> str:
    """``sbom.cdx.json`` (CycloneDX 1.5)."""
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{_document_id(system, packages)}",
        "version": 1,
        "metadata": {
            "timestamp": _timestamp(system.made_at_s),
            "component": {"type": "operating-system", "name": system.name, "version": system.version},
        },
        "components": [
            {
                "type": "library",
                "bom-ref": _purl(package, system.distribution),
                "name": package.name,
                "version": package.version,
                "purl": _purl(package, system.distribution),
            }
            for package in packages
        ],
    }
    return json.dumps(body, indent=1) + "\n"


def _purl(package: Package, distribution: str) -> str:
    version = package.version.replace("+", "%2B").replace(":", "%3A")
    name = package.name.replace("+", "%2B")
    return f"pkg:deb/debian/{name}@{version}?arch={package.architecture}&distro={distribution}"


def _document_id(system: System, packages: Sequence[Package]) -> uuid.UUID:
    content = "\n".join(f"{package.name} {package.version} {package.architecture}" for package in packages)
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{system.name}/{system.version}\n{content}")


def _timestamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
