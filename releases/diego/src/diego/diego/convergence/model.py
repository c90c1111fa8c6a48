"""What convergence looks at, and what it decides. Times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from diego.lrp_states import NOTHING, ActualLRP, InstanceKey, Key, Outcome

INTERVAL_S = 30
"""How often the leader converges; it also does so at once when a cell disappears."""
STALE_UNCLAIMED_AFTER = 30 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tag:
    """The wanted value of one metric tag: fixed, or the index or the guid of the instance."""

    static: str = ""
    dynamic: int = 0

    def value(self, key: Key, instance: InstanceKey) -> str:
        """Return the value for one instance; `dynamic` is a number of MetricTagValue.DynamicValue."""
        match self.dynamic:
            case 1:
                return str(key.index)
            case 2:
                return instance.instance_guid
        return self.static


@dataclass(frozen=True, slots=True)
class DesiredLRP:
    """As much of what is wanted as convergence needs; `internal_routes` are hostnames."""

    process_guid: str
    domain: str
    instances: int
    internal_routes: tuple[str, ...] = ()
    metric_tags: Mapping[str, Tag] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        desired: what is wanted, one entry per process.
        actual: every row.
        cells: ids of the cells whose presence locket knows.
        domains: domain → until when it is fresh; what is not fresh may be incomplete, so nothing of it is taken down.
    """

    desired: Sequence[DesiredLRP]
    actual: Sequence[ActualLRP]
    cells: Collection[str]
    domains: Mapping[str, int]
    now: int


class Reason(StrEnum):
    """Why a step is taken."""

    MISSING = "missing-instance"
    STALE = "stale-unclaimed-lrp"
    CRASHED = "crashed-instance"
    MISSING_CELL = "missing-cell"
    MISSING_CELL_AGAIN = "missing-cell-of-replacement"
    EXTRA = "extra-instance"
    ORPHANED = "orphaned-instance"
    ORPHANED_SUSPECT = "orphaned-suspect"
    REPLACED_SUSPECT = "replaced-suspect"
    RETURNED_CELL = "returned-cell"
    STRANDED_EVACUATING = "evacuating-without-cell"
    ROUTES = "internal-routes-changed"
    TAGS = "metric-tags-changed"


@dataclass(frozen=True, slots=True)
class Update:
    """What to tell the cell of a running instance; None leaves alone."""

    instance: InstanceKey
    internal_routes: tuple[str, ...] | None = None
    metric_tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why."""

    key: Key
    reason: Reason
    outcome: Outcome = NOTHING
    update: Update | None = None
