"""Which packages must be compiled, for which stemcell, in which order (bosh: package_compile_stage.rb, key_generator.rb)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bosh.manifest.model import CompiledPackage, Json, Package, Release, StemcellChoice
from bosh.plan.errors import (
    PackageCycle,
    PackageDependencyMissing,
    PackageMissingExportedFrom,
    PackageMissingSourceCode,
    StemcellNotPresentInExportedFrom,
)
from bosh.plan.model import CompilePackage, LaidInstance
from bosh.wire.errors import BoshError

Packages = Mapping[str, Package]
"""The packages of one release version by name."""


def dependency_key(package: str, packages: Packages) -> str:
    """What a compiled form of the package depends on, as the original writes it.

    Returns:
        JSON without spaces of the sorted dependencies, each ``[name, fingerprint]`` or, when it has dependencies itself,
        ``[name, fingerprint, [dependencies…]]``. ``[]`` for a package without any.

    Raises:
        PackageDependencyMissing: 80003. PackageCycle: 30012.
    """
    return json.dumps(_nested(package, packages, ()), separators=(",", ":"))


def _nested(name: str, packages: Packages, path: tuple[str, ...]) -> list[Json]:
    result: list[Json] = []
    for dependency in _dependencies(name, packages, path):
        below = _nested(dependency, packages, (*path, name))
        result.append([dependency, packages[dependency].fingerprint, *([below] if below else [])])
    return result


def _dependencies(name: str, packages: Packages, path: tuple[str, ...]) -> list[str]:
    """Sorted names of the direct dependencies, all of which exist and none of which is on the way here."""
    package = packages.get(name)
    if package is None:
        wanted_by = f" (wanted by '{path[-1]}')" if path else ""
        raise PackageDependencyMissing(f"Package '{name}' not found in its release{wanted_by}")
    if name in path:
        cycle = " → ".join((*path[path.index(name) :], name))
        raise PackageCycle(
            f"Packages of release '{package.release}/{package.release_version}' depend on each other: {cycle}"
        )
    for dependency in package.dependencies:
        if dependency not in packages:
            raise PackageDependencyMissing(
                f"Package '{name}' depends on '{dependency}', which release '{package.release}/{package.release_version}' "
                "does not have"
            )
    return sorted(package.dependencies)


def closure(package: str, packages: Packages) -> tuple[Package, ...]:
    """Everything the package needs, directly and indirectly, dependencies before those who need them; not itself.

    Raises:
        PackageDependencyMissing: 80003. PackageCycle: 30012.
    """
    ordered: dict[str, Package] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        for dependency in _dependencies(name, packages, path):
            if dependency not in ordered or dependency in path:
                visit(dependency, (*path, name))
                ordered[dependency] = packages[dependency]

    visit(package, ())
    return tuple(ordered.values())


def key_digest(key: str) -> str:
    """SHA-1 of a dependency key, for places where only sameness matters."""
    return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()


# --- what has been compiled -----------------------------------------------------------------------------------------------------------


class CompiledIndex:
    """The catalog's compiled packages, found by what they were compiled from."""

    def __init__(
        self,
        compiled: Iterable[CompiledPackage],
        exported_from: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    ) -> None:
        """Sort them.

        Args:
            exported_from: release → the stemcells (os, version) whose compiled packages alone may be used.
        """
        self.exported_from = exported_from or {}
        self._by_key: dict[tuple[str, str, str], dict[str, CompiledPackage]] = {}
        for one in compiled:
            key = (one.package_fingerprint, one.dependency_key, one.stemcell_os)
            self._by_key.setdefault(key, {})[one.stemcell_version] = one

    def find(self, package: Package, key: str, stemcell: StemcellChoice) -> CompiledPackage | None:
        """The form to install on a stemcell.

        With source at hand only the exact stemcell version will do; a package that exists in compiled form alone may come from the
        newest version of the same major line. A release that is ``exported_from`` stemcells is used as compiled for one of these of
        the same line (bosh: compiled_package_finder.rb).
        """
        versions = self._by_key.get((package.fingerprint, key, stemcell.os), {})
        if self.exported_from.get(package.release):
            exported = (versions.get(version) for version in self.exported_versions(package, stemcell))
            return next((one for one in exported if one is not None), None)
        exact = versions.get(stemcell.version)
        if exact is not None or package.blobstore_id:
            return exact
        line = [one for version, one in versions.items() if _major(version) == _major(stemcell.version)]
        return max(line, key=lambda one: _numbers(one.stemcell_version), default=None)

    def exported_versions(self, package: Package, stemcell: StemcellChoice) -> list[str]:
        """The versions of the stemcell's line that the package's release may have been exported from."""
        return [
            version
            for os, version in self.exported_from.get(package.release, ())
            if os == stemcell.os and _major(version) == _major(stemcell.version)
        ]

    def may_compile(self, package: Package) -> bool:
        """Whether its source may be used."""
        return bool(package.blobstore_id) and not self.exported_from.get(package.release)


def _major(version: str) -> str:
    return version.split(".", 1)[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


# --- what must be compiled ------------------------------------------------------------------------------------------------------------


@dataclass
class _Line:
    """The work for one stemcell."""

    stemcell: StemcellChoice
    steps: dict[tuple[str, str, str], CompilePackage] = field(default_factory=dict)
    impossible: dict[str, dict[str, Package]] = field(default_factory=dict)
    """``release/version`` → packages without source and without compiled form."""


def compilations(
    instances: Sequence[LaidInstance], releases: Sequence[Release], index: CompiledIndex
) -> tuple[CompilePackage, ...]:
    """The compile steps a deploy needs, each after those it depends on.

    A package compiled already needs nothing, not even its dependencies. The same package on several groups, or under the same
    fingerprint in several releases, is compiled once per stemcell OS and version.

    Raises:
        PackageMissingSourceCode: 60001, naming every such package; 60003 and 60004 for a release that is ``exported_from``.
    """
    by_release = {release.name: release.packages for release in releases}
    lines: dict[tuple[str, str], _Line] = {}
    for instance in _one_per_group(instances):
        stemcell = instance.stemcell
        line = lines.setdefault((stemcell.os, stemcell.version), _Line(stemcell))
        for package in instance.packages:
            _plan(
                package.name,
                by_release[package.release],
                line,
                index,
                reason=f"needed by instance group '{instance.group}'",
            )
    _refuse_impossible(lines.values(), index)
    return tuple(step for line in lines.values() for step in line.steps.values())


def compilations_of(
    names: Sequence[str], packages: Packages, stemcell: StemcellChoice, index: CompiledIndex, *, reason: str
) -> tuple[CompilePackage, ...]:
    """The compile steps that leave all these packages of one release compiled for one stemcell.

    Raises:
        PackageMissingSourceCode: 60001, naming every package that cannot be compiled.
    """
    line = _Line(stemcell)
    for name in names:
        _plan(name, packages, line, index, reason=reason)
    _refuse_impossible((line,), index)
    return tuple(line.steps.values())


def _one_per_group(instances: Sequence[LaidInstance]) -> Iterator[LaidInstance]:
    seen = set()
    for instance in instances:
        key = (instance.group, instance.stemcell.os, instance.stemcell.version)
        if key not in seen:
            seen.add(key)
            yield instance


def _plan(
    name: str, packages: Packages, line: _Line, index: CompiledIndex, *, reason: str
) -> tuple[str, str, str] | None:
    """Add the package's step and those below it; its id, or None when nothing has to be done."""
    package = packages[name]
    key = dependency_key(name, packages)
    step_id = (package.fingerprint, key, f"{line.stemcell.os}/{line.stemcell.version}")
    if step_id in line.steps:
        return step_id
    if index.find(package, key, line.stemcell) is not None:
        return None
    if not index.may_compile(package):
        release = f"{package.release}/{package.release_version}"
        line.impossible.setdefault(release, {})[name] = package
        return None
    below = closure(name, packages)
    after = [
        _plan(dependency, packages, line, index, reason=f"needed to compile '{name}'")
        for dependency in _dependencies(name, packages, ())
    ]
    line.steps[step_id] = CompilePackage(
        package=package,
        stemcell=line.stemcell,
        dependency_key=key,
        dependencies=tuple((one.name, one.fingerprint) for one in below),
        after=tuple(one for one in after if one is not None),
        reason=f"{reason}; not compiled for {line.stemcell.os}/{line.stemcell.version} yet",
    )
    return step_id


def _refuse_impossible(lines: Iterable[_Line], index: CompiledIndex) -> None:
    faults: list[tuple[type[BoshError], str]] = []
    for line in lines:
        for release, packages in sorted(line.impossible.items()):
            faults.append(_impossible(release, packages, line.stemcell, index))
    if faults:
        raise faults[0][0](
            "\n\n".join(text for _, text in faults),
            resolution="Upload the release with source, or compiled for this stemcell line, or choose the stemcell it was compiled for.",
        )


def _impossible(
    release: str, packages: Mapping[str, Package], stemcell: StemcellChoice, index: CompiledIndex
) -> tuple[type[BoshError], str]:
    """Error and text as the original's package_validator.rb tells it."""
    listed = "".join(f"\n - '{name}/{package.fingerprint}'" for name, package in sorted(packages.items()))
    one = next(iter(packages.values()))
    wanted = f"{stemcell.os}/{stemcell.version}"
    if not index.exported_from.get(one.release):
        return PackageMissingSourceCode, (
            f"Can't use release '{release}'. It references packages without source code and are not compiled against "
            f"stemcell '{wanted}':{listed}"
        )
    exported = [f"{stemcell.os}/{version}" for version in index.exported_versions(one, stemcell)]
    if not exported:
        return StemcellNotPresentInExportedFrom, (
            f"Can't use release '{release}': expected to find stemcell for '{wanted}' to be configured in exported_from"
        )
    return PackageMissingExportedFrom, (
        f"Can't use release '{release}':\nPackages must be exported from stemcell '{', '.join(exported)}', "
        f"but some packages are not compiled for this stemcell:{listed}"
    )
