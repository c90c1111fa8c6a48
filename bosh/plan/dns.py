"""Names: canonical form, queries, and the records blob every VM gets (bosh: dns/dns_encoder.rb, dns_records.rb, canonicalizer.rb)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

from bosh.manifest.model import Json
from bosh.plan.errors import InvalidCanonicalName
from bosh.plan.model import DnsIds

RECORD_KEYS = (
    "id", "num_id", "instance_group", "group_ids", "az", "az_id", "network",
    "network_id", "deployment", "ip", "domain", "agent_id", "instance_index",
)  # fmt: skip

K = TypeVar("K")

GroupKind = Literal["instance-group", "link"]

_STATUS = {"healthy": 3, "unhealthy": 1, "all": 4, "default": 0}
_INITIAL_CHECK = {"synchronous": "y1", "asynchronous": "y0"}


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Lower case, ``_`` → ``-``, every other character that DNS does not know dropped.

    Raises:
        InvalidCanonicalName: 420001, a hyphen at an end.
    """
    result = re.sub(r"[^a-z0-9-]", "", name.lower().replace("_", "-"))
    if result.startswith("-"):
        raise InvalidCanonicalName(f"Invalid DNS canonical name '{result}', cannot start with a hyphen")
    if result.endswith("-"):
        raise InvalidCanonicalName(f"Invalid DNS canonical name '{result}', cannot end with a hyphen")
    return result


def record_name(host: str | int, group: str, network: str, deployment: str, domain: str) -> str:
    """``<uuid or index>.<group>.<network>.<deployment>.<domain>``; a network of ``%`` stays as it is."""
    network = network if network == "%" else canonical(network)
    return f"{host}.{canonical(group)}.{network}.{canonical(deployment)}.{domain}"


class Numbers:
    """``DnsIds`` while it grows: looks a number up or gives the next one."""

    def __init__(self, known: DnsIds) -> None:
        self._azs = dict(known.azs)
        self._networks = dict(known.networks)
        self._groups = dict(known.groups)
        self._instances = dict(known.instances)
        self._next = {
            id(table): max(table.values(), default=0) + 1
            for table in (self._azs, self._networks, self._groups, self._instances)
        }

    def az(self, name: str) -> int:
        return self._number(self._azs, name)

    def network(self, name: str) -> int:
        return self._number(self._networks, name)

    def group(self, kind: GroupKind, name: str, deployment: str) -> int:
        return self._number(self._groups, (kind, name, deployment))

    def instance(self, instance_id: str) -> int:
        return self._number(self._instances, instance_id)

    def frozen(self) -> DnsIds:
        return DnsIds(self._azs, self._networks, self._groups, self._instances)

    def _number(self, table: dict[K, int], key: K) -> int:
        if key not in table:
            table[key] = self._next[id(table)]
            self._next[id(table)] += 1
        return table[key]


def short_query(
    ids: DnsIds | Numbers,
    *,
    group_number: int,
    domain: str,
    azs: Sequence[str] = (),
    instance: str = "",
    network: str = "",
    status: str = "default",
    initial_check: str = "",
) -> str:
    """``q-<criteria>.q-g<group>.<domain>``, criteria sorted by letter as the original director does.

    Args:
        azs: names of zones to choose from.
        status: ``healthy``, ``unhealthy``, ``all`` or ``default``.
        initial_check: ``synchronous``, ``asynchronous`` or nothing.

    Raises:
        KeyError: a name that has no number in ``DnsIds``.
    """
    number = _lookup(ids)
    criteria = [f"a{number('az', az)}" for az in azs]
    if instance:
        criteria.append(f"m{number('instance', instance)}")
    if network:
        criteria.append(f"n{number('network', network)}")
    if initial_check in _INITIAL_CHECK:
        criteria.append(_INITIAL_CHECK[initial_check])
    criteria.append(f"s{_STATUS.get(status, 0)}")
    return f"q-{''.join(sorted(criteria))}.q-g{group_number}.{domain}"


def long_query(
    ids: DnsIds | Numbers,
    *,
    group: str,
    network: str,
    deployment: str,
    domain: str,
    azs: Sequence[str] = (),
    status: str = "default",
    initial_check: str = "",
) -> str:
    """``q-<criteria>.<group>.<network>.<deployment>.<domain>``."""
    number = _lookup(ids)
    criteria = [f"a{number('az', az)}" for az in azs]
    if initial_check in _INITIAL_CHECK:
        criteria.append(_INITIAL_CHECK[initial_check])
    criteria.append(f"s{_STATUS.get(status, 0)}")
    return record_name(f"q-{''.join(sorted(criteria))}", group, network, deployment, domain)


class _Lookup:
    def __init__(self, ids: DnsIds | Numbers) -> None:
        self._ids = ids

    def __call__(self, kind: Literal["az", "network", "instance"], name: str) -> int:
        if isinstance(self._ids, Numbers):
            return {"az": self._ids.az, "network": self._ids.network, "instance": self._ids.instance}[kind](name)
        return {"az": self._ids.azs, "network": self._ids.networks, "instance": self._ids.instances}[kind][name]


def _lookup(ids: DnsIds | Numbers) -> _Lookup:
    return _Lookup(ids)


# --- the records blob -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedInstance:
    """What the name service knows of one instance of any deployment."""

    id: str
    group: str
    index: int
    az: str
    deployment: str
    agent_id: str
    addresses: Mapping[str, str]
    """Network name → IP; networks whose address is not known yet are left out."""
    link_groups: tuple[str, ...] = ()
    """Names (``link-type``) of the links its group provides."""
    domain: str = "bosh"


def records(
    instances: Iterable[NamedInstance], ids: DnsIds, *, include_index: bool = False
) -> tuple[list[Json], list[Json]]:
    """``records`` and ``record_infos`` of the records blob, one of each per instance and network.

    Raises:
        KeyError: an instance, network or zone that has no number in ``DnsIds``.
    """
    hosts: list[Json] = []
    infos: list[Json] = []
    for one in instances:
        group_ids = _group_ids(one, ids)
        for network, ip in one.addresses.items():
            names = [one.id, str(one.index)] if include_index else [one.id]
            hosts += [[ip, record_name(name, one.group, network, one.deployment, one.domain)] for name in names]
            infos.append(
                [
                    one.id,
                    str(ids.instances[one.id]),
                    canonical(one.group),
                    group_ids,
                    one.az or None,
                    str(ids.azs[one.az]) if one.az else None,
                    canonical(network),
                    str(ids.networks[network]),
                    canonical(one.deployment),
                    ip,
                    one.domain,
                    one.agent_id,
                    one.index,
                ]
            )
    return hosts, infos


def _group_ids(one: NamedInstance, ids: DnsIds) -> list[str]:
    keys: list[tuple[str, str, str]] = [("instance-group", one.group, one.deployment)]
    keys += [("link", name, one.deployment) for name in sorted(one.link_groups)]
    return [str(ids.groups[key]) for key in keys if key in ids.groups]


def blob(
    instances: Iterable[NamedInstance],
    ids: DnsIds,
    *,
    version: int,
    aliases: Mapping[str, Sequence[Mapping[str, Json]]] | None = None,
    include_index: bool = False,
) -> dict[str, Json]:
    """The whole records blob, ready for JSON.

    Args:
        aliases: domain → [{root_domain, group_id, health_filter, initial_health_check, placeholder_type}].
    """
    hosts, infos = records(instances, ids, include_index=include_index)
    return {
        "records": hosts,
        "version": version,
        "record_keys": list(RECORD_KEYS),
        "record_infos": infos,
        "aliases": {domain: [dict(target) for target in targets] for domain, targets in (aliases or {}).items()},
    }
