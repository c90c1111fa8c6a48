"""The CPIs of the current CPI configs and the names they had before (bosh: cloud_factory.rb)."""

from __future__ import annotations

from bosh.director.world import cpi_config
from bosh.state.contract import Store


def cpi_names(store: Store) -> dict[str, set[str]]:
    """Name → the name and those it was migrated from; only the empty name when there is no CPI config."""
    found: dict[str, set[str]] = {}
    for entry in cpi_config(store)["cpis"]:
        former = {str(old.get("name") or "") for old in entry.get("migrated_from") or []}
        found[str(entry["name"])] = {str(entry["name"]), *former}
    return found or {"": {""}}
