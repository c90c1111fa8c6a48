"""Which versions of configs count (bosh: models/config.rb, api/config_manager.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bosh.state import records
from bosh.state.contract import Store


def newest(configs: Iterable[records.Config]) -> list[records.Config]:
    """The newest of each type and name among these."""
    found: dict[tuple[str, str], records.Config] = {}
    for config in configs:
        key = (config.type, config.name)
        if key not in found or found[key].id < config.id:
            found[key] = config
    return list(found.values())


def in_order(configs: Iterable[records.Config]) -> list[records.Config]:
    """By type, ``default`` first, by name, newest first."""
    return sorted(configs, key=lambda each: (each.type, each.name != "default", each.name, -each.id))


def current(store: Store, config_type: str, name: str) -> records.Config | None:
    """The newest undeleted version."""
    found = store.configs.list(type=config_type, name=name, deleted=False, newest_first=True, limit=1)
    return found[0] if found else None


def for_teams(store: Store, config_type: str, teams: Sequence[str]) -> list[records.Config]:
    """What a deployment of these teams uses: the newest of each name among everybody's and the teams' own."""
    visible = store.configs.list(type=config_type, deleted=False, team=["", *teams])
    return sorted(newest(visible), key=lambda each: each.id)
