"""How the BBS says no, with the numbers and words of the original. Source: bbs models/{error.proto,errors.go}."""

from __future__ import annotations


class BBSError(Exception):
    """A request that cannot be granted; `code` is an Error.Type of the BBS."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class LRPError(BBSError):
    """A request about an instance that cannot be granted."""


class TaskError(BBSError):
    """A request about a task that cannot be granted."""


def bad_request() -> BBSError:
    """It makes no sense in this state."""
    return BBSError(4, "the request received is invalid")


def invalid_transition(before: str, after: str) -> TaskError:
    """A task does not go from one of these states to the other; both by the names of Task.State."""
    return TaskError(9, f"Cannot transition from {before} to {after}")


def conflict() -> BBSError:
    """Something else has it."""
    return BBSError(11, "the requested resource is in a conflicting state")


def exists() -> BBSError:
    """It is there already."""
    return BBSError(12, "the requested resource already exists")


def not_found() -> LRPError:
    """There is no such row."""
    return LRPError(13, "the requested resource could not be found")


def cannot_be_claimed() -> LRPError:
    """Another cell has it."""
    return LRPError(15, "cannot claim actual LRP")


def cannot_be_started() -> LRPError:
    """It runs elsewhere, so the asking cell must stop its container."""
    return LRPError(16, "cannot start actual LRP")


def cannot_be_crashed() -> LRPError:
    """It is not that instance which runs, or it does not run."""
    return LRPError(17, "cannot crash actual LRP")


def cannot_be_failed() -> LRPError:
    """Only what waits for a cell can fail to find one."""
    return LRPError(18, "cannot fail actual LRP")


def cannot_be_unclaimed() -> LRPError:
    """It already waits for a cell, or a cell has it by now."""
    return LRPError(21, "cannot unclaim actual LRP")


def on_another_cell(asking: str, actual: str) -> TaskError:
    """The task runs, but not on the cell that asks."""
    return TaskError(24, f"Running on cell {actual} not {asking}")
