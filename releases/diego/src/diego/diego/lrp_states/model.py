"""Rows and what becomes of them. Source: bbs models/actual_lrp.{proto,go}. Times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

UNCLAIMED, CLAIMED, RUNNING, CRASHED = "UNCLAIMED", "CLAIMED", "RUNNING", "CRASHED"
SECOND = 1_000_000_000


class Presence(IntEnum):
    """What is known of the cell an instance is on; the numbers of ActualLRP.Presence."""

    ORDINARY = 0
    EVACUATING = 1
    SUSPECT = 2


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which instance of which process."""

    process_guid: str
    index: int
    domain: str


@dataclass(frozen=True, slots=True, order=True)
class InstanceKey:
    """Which container on which cell."""

    instance_guid: str = ""
    cell_id: str = ""


NOBODY = InstanceKey()


@dataclass(frozen=True, slots=True)
class PortMapping:
    """How a port of the container is reached from outside."""

    container_port: int = 0
    host_port: int = 0
    container_tls_proxy_port: int = 0
    host_tls_proxy_port: int = 0


@dataclass(frozen=True, slots=True)
class NetInfo:
    """Where an instance is reached; `preferred_address` is a number of ActualLRPNetInfo.PreferredAddress."""

    address: str = ""
    ports: tuple[PortMapping, ...] = ()
    instance_address: str = ""
    preferred_address: int = 0
    instance_ipv6_address: str = ""


NOWHERE = NetInfo()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a cell tells of a container that runs."""

    net_info: NetInfo = NOWHERE
    internal_routes: tuple[str, ...] = ()
    metric_tags: Mapping[str, str] = field(default_factory=dict)
    routable: bool = False
    availability_zone: str = ""


@dataclass(frozen=True, slots=True)
class ActualLRP:
    """One row: an instance, or the place for one.

    Attributes:
        since: when the state was entered (or, while UNCLAIMED, when placing it last failed).
        epoch, tag: the modification tag; `tag` counts the changes of a row.
    """

    key: Key
    state: str = UNCLAIMED
    since: int = 0
    instance: InstanceKey = NOBODY
    presence: Presence = Presence.ORDINARY
    runtime: Runtime = Runtime()
    crash_count: int = 0
    crash_reason: str = ""
    placement_error: str = ""
    epoch: str = ""
    tag: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after: created when `before` is None, removed when `after` is."""

    before: ActualLRP | None
    after: ActualLRP | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do once a request is granted.

    Attributes:
        changes: rows to write, all in one transaction.
        auction: ask the auctioneer for a cell for this index.
        stop: ask this instance's cell to stop it.
        keep_container: what to answer to an evacuating cell.
    """

    changes: tuple[Change, ...] = ()
    auction: bool = False
    stop: InstanceKey | None = None
    keep_container: bool = False


NOTHING = Outcome()


def with_presence(rows: Iterable[ActualLRP], presence: Presence) -> ActualLRP | None:
    """Return the row of this presence."""
    return next((row for row in rows if row.presence == presence), None)


def of_instance(rows: Iterable[ActualLRP], instance: InstanceKey) -> ActualLRP | None:
    """Return the row of this very container."""
    return next((row for row in rows if row.instance == instance), None)
