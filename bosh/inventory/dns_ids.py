"""The name service's numbers: table rows ↔ ``DnsIds``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bosh.plan.model import DnsIds
from bosh.state.contract import Store
from bosh.state.records import DnsNumber


def read_dns_ids(store: Store) -> DnsIds:
    """All numbers given so far, of all deployments."""
    spaces: dict[str, dict[str, int]] = {"az": {}, "network": {}, "instance": {}, "group": {}}
    for row in store.dns_numbers.list():
        spaces[row.space][row.key] = row.number
    groups = {tuple(json.loads(key)): number for key, number in spaces["group"].items()}
    return DnsIds(azs=spaces["az"], networks=spaces["network"], groups=groups, instances=spaces["instance"])


def new_rows(before: DnsIds, after: DnsIds) -> list[DnsNumber]:
    """Rows for the numbers that ``before`` does not have yet."""
    known = {(space, key) for space, key, _number in _flat(before)}
    return [DnsNumber(space, key, number) for space, key, number in _flat(after) if (space, key) not in known]


def _flat(ids: DnsIds) -> Iterator[tuple[str, str, int]]:
    for name, number in ids.azs.items():
        yield "az", name, number
    for name, number in ids.networks.items():
        yield "network", name, number
    for name, number in ids.instances.items():
        yield "instance", name, number
    for group, number in ids.groups.items():
        yield "group", group_key(group), number


def group_key(group: tuple[str, str, str]) -> str:
    """The key column of a group's number."""
    return json.dumps(list(group), separators=(",", ":"))
