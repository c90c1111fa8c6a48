"""What a token says. Pure: everything it needs is given.

Claims and their order: uaa, oauth/UaaTokenServices.java, oauth/refresh/RefreshTokenCreator.java, oauth/openid/IdTokenCreator.java.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from uaa import revocation, scopes
from uaa.records import UAA, Client, User

CLIENT_CREDENTIALS = "client_credentials"
WITHOUT_SECRET = "none"
"""How a public client proves itself: not at all."""
EMPTY_SECRET = "empty"
"""As the ``cf`` client does; tokens say ``none`` of it."""


@dataclass(frozen=True)
class Grant:
    """Why a token is given: to which client, for whom, how and for what. Times are seconds since 1970."""

    client: Client
    grant_type: str
    scope: frozenset[str]
    user: User | None = None
    authenticated_s: int | None = None
    methods: tuple[str, ...] = ()
    client_method: str | None = None
    """``WITHOUT_SECRET``, ``EMPTY_SECRET``, or None for a secret."""
    nonce: str | None = None
    signature: str = ""
    """``rev_sig``."""

    @property
    def said_method(self) -> str | None:
        return WITHOUT_SECRET if self.client_method == EMPTY_SECRET else self.client_method

    @property
    def audience(self) -> list[str]:
        return list(scopes.audience(self.client.id, self.scope))


@dataclass(frozen=True)
class Life:
    """What tells one token from another: its ``jti``, who made it, and from when to when it is valid."""

    id: str
    issuer: str
    issued_s: int
    expires_s: int


def signatures(client: Client, user: User | None) -> tuple[str, ...]:
    """Every ``rev_sig`` that a valid token may carry: one for each secret of the client, the first being what new tokens get."""
    about = (user.id, user.password, user.salt, user.email, user.username) if user else ()
    secrets: Iterable[str | None] = client.secrets or (None,)
    return tuple(revocation.signature((client.id, secret, client.salt, *about)) for secret in secrets)


def access(grant: Grant, life: Life, *, revocable: bool) -> dict[str, Any]:
    """The claims of an access token."""
    found: dict[str, Any] = {"jti": life.id}
    _put(found, nonce=grant.nonce, client_auth_method=grant.said_method)
    found["sub"] = grant.user.id if grant.user else grant.client.id
    if grant.grant_type == CLIENT_CREDENTIALS:
        found["authorities"] = sorted(grant.client.authorities)
    found["scope"] = sorted(grant.scope)
    found |= {"client_id": grant.client.id, "cid": grant.client.id, "azp": grant.client.id}
    if revocable:
        found["revocable"] = True
    found["grant_type"] = grant.grant_type
    if grant.user:
        found |= _about(grant.user)
        _put(found, auth_time=grant.authenticated_s)
    found |= {"rev_sig": grant.signature, "iat": life.issued_s, "exp": life.expires_s, "iss": life.issuer, "zid": UAA}
    found["aud"] = grant.audience
    return found


def refresh(grant: Grant, life: Life, *, revocable: bool) -> dict[str, Any]:
    """The claims of a refresh token."""
    if grant.user is None:
        raise ValueError("only a user's token can be refreshed")
    found: dict[str, Any] = {"jti": life.id, "sub": grant.user.id, "iat": life.issued_s, "exp": life.expires_s}
    found |= {"cid": grant.client.id, "client_id": grant.client.id, "iss": life.issuer, "zid": UAA}
    found |= {"aud": grant.audience, "granted_scopes": sorted(grant.scope)}
    _put(found, amr=list(grant.methods) or None, auth_time=grant.authenticated_s, client_auth_method=grant.said_method)
    found |= {"grant_type": grant.grant_type, "user_name": grant.user.username, "origin": grant.user.origin}
    found["user_id"] = grant.user.id
    if revocable:
        found["revocable"] = True
    found["rev_sig"] = grant.signature
    return found


def identity(grant: Grant, life: Life, *, roles: Iterable[str] = ()) -> dict[str, Any]:
    """The claims of an OpenID Connect id token."""
    user = grant.user
    if user is None:
        raise ValueError("only a user has an identity")
    found: dict[str, Any] = {
        "sub": user.id,
        "aud": [grant.client.id],
        "iss": life.issuer,
        "exp": life.expires_s,
        "iat": life.issued_s,
    }
    _put(found, auth_time=grant.authenticated_s, amr=list(grant.methods) or None)
    found["azp"] = grant.client.id
    if "profile" in grant.scope:
        _put(found, given_name=user.given_name, family_name=user.family_name, phone_number=user.phone)
    _put(found, previous_logon_time=user.previous_logon_ms)
    if "roles" in grant.scope:
        _put(found, roles=sorted(roles) or None)
    _put(found, nonce=grant.nonce)
    found |= {
        "email_verified": user.verified,
        "email": user.email,
        "cid": grant.client.id,
        "grant_type": grant.grant_type,
    }
    found |= {"user_name": user.username, "zid": UAA, "origin": user.origin, "jti": life.id, "rev_sig": grant.signature}
    return found


def _about(user: User) -> dict[str, Any]:
    return {"user_id": user.id, "origin": user.origin, "user_name": user.username or user.id, "email": user.email}


def _put(found: dict[str, Any], **more: Any) -> None:
    found.update({key: value for key, value in more.items() if value is not None})


def without(claims: Mapping[str, Any], excluded: Iterable[str]) -> dict[str, Any]:
    """``claims`` but those that the configuration leaves out."""
    left_out = set(excluded)
    return {key: value for key, value in claims.items() if key not in left_out}
