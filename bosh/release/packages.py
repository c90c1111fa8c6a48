"""Who needs whom: package dependencies, their closure and their order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bosh.wire.errors import ReleaseInvalidPackage


def check_dependencies(dependencies: Mapping[str, Sequence[str]]) -> None:
    """Every dependency exists and none leads back to itself.

    Args:
        dependencies: package name → names it needs.

    Raises:
        ReleaseInvalidPackage: the text shows the circle (`bosh: …/director/cycle_helper.rb`).
    """
    for name, needed in dependencies.items():
        missing = [other for other in needed if other not in dependencies]
        if missing:
            raise ReleaseInvalidPackage(
                f"Expected to find package '{missing[0]}' since it's a dependency of package '{name}'"
            )
    settled: set[str] = set()
    for name in dependencies:
        _walk(name, dependencies, [], settled)


def _walk(name: str, dependencies: Mapping[str, Sequence[str]], path: list[str], settled: set[str]) -> None:
    if name in path:
        raise ReleaseInvalidPackage(f"Cycle: {'=>'.join([*path, name])}", resolution="remove one of these dependencies")
    if name in settled:
        return
    for needed in dependencies[name]:
        _walk(needed, dependencies, [*path, name], settled)
    settled.add(name)


def closure(names: Sequence[str], dependencies: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The packages named and all they need, dependencies before their dependents, each once."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for needed in dependencies.get(name, ()):
                visit(needed)
            ordered.setdefault(name)

    for name in names:
        visit(name)
    return tuple(ordered)
