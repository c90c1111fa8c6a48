"""Basic authentication against the configured users (bosh: api/local_identity_provider.rb, config_user_manager.rb)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from bosh.director.config import User


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what they may do."""

    name: str
    scopes: frozenset[str]


def credentials(header: str) -> tuple[str, str] | None:
    """User and password of an ``Authorization: Basic`` header; None when it is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


class Directory:
    """The users of the configuration."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = tuple(users)

    def identify(self, header: str) -> Identity | None:
        """Who the header proves to be. Takes as long for an unknown user as for a wrong password."""
        given = credentials(header)
        if given is None:
            return None
        found: Identity | None = None
        for user in self._users:
            same_name = hmac.compare_digest(user.name.encode(), given[0].encode())
            same_password = hmac.compare_digest(user.password.encode(), given[1].encode())
            if same_name and same_password and user.password:
                found = Identity(user.name, frozenset(user.scopes))
        return found
