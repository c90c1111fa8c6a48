"""What is remembered, as values. Times are milliseconds since 1970 in UTC unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UAA = "uaa"
"""The origin of users whose passwords are kept here, and the id of the only identity zone."""


@dataclass(frozen=True)
class User:
    id: str
    username: str
    email: str
    origin: str = UAA
    given_name: str | None = None
    family_name: str | None = None
    phone: str | None = None
    password: str = ""
    """bcrypt; empty for users of other origins."""
    salt: str | None = None
    """Changes when all tokens of the user are revoked."""
    active: bool = True
    verified: bool = True
    external_id: str | None = None
    password_changed_ms: int = 0
    password_change_required: bool = False
    created_ms: int = 0
    modified_ms: int = 0
    version: int = 0
    last_logon_ms: int | None = None
    previous_logon_ms: int | None = None


@dataclass(frozen=True)
class Group:
    id: str
    name: str
    description: str | None = None
    created_ms: int = 0
    modified_ms: int = 0
    version: int = 0


@dataclass(frozen=True)
class Member:
    """``kind`` is ``USER`` or ``GROUP``."""

    id: str
    kind: str = "USER"
    origin: str = UAA


@dataclass(frozen=True)
class Client:
    id: str
    secrets: tuple[str, ...] = ()
    """bcrypt; at most two, so that one can be exchanged without an outage. None at all: only public use."""
    scope: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    resource_ids: tuple[str, ...] = ("none",)
    autoapprove: bool | tuple[str, ...] = False
    access_token_validity_s: int | None = None
    refresh_token_validity_s: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Everything else a client was registered with: ``name``, ``allowedproviders``, ``required_user_groups``, ``allowpublic`` …"""
    salt: str | None = None
    """Changes when all tokens of the client are revoked."""
    modified_ms: int = 0

    def allowed_providers(self) -> tuple[str, ...] | None:
        """Origins whose users may use this client; None for any."""
        value = self.more.get("allowedproviders")
        return None if value is None else tuple(value)

    def required_groups(self) -> frozenset[str]:
        return frozenset(self.more.get("required_user_groups") or ())

    def is_public(self) -> bool:
        return self.more.get("allowpublic") in (True, "true")


@dataclass(frozen=True)
class Token:
    """A token that is looked up here at each use, and so can be revoked alone."""

    id: str
    client_id: str
    user_id: str | None
    kind: str
    """``ACCESS_TOKEN`` or ``REFRESH_TOKEN``."""
    format: str
    """``opaque`` or ``jwt``."""
    scope: str
    value: str
    issued_ms: int
    expires_ms: int


@dataclass(frozen=True)
class Code:
    """Something to be used once: an authorization code or a passcode."""

    code: str
    kind: str
    data: Mapping[str, Any]
    expires_ms: int
    intent: str = ""


@dataclass(frozen=True)
class Session:
    """A browser that logged in."""

    user_id: str
    authenticated_ms: int
    expires_ms: int


@dataclass(frozen=True)
class Approval:
    user_id: str
    client_id: str
    scope: str
    status: str
    """``APPROVED`` or ``DENIED``."""
    expires_ms: int
    modified_ms: int


@dataclass(frozen=True)
class Provider:
    """Where users come from. Only ``uaa`` checks passwords; others are kept for what refers to them."""

    id: str
    origin: str
    name: str
    type: str
    active: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)
    created_ms: int = 0
    modified_ms: int = 0
    version: int = 0


@dataclass(frozen=True)
class ExternalGroup:
    group_id: str
    external_group: str
    origin: str
