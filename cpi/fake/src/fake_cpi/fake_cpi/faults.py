"""Faults on order: ``<dir>/faults/<method>.json`` makes the next calls of a method go wrong.

Keys: ``kind`` and ``message`` and ``ok_to_retry`` (the error to answer with) · ``times`` (how many calls; absent: all) ·
``contains`` (only calls whose arguments' JSON contains this text) · ``after_effect`` (do the work first, then fail) ·
``garbage`` (answer with bytes that are no response) · ``die`` (end the process without an answer) · ``delay_s`` (answer later) ·
``hold`` (wait while there is a file ``<dir>/held/<method>``, which the call makes itself: before its effect, or after it together with
``after_effect``; at most a minute).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpi_kit.files import locked, read_json, write_json

from bosh.wire import cpi as wire


@dataclass(frozen=True, slots=True)
class Fault:
    """One ordered misbehaviour."""

    kind: str = ""
    message: str = "fault on order"
    ok_to_retry: bool = False
    after_effect: bool = False
    garbage: bool = False
    die: bool = False
    delay_s: float = 0.0
    hold: bool = False

    @property
    def failure(self) -> wire.Failure | None:
        return wire.Failure(self.kind, self.message, self.ok_to_retry) if self.kind else None

    @property
    def prevents_effect(self) -> bool:
        return not self.after_effect and bool(self.kind or self.garbage or self.die)


NO_FAULT = Fault()
HOLD_AT_MOST_S = 60.0
_LOOK_S = 0.01
_FIELDS = frozenset(Fault.__slots__)


def order_fault(directory: Path, method: str, **fault: Any) -> None:
    """Order a fault for a method; see the keys above. Raises ValueError for an unknown key or method."""
    unknown = fault.keys() - _FIELDS - {"times", "contains"}
    if unknown or method not in wire.METHODS:
        raise ValueError(f"cannot order a fault of {method}: unknown {', '.join(sorted(unknown)) or 'method'}")
    (directory / "faults").mkdir(parents=True, exist_ok=True)
    write_json(directory / "faults" / f"{method}.json", fault)


def take_fault(directory: Path, method: str, arguments: Sequence[Any]) -> Fault:
    """The fault this call must suffer, counted down; ``NO_FAULT`` mostly."""
    path = directory / "faults" / f"{method}.json"
    if method not in wire.METHODS or not path.exists():
        return NO_FAULT
    with locked(directory / "faults" / ".lock"):
        order = read_json(path)
        if order is None or order.get("contains", "") not in json.dumps(list(arguments)):
            return NO_FAULT
        _count_down(path, order)
    return Fault(**{key: value for key, value in order.items() if key in _FIELDS})


def _count_down(path: Path, order: dict[str, Any]) -> None:
    if "times" not in order:
        return
    if order["times"] <= 1:
        path.unlink()
    else:
        write_json(path, {**order, "times": order["times"] - 1})


def hold(directory: Path, method: str) -> None:
    """Stay here until somebody removes ``<dir>/held/<method>``."""
    mark = directory / "held" / method
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    until_s = time.monotonic() + HOLD_AT_MOST_S
    while mark.exists() and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
