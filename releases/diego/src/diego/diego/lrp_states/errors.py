"""How the BBS says no, with the numbers and words of the original. Source: bbs models/{error.proto,errors.go}."""

from __future__ import annotations


class LRPError(Exception):
    """A request that cannot be granted; `code` is an Error.Type of the BBS."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LRPError) and self.code == other.code

    def __hash__(self) -> int:
        return hash(self.code)


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
