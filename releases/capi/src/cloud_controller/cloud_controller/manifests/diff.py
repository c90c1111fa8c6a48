"""What a manifest would change, as steps like those of RFC 6902 with the old value (cloud_controller_ng: space_diff_manifest.rb)."""

from __future__ import annotations

from typing import Any, Final

from cloud_controller.manifests import parse, units
from cloud_controller.state.store import Record

# Lists whose entries are told apart by one of their values.
IDENTITIES: Final = {"processes": "type", "routes": "route", "sidecars": "name"}
KEYS: Final = (
    *parse.COLUMNS,
    "buildpack",
    "buildpacks",
    "docker",
    "env",
    "features",
    "lifecycle",
    "metadata",
    "no-route",
    "processes",
    "random-route",
    "routes",
    "services",
    "sidecars",
    "stack",
)
_SIZES: Final = ("memory", "disk_quota", "disk-quota")


def compare(existing: Record, wanted: Record, index: int) -> list[Record]:
    """The steps from an app's own manifest (empty: no such app) to the wanted one; ``index`` is its place in the manifest."""
    before = _flat(existing)
    steps: list[Record] = []
    for key, value in _normal(wanted).items():
        if key not in KEYS or (key in _SIZES and before.get(key) is None):
            continue
        old = _prune(before.get(key), key, value)
        steps += _steps(old, value, f"/applications/{index}/{key}", IDENTITIES.get(key))
    return steps


def _flat(existing: Record) -> Record:
    """The app's manifest with what it says of ``web`` beside the other keys, as people write it."""
    web: Record = next((process for process in existing.get("processes") or [] if process["type"] == "web"), {})
    flat = {**existing, **{key: value for key, value in web.items() if key != "type"}}
    if "disk_quota" in flat:
        flat["disk-quota"] = flat["disk_quota"]
    return flat


def _normal(value: Any) -> Any:
    """Sizes in one spelling."""
    if isinstance(value, list):
        return [_normal(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {key: _normal_value(key, entry) for key, entry in value.items()}


def _normal_value(key: str, value: Any) -> Any:
    try:
        if key in _SIZES and value is not None:
            return f"{units.to_megabytes(value)}M"
        if key == "log-rate-limit-per-second" and value is not None:
            return units.show_rate(units.rate(value))
    except units.BadSize as error:
        return f"{key} {error}"
    return _normal(value)


def _prune(old: Any, key: str, wanted: Any) -> Any:
    """Without what the manifest does not name, for that stays as it is."""
    if key == "features" and isinstance(old, dict):
        return {name: value for name, value in old.items() if name in (wanted or {})}
    identity = IDENTITIES.get(key)
    if identity is None or not isinstance(old, list) or not isinstance(wanted, list):
        return old
    named = {entry.get(identity): entry for entry in wanted if isinstance(entry, dict)}
    return [
        {name: value for name, value in entry.items() if named[entry[identity]].get(name) is not None}
        for entry in old
        if entry[identity] in named
    ]


def _steps(old: Any, new: Any, path: str, identity: str | None = None) -> list[Record]:
    if old == new:
        return []
    if old is None:
        return [{"op": "add", "path": path, "value": new}]
    if isinstance(old, dict) and isinstance(new, dict):
        return _map_steps(old, new, path)
    if isinstance(old, list) and isinstance(new, list):
        return _list_steps(old, new, path, identity)
    return [{"op": "replace", "path": path, "was": old, "value": new}]


def _map_steps(old: Record, new: Record, path: str) -> list[Record]:
    steps = [{"op": "remove", "path": f"{path}/{key}", "was": value} for key, value in old.items() if key not in new]
    for key, value in new.items():
        steps += _steps(old.get(key), value, f"{path}/{key}")
    return steps


def _list_steps(old: list[Any], new: list[Any], path: str, identity: str | None) -> list[Record]:
    def name(entry: Any) -> Any:
        return entry.get(identity) if identity and isinstance(entry, dict) else repr(entry)

    before = {name(entry): entry for entry in old}
    after = {name(entry) for entry in new}
    steps = [
        {"op": "remove", "path": f"{path}/{place}", "was": entry}
        for place, entry in enumerate(old)
        if name(entry) not in after
    ]
    for place, entry in enumerate(new):
        steps += _steps(before.get(name(entry)), entry, f"{path}/{place}")
    return steps
