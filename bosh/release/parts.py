"""A release directory read: its jobs, packages and license, each with the files that go into its archive and its fingerprint.

Source: bosh-cli `release/dir_reader.go`, `release/{job,pkg,license}/dir_reader.go`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bosh.release import glob
from bosh.release.fingerprint import SourceFile, fingerprint
from bosh.release.packages import check_dependencies
from bosh.wire import go_yaml
from bosh.wire.errors import BoshError, ReleaseInvalidPackage

Kind = Literal["job", "package", "license"]

_SCRIPTS = ("packaging", "pre_packaging")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that has an archive of its own."""

    kind: Kind
    name: str
    fingerprint: str
    files: tuple[SourceFile, ...] = ()
    """Empty for a vendored package."""
    needs: tuple[str, ...] = ()
    """A job's packages, a package's dependencies."""
    follow_symlinks: bool = False
    no_compression: bool = False
    vendored: bool = False
    """Known by ``spec.lock`` alone: its archive is in the final builds."""


@dataclass(frozen=True, slots=True)
class Source:
    """A release directory's content, sorted by name."""

    jobs: tuple[Part, ...]
    packages: tuple[Part, ...]
    license: Part | None


def read(directory: Path, *, algorithm: str = "sha256") -> Source:
    """Read all parts and fingerprint them.

    Raises:
        BoshError: every fault of every part in the details; nothing is returned half.
        ReleaseInvalidPackage: a package needs one that does not exist, or itself.
    """
    faults: list[str] = []
    packages = _parts(directory / "packages", lambda path: read_package(path, directory, algorithm), faults)
    known = {package.name for package in packages}
    jobs = _parts(directory / "jobs", lambda path: read_job(path, algorithm), faults)
    faults += [
        f"Expected to find package '{name}' since it's a dependency of job '{job.name}'"
        for job in jobs
        for name in job.needs
        if name not in known and not faults
    ]
    if faults:
        raise BoshError(f"cannot build a release from directory '{directory}'", details="\n".join(faults))
    check_dependencies({package.name: package.needs for package in packages})
    return Source(tuple(jobs), tuple(packages), read_license(directory, algorithm))


def _parts(folder: Path, reader: Callable[[Path], Part], faults: list[str]) -> list[Part]:
    parts: dict[str, Part] = {}
    for path in sorted(folder.glob("*")):
        if not path.is_dir():
            continue
        try:
            part = reader(path)
        except (BoshError, OSError, ValueError) as error:
            faults.append(f"{folder.name}/{path.name}: {error}")
            continue
        if part.name in parts:
            faults.append(f"{folder.name}/{path.name}: another one is named '{part.name}' as well")
        parts[part.name] = part
    return sorted(parts.values(), key=lambda part: part.name.encode())


def _spec(path: Path) -> dict[str, Any]:
    try:
        spec = go_yaml.load(path.read_bytes())
    except FileNotFoundError as error:
        raise BoshError(f"there is no file '{path.name}'") from error
    if not isinstance(spec, dict):
        raise BoshError(f"'{path.name}' is not a map")
    return spec


def _name(spec: dict[str, Any]) -> str:
    name = str(spec.get("name") or "")
    if not name or "/" in name or name in {".", ".."}:
        raise BoshError(f"'{name}' is not a name")
    return name


def _texts(spec: dict[str, Any], key: str) -> tuple[str, ...]:
    values = spec.get(key) or []
    if not isinstance(values, list):
        raise BoshError(f"'{key}' is not a list")
    return tuple(str(value) for value in values)


def read_job(path: Path, algorithm: str = "sha256") -> Part:
    """One job directory. Raises BoshError, OSError or ValueError for what is missing or malformed."""
    spec = _spec(path / "spec")
    name = _name(spec)
    if name != path.name:
        raise BoshError(f"Job directory '{path.name}' does not match job name '{name}' in spec")
    templates = spec.get("templates") or {}
    if not isinstance(templates, dict):
        raise BoshError("'templates' is not a map")
    optional = [path / "monit", path / "properties_schema.json"]
    files = [
        SourceFile(path / "spec", "job.MF"),
        *(SourceFile(file, file.name) for file in optional if file.exists()),
        *(SourceFile(path / "templates" / str(source), f"templates/{source}") for source in templates),
    ]
    outside = [file.relative for file in files if ".." in file.relative.split("/")]
    if outside:
        raise BoshError(f"Job '{name}' has a template outside its folder: '{outside[0]}'")
    missing = [file.relative for file in files if not file.path.is_file()]
    if missing:
        raise BoshError(f"Job '{name}' has no file '{missing[0]}'")
    return Part(
        kind="job",
        name=name,
        fingerprint=fingerprint(files, follow_symlinks=True, algorithm=algorithm),
        files=tuple(files),
        needs=_texts(spec, "packages"),
        follow_symlinks=True,
    )


def read_package(path: Path, directory: Path, algorithm: str = "sha256") -> Part:
    """One package directory. Raises BoshError, OSError or ValueError for what is missing or malformed."""
    lock = path / "spec.lock"
    if lock.exists():
        spec = _spec(lock)
        return Part(
            "package", _name(spec), str(spec.get("fingerprint")), needs=_texts(spec, "dependencies"), vendored=True
        )
    spec = _spec(path / "spec")
    name, needs = _name(spec), _texts(spec, "dependencies")
    scripts = [SourceFile(path / script, script, exclude_mode=True) for script in _SCRIPTS if (path / script).is_file()]
    if not scripts or scripts[0].relative != "packaging":
        raise BoshError(f"Expected to find '{path / 'packaging'}' for package '{name}'")
    files = _package_files(name, spec, directory)
    return Part(
        kind="package",
        name=name,
        fingerprint=fingerprint([*scripts, *files], needs, algorithm=algorithm),
        files=(*scripts, *files),
        needs=needs,
        no_compression=bool(spec.get("no_compression")),
    )


def _package_files(name: str, spec: dict[str, Any], directory: Path) -> list[SourceFile]:
    roots = (directory / "src", directory / "blobs")
    chosen: dict[str, SourceFile] = {}
    for pattern in _texts(spec, "files"):
        matches = list(_matches(roots, pattern, directory / "src"))
        if not matches:
            raise BoshError(f"Missing files for pattern '{pattern}'")
        for file in matches:
            chosen.setdefault(file.relative, file)
    for pattern in _texts(spec, "excluded_files"):
        for root in roots:
            for path in glob.find(root, pattern):
                chosen.pop(_relative(path, root), None)
    for script in _SCRIPTS:
        if script in chosen:
            raise ReleaseInvalidPackage(
                f"Expected special '{script}' file to not be included via 'files' key for package '{name}'"
            )
    return list(chosen.values())


def _matches(roots: Iterable[Path], pattern: str, src: Path) -> Iterable[SourceFile]:
    """``src`` comes before ``blobs``, so that of two files with one path the one in ``src`` is taken."""
    for root in roots:
        for path in glob.find(root, pattern):
            if _packageable(path, src):
                yield SourceFile(path, _relative(path, root))


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root)


def _packageable(path: Path, src: Path) -> bool:
    """Links themselves are packaged, files seen through a linked folder are not: they would be there twice."""
    if path.is_symlink():
        return True
    if path.is_dir():
        return False
    return os.path.relpath(path, src) == os.path.relpath(path.resolve(), src.resolve())


def read_license(directory: Path, algorithm: str = "sha256") -> Part | None:
    """All LICENSE* and NOTICE* files of the release directory, or None."""
    paths = [*sorted(directory.glob("LICENSE*")), *sorted(directory.glob("NOTICE*"))]
    files = tuple(SourceFile(path, path.name, exclude_mode=True, use_basename=True) for path in paths)
    if not files:
        return None
    return Part("license", "license", fingerprint(files, algorithm=algorithm), files)


def packages_without_compression(directory: Path) -> list[str]:
    """Names of the packages whose spec has ``no_compression``; what cannot be read is left to ``read``."""
    names = []
    for path in sorted((directory / "packages").glob("*/spec")):
        try:
            spec = _spec(path)
        except (BoshError, ValueError, OSError):
            continue
        if spec.get("no_compression"):
            names.append(str(spec.get("name")))
    return names
