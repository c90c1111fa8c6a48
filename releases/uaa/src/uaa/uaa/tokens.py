"""Give, refresh, read and revoke tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from uaa import claims as wire
from uaa import scopes
from uaa.claims import Grant
from uaa.context import Uaa
from uaa.errors import insufficient_scope, invalid_grant, invalid_scope, invalid_token
from uaa.records import Client, Token, User
from uaa.store import clients, tokens, users

ACCESS: Final = "ACCESS_TOKEN"
REFRESH: Final = "REFRESH_TOKEN"
OPAQUE: Final = "opaque"
JWT: Final = "jwt"
_REFRESH_SUFFIX: Final = "-r"
_OFFLINE: Final = "uaa.offline_token"
_REFRESHABLE: Final = frozenset({
    "authorization_code", "password", "user_token", "refresh_token",
    "urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer",
})  # fmt: skip
_JWT: Final = re.compile(r"[\w\-\\=]*\.[\w\-\\=]*\.[\w\-\\=]*")


@dataclass(frozen=True)
class _Refresh:
    """A refresh token about to be handed out: a new one, or the one that was used."""

    id: str
    value: str
    expires_ms: int


def issue(
    uaa: Uaa, connection: Connection, grant: Grant, *, opaque: bool = False, id_token: bool = False
) -> dict[str, Any]:
    """The answer of the token endpoint.

    Args:
        grant: without its ``signature``.
        opaque: whether the client asked for a token that only this server can read.
        id_token: whether an id token is due.
    """
    signed = replace(grant, signature=wire.signatures(grant.client, grant.user)[0])
    refresh = _new_refresh(uaa, signed, opaque=opaque) if _may_refresh(uaa, signed) else None
    return _hand_out(uaa, connection, signed, refresh, opaque=opaque, id_token=id_token)


def refresh(
    uaa: Uaa,
    connection: Connection,
    client: Client,
    value: str | None,
    *,
    client_method: str | None,
    requested: str | None,
    opaque: bool,
) -> dict[str, Any]:
    """The answer to ``grant_type=refresh_token`` (uaa: oauth/UaaTokenServices.java).

    Raises:
        UaaError: the token is none, expired, revoked, another client's, or does not hold the requested scopes.
    """
    if not value:
        raise invalid_token("Invalid refresh token (empty token)")
    found = _read(uaa, connection, value, refreshing=True)
    if found.claims.get("cid") != client.id:
        raise invalid_grant(f"Wrong client for this refresh token: {found.claims.get('cid')}")
    if found.user is None:
        raise invalid_token("The refresh token belongs to no user")
    if not found.user.active:
        raise invalid_token("The user of this token may not log in any more")
    granted = frozenset(found.claims.get("granted_scopes") or ())
    if uaa.config.jwt.refresh.restrict_grant and _OFFLINE not in granted:
        raise insufficient_scope(_OFFLINE)
    grant = Grant(
        client=client,
        grant_type=str(found.claims.get("grant_type")),
        scope=_still(granted, requested),
        user=found.user,
        authenticated_s=found.claims.get("auth_time"),
        methods=tuple(found.claims.get("amr") or ()),
        client_method=client_method,
        signature=str(found.claims.get("rev_sig")),
    )
    kept = _rotated(uaa, connection, grant, found, granted, client_method)
    return _hand_out(uaa, connection, grant, kept, opaque=opaque, id_token="openid" in grant.scope)


def _still(granted: frozenset[str], requested: str | None) -> frozenset[str]:
    asked = frozenset(scopes.parse(requested)) or granted
    if not granted or not asked <= granted:
        text = ", ".join(sorted(asked))
        raise invalid_scope(f"Unable to narrow the scope of the client authentication to [{text}].", allowed=granted)
    return asked


def _rotated(
    uaa: Uaa, connection: Connection, grant: Grant, found: _Read, granted: frozenset[str], client_method: str | None
) -> _Refresh:
    """The same token again; or, with rotation, another one that ends when it does.

    A public client's refresh tokens are for one use, for nothing else proves who holds them: they must be in the store.
    """
    used_id, expires_ms = str(found.claims["jti"]), int(found.claims["exp"]) * 1000
    public = client_method == wire.WITHOUT_SECRET
    if public and (found.claims.get("client_auth_method") != "none" or not found.claims.get("revocable")):
        raise invalid_token("Refresh without client authentication not allowed.")
    if not (uaa.config.jwt.refresh.rotate or public):
        return _Refresh(used_id, found.value, expires_ms)
    if found.claims.get("revocable") and not tokens.revoke(connection, used_id):
        raise invalid_token("The token expired, was revoked, or the token ID is incorrect.")
    again = {
        **found.claims,
        "jti": f"{uaa.system.token_id()}{_REFRESH_SUFFIX}",
        "granted_scopes": sorted(granted),
        "revocable": True,
    }
    return _Refresh(str(again["jti"]), uaa.keys.sign(again), expires_ms)


def _may_refresh(uaa: Uaa, grant: Grant) -> bool:
    if grant.user is None or "refresh_token" not in grant.client.grant_types:
        return False
    if uaa.config.jwt.refresh.restrict_grant:
        return _OFFLINE in grant.scope
    return grant.grant_type in _REFRESHABLE


def _new_refresh(uaa: Uaa, grant: Grant, *, opaque: bool) -> _Refresh:
    now_ms = uaa.now_ms()
    validity_s = grant.client.refresh_token_validity_s or uaa.config.jwt.policy.refresh_token_validity_s
    token_id = f"{uaa.system.token_id()}{_REFRESH_SUFFIX}"
    life = wire.Life(token_id, uaa.config.token_issuer, now_ms // 1000, now_ms // 1000 + validity_s)
    content = wire.refresh(grant, life, revocable=_refresh_is_kept(uaa, grant, opaque=opaque))
    return _Refresh(token_id, uaa.keys.sign(content), now_ms + validity_s * 1000)


def _refresh_is_kept(uaa: Uaa, grant: Grant, *, opaque: bool) -> bool:
    jwt = uaa.config.jwt
    public = grant.client_method == wire.WITHOUT_SECRET
    return opaque or jwt.revocable or jwt.refresh.format == OPAQUE or public or jwt.refresh.rotate


def _hand_out(
    uaa: Uaa, connection: Connection, grant: Grant, renewal: _Refresh | None, *, opaque: bool, id_token: bool
) -> dict[str, Any]:
    now_ms = uaa.now_ms()
    validity_s = grant.client.access_token_validity_s or uaa.config.jwt.policy.access_token_validity_s
    token_id, kept = uaa.system.token_id(), opaque or uaa.config.jwt.revocable
    life = wire.Life(token_id, uaa.config.token_issuer, now_ms // 1000, now_ms // 1000 + validity_s)
    content = wire.access(grant, life, revocable=kept)
    value = uaa.keys.sign(wire.without(content, uaa.config.jwt.exclude_claims))
    if kept:
        record = _record(grant, token_id, value, now_ms, now_ms + validity_s * 1000, kind=ACCESS, opaque=opaque)
        tokens.keep(connection, record)
    answer: dict[str, Any] = {"access_token": token_id if opaque else value, "token_type": "bearer"}
    if id_token and grant.user and "openid" in grant.scope:
        about = wire.identity(grant, life)
        answer["id_token"] = uaa.keys.sign(wire.without(about, uaa.config.jwt.exclude_claims))
    if renewal:
        answer["refresh_token"] = _keep_refresh(uaa, connection, grant, renewal, opaque=opaque)
    # One second may have gone by since the token was made.
    answer |= {"expires_in": validity_s - 1, "scope": " ".join(sorted(grant.scope)), "jti": token_id}
    uaa.note(
        "TokenIssued", client_id=grant.client.id, user_id=grant.user.id if grant.user else None, grant=grant.grant_type
    )
    return answer


def _keep_refresh(uaa: Uaa, connection: Connection, grant: Grant, renewal: _Refresh, *, opaque: bool) -> str:
    """Store it where it must be looked up; what the client gets to hold."""
    hidden = opaque or uaa.config.jwt.refresh.format == OPAQUE
    if not _refresh_is_kept(uaa, grant, opaque=opaque):
        return renewal.value
    user_id = grant.user.id if grant.user else None
    if uaa.config.jwt.refresh.unique and user_id:
        tokens.revoke_all(connection, user_id=user_id, client_id=grant.client.id, kind=REFRESH)
    record = _record(grant, renewal.id, renewal.value, uaa.now_ms(), renewal.expires_ms, kind=REFRESH, opaque=hidden)
    tokens.keep(connection, record)
    return renewal.id if hidden else renewal.value


def _record(grant: Grant, token_id: str, value: str, now_ms: int, expires_ms: int, *, kind: str, opaque: bool) -> Token:
    return Token(
        id=token_id,
        client_id=grant.client.id,
        user_id=grant.user.id if grant.user else None,
        kind=kind,
        format=OPAQUE if opaque else JWT,
        scope=f"[{', '.join(sorted(grant.scope))}]",
        value=value,
        issued_ms=now_ms,
        expires_ms=expires_ms,
    )


# --- reading -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Read:
    claims: Mapping[str, Any]
    value: str
    client: Client
    user: User | None


def read(uaa: Uaa, value: str) -> Mapping[str, Any]:
    """The claims of a valid access token, opaque or not.

    Raises:
        UaaError: 401 ``invalid_token``.
    """
    with uaa.db.reading() as connection:
        return _read(uaa, connection, value, refreshing=False).claims


def _read(uaa: Uaa, connection: Connection, value: str, *, refreshing: bool) -> _Read:
    """uaa: oauth/TokenValidationService.java, util/UaaTokenUtils.java, oauth/token/… JwtTokenSignedByThisUAA."""
    now_ms = uaa.now_ms()
    stored = None
    if not _JWT.fullmatch(value):
        stored = tokens.find(connection, value, now_ms=now_ms)
        # The id of a token that is no secret, for it is in the token, must not stand for it.
        if stored is None or stored.format != OPAQUE:
            raise invalid_token("The token expired, was revoked, or the token ID is incorrect.")
        value = stored.value
    content = uaa.keys.verify(value)
    _check_content(uaa, content, now_ms, refreshing=refreshing)
    if (
        content.get("revocable")
        and stored is None
        and tokens.find(connection, str(content["jti"]), now_ms=now_ms) is None
    ):
        raise invalid_token("The token expired, was revoked, or the token ID is incorrect.")
    client = clients.find(connection, str(content.get("cid")))
    if client is None:
        raise invalid_token(f"Invalid client ID {content.get('cid')}")
    user = _user(connection, content)
    if content.get("rev_sig") and content["rev_sig"] not in wire.signatures(client, user):
        raise invalid_token("revocable signature mismatch")
    return _Read(content, value, client, user)


def _check_content(uaa: Uaa, content: Mapping[str, Any], now_ms: int, *, refreshing: bool) -> None:
    token_id = str(content.get("jti") or "")
    if not token_id or token_id.endswith(_REFRESH_SUFFIX) is not refreshing:
        kind = "refresh" if refreshing else "access"
        raise invalid_token(f"Invalid {kind} token: it is of another kind")
    if content.get("iss") != uaa.config.token_issuer:
        raise invalid_token(
            f"Invalid issuer ({content.get('iss')}) for token did not match expected: {uaa.config.token_issuer}"
        )
    expires_s = content.get("exp")
    if not isinstance(expires_s, (int, float)) or expires_s * 1000 <= now_ms:
        kind = "refresh token" if refreshing else "access token:"
        raise invalid_token(f"Invalid {kind} expired at {expires_s}")


def _user(connection: Connection, content: Mapping[str, Any]) -> User | None:
    user_id = content.get("user_id")
    if user_id is None or content.get("grant_type") == wire.CLIENT_CREDENTIALS:
        return None
    user = users.find(connection, str(user_id))
    if user is None:
        raise invalid_token(f"Invalid user ID {user_id}")
    return user
