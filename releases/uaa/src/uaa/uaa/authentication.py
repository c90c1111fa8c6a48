"""Who is asking: a client by its secret, a user by a password, or both by a token."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from sqlalchemy import Connection

from uaa import scopes, store_access
from uaa.claims import EMPTY_SECRET, WITHOUT_SECRET
from uaa.context import Uaa
from uaa.errors import UaaError, bad_credentials, insufficient_scope, invalid_grant, locked, unauthorized
from uaa.records import UAA, Client, User
from uaa.store import clients, providers, tokens, users
from uaa.tokens import read
from uaa.web import Call

FULL: Final = "Full authentication is required to access this resource"
_VERIFIER: Final = re.compile(r"[\w.\-~]{43,128}")
_MONTH_MS: Final = 30 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Asking:
    """A client that proved who it is; ``method`` as in ``Grant.client_method``."""

    client: Client
    method: str | None = None


@dataclass(frozen=True)
class LoggedIn:
    """A user that proved who it is."""

    user: User
    at_ms: int
    methods: tuple[str, ...] = ("pwd",)


@dataclass(frozen=True)
class Bearer:
    """What a valid access token says. ``user`` is None for a client's own token."""

    claims: Mapping[str, Any]
    token: str
    client_id: str
    scope: frozenset[str]
    user_id: str | None

    def has(self, *any_of: str) -> bool:
        return bool(self.scope & set(any_of)) or f"zones.{UAA}.admin" in self.scope

    @property
    def is_admin(self) -> bool:
        return "uaa.admin" in self.scope


# --- clients -----------------------------------------------------------------------------------------------------------------------


def client(uaa: Uaa, call: Call, *, form_allowed: bool = True) -> Asking:
    """The client of HTTP Basic, or of ``client_id`` and ``client_secret`` in the form.

    Raises:
        UaaError: 401.
    """
    header = call.headers.get("authorization", "")
    if header.lower().startswith("basic "):
        return _known(uaa, *_basic(header))
    name = call.parameter("client_id") if form_allowed and not header else None
    if name is None:
        raise unauthorized("An Authentication object was not found in the SecurityContext")
    given = call.parameter("client_secret")
    if given is not None:
        return _known(uaa, name, given)
    return _public(uaa, call, name)


def _basic(header: str) -> tuple[str, str]:
    """Both parts are form-encoded inside (RFC 6749 §2.3.1; uaa: authentication/ClientBasicAuthenticationFilter.java)."""
    try:
        text = base64.b64decode(header[6:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise unauthorized("Failed to decode basic authentication token") from error
    name, colon, secret = text.partition(":")
    if not colon:
        raise unauthorized("Invalid basic authentication token")
    return unquote_plus(name), unquote_plus(secret)


def _known(uaa: Uaa, name: str, secret: str) -> Asking:
    with uaa.db.reading() as connection:
        found = clients.find(connection, name)
    if found is None:
        uaa.hasher.matches_nobody(secret)
    elif uaa.hasher.matches_any(secret, found.secrets):
        return Asking(found, None if secret else EMPTY_SECRET)
    uaa.note("ClientAuthenticationFailure", client_id=name)
    raise bad_credentials()


def _public(uaa: Uaa, call: Call, name: str) -> Asking:
    """A client without a secret that may be so, with a code and the proof that it asked for it, or to refresh what it got."""
    with uaa.db.reading() as connection:
        found = clients.find(connection, name)
    grant = call.parameter("grant_type")
    proven = grant == "authorization_code" and _VERIFIER.fullmatch(call.parameter("code_verifier") or "")
    if found is None or not found.is_public() or not (proven or grant == "refresh_token"):
        raise bad_credentials()
    return Asking(found, WITHOUT_SECRET)


def check_secret(uaa: Uaa, found: Client, secret: str | None) -> bool:
    return secret is not None and uaa.hasher.matches_any(secret, found.secrets)


# --- users -------------------------------------------------------------------------------------------------------------------------


def origin_of_hint(hint: str | None) -> str | None:
    """``{"origin": "uaa"}`` → ``uaa``; anything unreadable says nothing (uaa: authentication/UaaLoginHint)."""
    if not hint:
        return None
    try:
        content = msgspec.json.decode(unquote_plus(hint).encode())
    except msgspec.DecodeError:
        return None
    origin = content.get("origin") if isinstance(content, dict) else None
    return origin if isinstance(origin, str) else None


def user(
    uaa: Uaa, name: str | None, password: str | None, *, hint: str | None = None, asking: Client | None = None
) -> LoggedIn:
    """The user of that name and password.

    Args:
        hint: ``login_hint`` as the client sent it; its origin must be one that checks passwords.

    Raises:
        UaaError: 401, one sentence for every reason but a locked account, an unusable origin and an expired password.
    """
    _check_origin(uaa, origin_of_hint(hint), asking)
    if not name or password is None:
        raise bad_credentials()
    with uaa.db.reading() as connection:
        found = users.by_name(connection, name)
        if found is not None:
            _refuse_locked(uaa, connection, found)
    matches = _matches(uaa, found, password)
    if found is None or not matches:
        _fail(uaa, found, name)
        raise bad_credentials()
    return _admit(uaa, found)


def _check_origin(uaa: Uaa, origin: str | None, asking: Client | None) -> None:
    """uaa: authentication/manager/PasswordGrantAuthenticationManager.java."""
    allowed = asking.allowed_providers() if asking else None
    with uaa.db.reading() as connection:
        provider = providers.by_origin(connection, UAA)
    usable = provider is not None and provider.active and not uaa.config.internal_auth_disabled
    if origin not in {None, UAA} or not usable:
        if origin is not None and allowed is not None and origin not in allowed:
            raise unauthorized("Client is not authorized for specified user's identity provider.")
        if origin is None:
            raise unauthorized("The client is not authorized for any identity provider that supports password grant.")
        raise unauthorized(
            "The origin provided in the login_hint does not match an active Identity Provider, that supports password grant."
        )
    if allowed is not None and UAA not in allowed:
        raise unauthorized("The client is not authorized for any identity provider that supports password grant.")


def _refuse_locked(uaa: Uaa, connection: Connection, found: User) -> None:
    """uaa: authentication/manager/CommonLoginPolicy.java."""
    policy, now = uaa.config.lockout, uaa.now_ms()
    if policy.after_failures <= 0:
        return
    count, latest = tokens.failures(connection, found.id, since_ms=now - policy.count_failures_within_s * 1000)
    if count >= policy.after_failures and latest > now - policy.period_s * 1000:
        uaa.note("AuthenticationLocked", user_id=found.id)
        raise locked()


def _matches(uaa: Uaa, found: User | None, password: str) -> bool:
    if found is None or not found.password:
        uaa.hasher.matches_nobody(password)
        return False
    return bool(password) and uaa.hasher.matches(password, found.password) and found.active


def _fail(uaa: Uaa, found: User | None, name: str) -> None:
    if found is None:
        uaa.note("UserNotFound", username=name)
        return
    with uaa.db.transaction() as connection:
        tokens.note_failure(connection, found.id, now_ms=uaa.now_ms())
    uaa.note("UserAuthenticationFailure", user_id=found.id)


def _admit(uaa: Uaa, found: User) -> LoggedIn:
    if not found.verified:
        raise unauthorized("Account not verified")
    now = uaa.now_ms()
    if found.password_change_required or _expired(uaa, found, now):
        raise unauthorized("password change required")
    with uaa.db.transaction() as connection:
        tokens.forget_failures(connection, found.id)
        users.note_logon(connection, found, now_ms=now)
    uaa.note("UserAuthenticationSuccess", user_id=found.id)
    return LoggedIn(replace(found, previous_logon_ms=found.last_logon_ms, last_logon_ms=now), now)


def _expired(uaa: Uaa, found: User, now: int) -> bool:
    months = uaa.config.password_policy.expire_password_in_months
    return months > 0 and found.password_changed_ms + months * _MONTH_MS < now


def passcode(uaa: Uaa, code: str) -> LoggedIn:
    """The user that drew this one-time code. Raises: UaaError: 401."""
    now = uaa.now_ms()
    with uaa.db.transaction() as connection:
        spent = tokens.spend_code(connection, code, "passcode", now_ms=now)
        found = users.find(connection, str(spent.data["user_id"])) if spent else None
    if spent is None or found is None or not found.active:
        uaa.note("PasscodeFailure")
        raise unauthorized("Invalid passcode")
    return LoggedIn(found, int(spent.data["authenticated_ms"]))


# --- tokens ------------------------------------------------------------------------------------------------------------------------


def bearer(uaa: Uaa, call: Call) -> Bearer:
    """The token of the request. Raises: UaaError: 401."""
    header = call.headers.get("authorization", "")
    if not header.lower().startswith("bearer "):
        raise unauthorized(FULL)
    token = header[7:].strip()
    claims = read(uaa, token)
    user_id = claims.get("user_id")
    scope = claims.get("scope") or ()
    return Bearer(claims, token, str(claims["client_id"]), frozenset(scope), str(user_id) if user_id else None)


def require(uaa: Uaa, call: Call, *any_of: str, own_user: str | None = None) -> Bearer:
    """A token with one of the scopes, or of the user itself.

    Raises:
        UaaError: 401 without a valid token, 403 without the scope.
    """
    found = bearer(uaa, call)
    if found.has(*any_of) or (own_user is not None and found.user_id == own_user):
        return found
    raise insufficient_scope(" ".join(any_of))


def logged_in_by_token(uaa: Uaa, found: Bearer) -> LoggedIn:
    """The user of a token that may act for it. Raises: UaaError: 401 or 403."""
    if "uaa.user" not in found.scope or found.user_id is None:
        raise insufficient_scope("uaa.user")
    with uaa.db.reading() as connection:
        record = users.find(connection, found.user_id)
    if record is None or not record.active:
        raise UaaError(401, "invalid_token", "The user of this token does not exist")
    return LoggedIn(record, int(found.claims.get("auth_time", 0)) * 1000)


def user_scopes(uaa: Uaa, connection: Connection, record: User) -> frozenset[str]:
    """Everything that the user may do: its groups, and what every user may."""
    return store_access.group_names(uaa, connection, record.id)


def scopes_for(uaa: Uaa, connection: Connection, found: Client, record: User, requested: str | None) -> frozenset[str]:
    """What a token of this client for this user carries.

    Raises:
        UaaError: nothing is left, the client may not ask for it, or the user lacks a group that the client requires.
    """
    asked = scopes.parse(requested)
    scopes.refuse_unknown(asked, found.scope)
    having = user_scopes(uaa, connection, record)
    if not found.required_groups() <= having:
        raise UaaError(400, "invalid_scope", "User does not meet the client's required group criteria.")
    allowed = found.allowed_providers()
    if allowed is not None and record.origin not in allowed:
        raise invalid_grant("Client is not authorized for specified user's identity provider.")
    granted = scopes.narrow(asked or found.scope, found.scope, having)
    if not granted:
        text = ", ".join(sorted(asked or found.scope))
        raise UaaError(
            400, "invalid_scope", f"[{text}] is invalid. This user is not allowed any of the requested scopes"
        )
    return granted
