"""What may become of an instance? One function per request of the BBS: rows in, changes or an error out; pure.

An index of a process has at most one row of each presence: the ordinary one, one that is evacuating, one whose cell is suspect.
"""

from __future__ import annotations

from diego.errors import LRPError

from .crashes import should_restart
from .evacuation import (
    Wanted,
    evacuate_claimed,
    evacuate_crashed,
    evacuate_running,
    evacuate_stopped,
    remove_evacuating,
)
from .model import (
    CLAIMED,
    CRASHED,
    NOBODY,
    NOTHING,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    Change,
    InstanceKey,
    Key,
    NetInfo,
    Outcome,
    PortMapping,
    Presence,
    Runtime,
)
from .requests import claim, crash, fail, remove, retire, start
from .rows import promoted, suspected, unclaimed, unclaimed_again

__all__ = [
    "CLAIMED",
    "CRASHED",
    "NOBODY",
    "NOTHING",
    "RUNNING",
    "UNCLAIMED",
    "ActualLRP",
    "Change",
    "InstanceKey",
    "Key",
    "LRPError",
    "NetInfo",
    "Outcome",
    "PortMapping",
    "Presence",
    "Runtime",
    "Wanted",
    "claim",
    "crash",
    "evacuate_claimed",
    "evacuate_crashed",
    "evacuate_running",
    "evacuate_stopped",
    "fail",
    "promoted",
    "remove",
    "remove_evacuating",
    "retire",
    "should_restart",
    "start",
    "suspected",
    "unclaimed",
    "unclaimed_again",
]
