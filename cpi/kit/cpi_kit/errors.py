"""What a cloud may raise, and how it crosses the wire (bosh: src/bosh-director/lib/clouds/errors.rb).

The director knows ten kinds by name. Four of them carry ``ok_to_retry``: on ``VMCreationFailed`` the director deletes the remains and
creates again, on the disk kinds the caller decides. Anything else that escapes a cloud is a ``CloudError``.
"""

from __future__ import annotations

from bosh.wire import cpi as wire
from bosh.wire.errors import BoshError, joined

INVALID_CALL = "InvalidCall"
"""With a text that begins ``Method is not known, got`` the director reads it as NotImplemented (bosh: clouds/external_cpi.rb)."""


class CpiFault(BoshError):
    """The base of everything a cloud raises on purpose. ``kind`` is the error's type on the wire."""

    kind: str = wire.CPI_ERROR
    code, status = 390000, 500


class CloudFailed(CpiFault):
    """The cloud refused or failed; nothing better is known."""

    kind = wire.CLOUD_ERROR


class InvalidCall(CpiFault):
    """An unknown method, or arguments that do not fit it."""

    kind = INVALID_CALL


class MethodNotImplemented(CpiFault):
    """The method exists in the protocol; this cloud does not offer it."""

    kind = wire.NOT_IMPLEMENTED


class NotSupported(CpiFault):
    """The method is offered; this use of it is not."""

    kind = wire.NOT_SUPPORTED


class VMNotFound(CpiFault):
    kind = wire.VM_NOT_FOUND


class NetworkNotFound(CpiFault):
    kind = wire.NETWORK_NOT_FOUND


class NoDiskSpace(CpiFault):
    kind = wire.NO_DISK_SPACE


class DiskNotAttached(CpiFault):
    kind = wire.DISK_NOT_ATTACHED


class DiskNotFound(CpiFault):
    kind = wire.DISK_NOT_FOUND


class VMCreationFailed(CpiFault):
    kind = wire.VM_CREATION_FAILED


def to_failure(error: BaseException) -> wire.Failure:
    """The wire's form of any exception: every layer's sentence, outermost first."""
    if isinstance(error, CpiFault):
        return wire.Failure(error.kind, joined(error), error.ok_to_retry)
    retriable = isinstance(error, BoshError) and error.ok_to_retry
    return wire.Failure(wire.CLOUD_ERROR, f"{type(error).__name__}: {joined(error)}", retriable)
