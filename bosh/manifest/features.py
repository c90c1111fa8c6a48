"""``features`` and ``variables`` (bosh: deployment_plan/deployment_features_parser.rb, variables_parser.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bosh.manifest.faults import did_you_mean
from bosh.manifest.model import Features, Json, Variable
from bosh.manifest.reading import Node, kind_of
from bosh.manifest.references import absolute_name, incorrect_name

VARIABLES_INVALID_FORMAT: Final = 560000
FEATURES_INVALID_FORMAT: Final = 560001
INCOMPATIBLE_FEATURES: Final = 210001
INCORRECT_NAME: Final = 540004
DUPLICATE_VARIABLE: Final = 190022

_FEATURES: Final = (
    "use_dns_addresses", "use_short_dns_addresses", "use_link_dns_names", "randomize_az_placement",
    "converge_variables", "use_tmpfs_config",
)  # fmt: skip
_TYPES: Final = ("password", "certificate", "rsa", "ssh", "user", "json", "value")
_UPDATE_MODES: Final = ("no-overwrite", "overwrite", "converge")
_STRATEGIES: Final = ("on-deploy", "on-stemcell-change")
_CONSUMERS: Final = ("alternative_name", "common_name")


def features(root: Node) -> Features:
    if "features" not in root:
        return Features()
    node = root.child("features")
    if not isinstance(node.value, Mapping):
        node.fault(f"expected a map, found {kind_of(node.value)}", code=FEATURES_INVALID_FORMAT)
        return Features()
    node.known(_FEATURES)
    given = {key: _flag(node, key) for key in _FEATURES}
    by_link = given["use_link_dns_names"]
    for key in ("use_dns_addresses", "use_short_dns_addresses"):
        if by_link and given[key] is False:
            node.fault(f"use_link_dns_names needs {key}, which is off", code=INCOMPATIBLE_FEATURES, key=key)
        if by_link and given[key] is None:
            given[key] = True
    return Features(
        use_dns_addresses=given["use_dns_addresses"],
        use_short_dns_addresses=bool(given["use_short_dns_addresses"]),
        use_link_dns_names=bool(by_link),
        randomize_az_placement=bool(given["randomize_az_placement"]),
        converge_variables=bool(given["converge_variables"]),
        use_tmpfs_config=given["use_tmpfs_config"],
    )


def _flag(node: Node, key: str) -> bool | None:
    value = node.raw(key)
    if isinstance(value, bool):
        return value
    if key in node:
        node.fault(f"expected a boolean, found {kind_of(value)}", code=FEATURES_INVALID_FORMAT, key=key)
    return None


def variables(roots: Sequence[Node], *, director: str, deployment: str, converge: bool) -> tuple[Variable, ...]:
    """The ``variables`` of the manifest and the runtime configs, with absolute names.

    Args:
        converge: whether entries without ``update_mode`` are regenerated when their options changed.
    """
    found: dict[str, Variable] = {}
    for node in (entry for root in roots for entry in _entries(root)):
        variable = _variable(node, director=director, deployment=deployment, converge=converge)
        if variable is None:
            continue
        if variable.name in found:
            code = VARIABLES_INVALID_FORMAT if node.document is roots[0].document else DUPLICATE_VARIABLE
            node.fault(f'variable "{variable.name}" is there twice', code=code, key="name")
        found.setdefault(variable.name, variable)
    return tuple(found.values())


def _entries(root: Node) -> list[Node]:
    if "variables" not in root:
        return []
    child = root.child("variables")
    if not isinstance(child.value, list):
        child.fault(f"expected a list, found {kind_of(child.value)}", code=VARIABLES_INVALID_FORMAT)
        return []
    items = root.items("variables")
    for item in items:
        if not isinstance(item.value, Mapping):
            item.fault(f"expected a map, found {kind_of(item.value)}", code=VARIABLES_INVALID_FORMAT)
    return [item for item in items if isinstance(item.value, Mapping)]


def _variable(node: Node, *, director: str, deployment: str, converge: bool) -> Variable | None:
    node.known(("name", "type", "options", "update_mode", "update", "consumes"))
    name, kind = _word(node, "name"), _word(node, "type")
    if not name or not kind:
        return None
    if wrong := incorrect_name(name, dots=False):
        node.fault(f"variable name '{name}' {wrong}", code=INCORRECT_NAME, key="name")
        return None
    if kind not in _TYPES:
        message = f'no variable type "{kind}"{did_you_mean(kind, _TYPES)}'
        node.fault(message, code=VARIABLES_INVALID_FORMAT, key="type")
        return None
    return Variable(
        name=absolute_name(name, director=director, deployment=deployment),
        type=kind,  # type: ignore[arg-type]
        options=_map(node, "options"),
        update_mode=_choice(node, "update_mode", _UPDATE_MODES, "converge" if converge else "no-overwrite"),
        consumes=_consumes(node, kind),
        strategy=_choice(node.child("update"), "strategy", _STRATEGIES, "on-deploy"),
    )


def _word(node: Node, key: str) -> str:
    value = node.raw(key)
    if isinstance(value, str) and value.strip():
        return value
    wrong = f"expected text, found {kind_of(value)}" if key in node else f"'{key}' is missing"
    node.fault(wrong, code=VARIABLES_INVALID_FORMAT, key=key if key in node else None)
    return ""


def _map(node: Node, key: str) -> Mapping[str, Json]:
    value = node.raw(key)
    if value is None or isinstance(value, Mapping):
        return value or {}
    node.fault(f"expected a map, found {kind_of(value)}", code=VARIABLES_INVALID_FORMAT, key=key)
    return {}


def _choice(node: Node, key: str, allowed: Iterable[str], default: str) -> Any:
    value = node.raw(key)
    if value is None or value in allowed:
        return value or default
    message = f"{kind_of(value)} is not one of {', '.join(allowed)}{did_you_mean(str(value), allowed)}"
    node.fault(message, code=VARIABLES_INVALID_FORMAT, key=key)
    return default


def _consumes(node: Node, kind: str) -> Mapping[str, Json]:
    """Links whose DNS names go into a certificate."""
    consumes = _map(node, "consumes")
    if consumes and kind != "certificate":
        node.fault(f"a variable of type {kind} cannot consume links", code=VARIABLES_INVALID_FORMAT, key="consumes")
        return {}
    for name in consumes:
        if name not in _CONSUMERS:
            message = f'"{name}" is not one of {", ".join(_CONSUMERS)}{did_you_mean(str(name), _CONSUMERS)}'
            node.child("consumes").fault(message, code=VARIABLES_INVALID_FORMAT, key=name)
    return consumes
