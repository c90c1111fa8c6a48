"""What goes wrong, as clients of the UAA know it: a status, a word and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class UaaError(Exception):
    """An answer that refuses. Body: ``{"error": word, "error_description": sentence, **more}``.

    Args:
        status: HTTP status.
        error: the word that clients branch on, for example ``invalid_token`` (cf CLI: api/uaa/error_converter.go).
        description: the sentence that clients show.
        more: further keys of the body.
    """

    def __init__(self, status: int, error: str, description: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.more = dict(more or {})

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.description, **self.more}


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key and what to write instead."""


class ScimError(UaaError):
    """An answer of the SCIM endpoints: those carry the sentence a second time, as ``message`` (uaa: error/ExceptionReport)."""

    def body(self) -> dict[str, Any]:
        return {**super().body(), "message": self.description}


def unauthorized(description: str) -> UaaError:
    return UaaError(401, "unauthorized", description)


def bad_credentials() -> UaaError:
    """Wrong user, wrong password, wrong client or wrong secret: the answer tells none of them apart."""
    return unauthorized("Bad credentials")


def locked() -> UaaError:
    """The cf CLI compares this sentence word by word."""
    return unauthorized("Your account has been locked because of too many failed attempts to login.")


def invalid_token(description: str, *, status: int = 401) -> UaaError:
    return UaaError(status, "invalid_token", description)


def invalid_grant(description: str) -> UaaError:
    return UaaError(400, "invalid_grant", description)


def invalid_request(description: str) -> UaaError:
    return UaaError(400, "invalid_request", description)


def invalid_scope(description: str, *, allowed: frozenset[str] = frozenset()) -> UaaError:
    return UaaError(400, "invalid_scope", description, {"scope": " ".join(sorted(allowed))} if allowed else None)


def insufficient_scope(needed: str) -> UaaError:
    return UaaError(
        403, "insufficient_scope", "Insufficient scope for this resource", {"scope": needed} if needed else None
    )


def not_found(description: str) -> UaaError:
    return UaaError(404, "not_found", description)


def invalid_client(description: str) -> UaaError:
    """What a client may not be, said by the endpoints that manage clients."""
    return UaaError(400, "invalid_client", description)


def invalid_password(description: str, *, status: int = 400) -> UaaError:
    return ScimError(status, "invalid_password", description)


def scim(description: str, *, status: int = 400) -> ScimError:
    return ScimError(status, "scim", description)


def scim_not_found(description: str) -> ScimError:
    return ScimError(404, "scim_resource_not_found", description)


def scim_exists(description: str, more: Mapping[str, Any] | None = None) -> ScimError:
    return ScimError(409, "scim_resource_already_exists", description, more)


def invalid_scim(description: str) -> ScimError:
    return ScimError(400, "invalid_scim_resource", description)
