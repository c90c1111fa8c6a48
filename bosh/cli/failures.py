"""What went wrong, from the outside in: ``Finding task '7'`` because of ``Director responded with …`` (bosh-cli: ui/fmt/error.go)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bosh.clients.director import DirectorError, Unreachable
from bosh.wire.errors import BoshError, joined


class SessionError(Exception):
    """What the command needs is not given, or a task ended badly.

    Args:
        chain: what was being done, outermost first; the last one is the cause.
    """

    def __init__(self, *chain: str) -> None:
        super().__init__(*chain)
        self.chain = chain

    def __str__(self) -> str:
        return nested(self.chain)


class UsageError(SessionError):
    """The command line cannot be read: said before anything is asked of anyone."""


def nested(chain: Sequence[str]) -> str:
    """One cause a line, each two columns further in than what it kept from happening."""
    return ":\n".join("  " * depth + text for depth, text in enumerate(chain))


def chain_of(error: Exception) -> tuple[str, ...]:
    """An error's causes as texts."""
    if isinstance(error, SessionError):
        return error.chain
    if isinstance(error, DirectorError) and error.body is not None:
        answer = f"Director responded with non-successful status code '{error.status}' response '{error.body}'"
        return (answer,)
    if isinstance(error, Unreachable) and error.request:
        return (f"Performing request {error.request}", str(error))
    return (joined(error) if isinstance(error, BoshError) else str(error),)


@contextmanager
def flagged(flag: str, what: str = "") -> Iterator[None]:
    """What is wrong with a flag's value is told in one line. Raises UsageError."""
    try:
        yield
    except (UsageError, BoshError) as error:
        texts = [f"invalid argument for flag `{flag}'", *([what] if what else []), *chain_of(error)]
        raise UsageError(": ".join(texts)) from error


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what was being done when it failed. Raises SessionError."""
    try:
        yield
    except UsageError:
        raise
    except (SessionError, DirectorError, Unreachable, BoshError) as error:
        raise SessionError(what, *chain_of(error)) from error
