"""What a job's templates may see: only the names of its spec, defaults filled in (bosh: deployment_plan/job.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bosh.manifest.model import Json, Properties
from bosh.wire.errors import DeploymentInvalidProperty

_ABSENT = object()


def bind(spec: Mapping[str, Mapping[str, Json]], given: Properties, *, job: str) -> dict[str, Json]:
    """Nested properties of one job.

    Args:
        spec: dotted name → {default, description, …}.
        given: the manifest's ``properties`` of the job.

    Returns:
        A nested dict with every name of the spec; a name without value and default is None.

    Raises:
        DeploymentInvalidProperty: 190014, something that is no map stands where a map must be.
    """
    bound: dict[str, Json] = {}
    for name, definition in spec.items():
        value = find(given, name, job=job)
        chosen = definition.get("default") if value is None or value is _ABSENT else value
        put(bound, name, _sorted(chosen))
    return bound


def pick(
    spec: Mapping[str, Mapping[str, Json]], given: Properties, names: Iterable[str], *, job: str
) -> tuple[dict[str, Json], list[str]]:
    """The properties that a link shares, and the names among them that the job's spec does not have.

    An explicit null in the manifest stays null here (bosh: links/link_helpers.rb).
    """
    shared: dict[str, Json] = {}
    unknown = []
    for name in names:
        value = find(given, name, job=job)
        if value is not _ABSENT:
            put(shared, name, value)
        elif name in spec:
            put(shared, name, spec[name].get("default"))
        else:
            unknown.append(name)
    return shared, unknown


def find(tree: Properties, name: str, *, job: str) -> Json:
    """The value under a dotted name, or a marker that equals nothing when it is not there."""
    node: Json = tree
    parts = name.split(".")
    for position, part in enumerate(parts):
        if node is None:
            return _ABSENT
        if not isinstance(node, Mapping):
            path = ".".join(parts[:position])
            raise DeploymentInvalidProperty(
                f"Property '{path}' of job '{job}' expected to be a map, because its spec has '{name}'",
                details=f"it is a {type(node).__name__}",
            )
        if part not in node:
            return _ABSENT
        node = node[part]
    return node


def put(tree: dict[str, Json], name: str, value: Json) -> None:
    """Set a dotted name in a nested dict, making the maps on the way."""
    *path, last = name.split(".")
    for part in path:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    tree[last] = value


def _sorted(value: Json) -> Json:
    """Maps by key, so that a reordered manifest renders the same text (bosh-template: property_helper.rb)."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    return value
