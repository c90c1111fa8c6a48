"""When does a crashed instance start again? Source: bbs models/restart_calculator.go, db/sqldb/actual_lrp_db.go.

The first two crashes in a row restart at once. From the third on it waits, 30 s and twice as long each time up to 16 minutes, until the
200th, after which it stays down. Five minutes of running wipe the slate clean.
"""

from __future__ import annotations

from .model import RUNNING, SECOND, ActualLRP

IMMEDIATE_RESTARTS = 3
BACKOFF_MINIMUM = 30 * SECOND
BACKOFF_MAXIMUM = 16 * 60 * SECOND
RESTARTS_MAXIMUM = 200
RESET_AFTER = 5 * 60 * SECOND


def should_restart(now: int, crashed_at: int, crash_count: int) -> bool:
    """Whether an instance that crashed for the `crash_count`th time may start again at `now` (both in nanoseconds)."""
    if crash_count < IMMEDIATE_RESTARTS:
        return True
    return crash_count < RESTARTS_MAXIMUM and crashed_at + backoff(crash_count) <= now


def backoff(crash_count: int) -> int:
    """Return how long to wait after a crash, in nanoseconds."""
    if crash_count < IMMEDIATE_RESTARTS:
        return 0
    # 2^5 × 30 s is the ceiling; a larger exponent would only make a larger number first.
    doublings = min(crash_count - IMMEDIATE_RESTARTS, 5)
    return min(BACKOFF_MINIMUM << doublings, BACKOFF_MAXIMUM)


def count_after_crash(row: ActualLRP, now: int) -> int:
    """Return the crash count once `row` crashes at `now`."""
    if row.state == RUNNING and now - row.since > RESET_AFTER:
        return 1
    return row.crash_count + 1
