"""``/oauth/token``, what reads tokens, and what revokes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from uaa import authentication, scopes, tokens
from uaa.authentication import Asking, LoggedIn
from uaa.claims import CLIENT_CREDENTIALS, Grant
from uaa.context import Uaa
from uaa.errors import UaaError, insufficient_scope, invalid_grant, invalid_request, invalid_token
from uaa.records import Token
from uaa.store import clients as client_store
from uaa.store import tokens as token_store
from uaa.store import users as user_store
from uaa.web import Call, Reply, json_reply

_NO_STORE: Final = (("cache-control", "no-store"), ("pragma", "no-cache"))
_SALT_LENGTH = 8


def token(uaa: Uaa, call: Call) -> Reply:
    """RFC 6749 §3.2 with the UAA's own: passcodes, ``login_hint``, ``token_format``."""
    if call.query.keys() - {"login_hint"} and not uaa.config.query_string_tokens:
        raise UaaError(405, "method_not_allowed", "Parameters must be in the form")
    asking = authentication.client(uaa, call)
    grant_type = call.parameter("grant_type")
    named = call.parameter("client_id")
    if not grant_type:
        raise invalid_request("Missing grant type")
    if named is not None and named != asking.client.id:
        raise UaaError(401, "invalid_client", "Given client ID does not match authenticated client")
    grants = {
        "password": _password,
        CLIENT_CREDENTIALS: _client_credentials,
        "authorization_code": _authorization_code,
        "refresh_token": _refresh,
    }
    give = grants.get(grant_type)
    if give is None:
        raise UaaError(400, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")
    if grant_type not in asking.client.grant_types:
        raise UaaError(401, "invalid_client", f"Unauthorized grant type: {grant_type}")
    return json_reply(give(uaa, call, asking), headers=_NO_STORE)


def _opaque(call: Call) -> bool:
    return call.parameter("token_format") == tokens.OPAQUE


def _password(uaa: Uaa, call: Call, asking: Asking) -> dict[str, Any]:
    code = call.parameter("passcode")
    if code is not None:
        who = authentication.passcode(uaa, code)
    else:
        who = authentication.user(
            uaa,
            call.parameter("username"),
            call.parameter("password"),
            hint=call.parameter("login_hint"),
            asking=asking.client,
        )
    with uaa.db.transaction() as connection:
        granted = authentication.scopes_for(uaa, connection, asking.client, who.user, call.parameter("scope"))
        grant = _grant(asking, who, "password", granted, nonce=call.parameter("nonce"))
        wants_id = "id_token" in scopes.parse(call.parameter("response_type"))
        return tokens.issue(uaa, connection, grant, opaque=_opaque(call), id_token=wants_id or "openid" in granted)


def _client_credentials(uaa: Uaa, call: Call, asking: Asking) -> dict[str, Any]:
    asked = scopes.parse(call.parameter("scope"))
    scopes.refuse_unknown(asked, asking.client.authorities)
    granted = frozenset(asked or asking.client.authorities)
    if not granted:
        raise invalid_token("No scopes were granted")
    grant = Grant(asking.client, CLIENT_CREDENTIALS, granted, client_method=asking.method)
    with uaa.db.transaction() as connection:
        return tokens.issue(uaa, connection, grant, opaque=_opaque(call))


def _authorization_code(uaa: Uaa, call: Call, asking: Asking) -> dict[str, Any]:
    value = call.parameter("code")
    if not value:
        raise invalid_request("An authorization code must be supplied.")
    with uaa.db.transaction() as connection:
        code = token_store.spend_code(connection, value, "authorization_code", now_ms=uaa.now_ms())
    # The code is spent whatever comes now: a second try with it is no honest one.
    if code is None:
        raise invalid_grant("Invalid authorization code: " + value)
    _check_code(code.data, call, asking)
    with uaa.db.transaction() as connection:
        who = _owner(connection, code.data)
        granted = frozenset(code.data["scope"])
        grant = _grant(asking, who, "authorization_code", granted, nonce=code.data.get("nonce"))
        return tokens.issue(uaa, connection, grant, opaque=_opaque(call), id_token=True)


def _check_code(data: Mapping[str, Any], call: Call, asking: Asking) -> None:
    if data["client_id"] != asking.client.id:
        raise UaaError(401, "invalid_client", "Client ID mismatch")
    asked = data.get("redirect_uri")
    if asked is not None and asked != call.parameter("redirect_uri"):
        raise invalid_grant("Redirect URI mismatch.")
    verifier, challenge = call.parameter("code_verifier"), data.get("code_challenge")
    if challenge is None:
        if verifier:
            raise invalid_grant("Code verifier not required for this authorization code.")
        if asking.method == "none":
            raise invalid_grant("A client without a secret must prove with PKCE that it asked for the code.")
        return
    if not verifier:
        raise invalid_grant("Code verifier must be provided for this authorization code.")
    method = data.get("code_challenge_method") or "plain"
    if asking.client.is_public() and method != "S256":
        raise invalid_grant("Public client must use code challange method S256")
    if not hmac.compare_digest(_challenge(verifier, method), str(challenge)):
        raise invalid_grant("Invalid code verifier")


def _challenge(verifier: str, method: str) -> str:
    """RFC 7636 §4.6."""
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _owner(connection: Connection, data: Mapping[str, Any]) -> LoggedIn:
    user = user_store.find(connection, str(data["user_id"]))
    if user is None or not user.active:
        raise invalid_grant("The user of this authorization code may not log in any more")
    return LoggedIn(user, int(data["authenticated_ms"]))


def _refresh(uaa: Uaa, call: Call, asking: Asking) -> dict[str, Any]:
    with uaa.db.transaction() as connection:
        return tokens.refresh(
            uaa,
            connection,
            asking.client,
            call.parameter("refresh_token"),
            client_method=asking.method,
            requested=call.parameter("scope"),
            opaque=_opaque(call),
        )


def _grant(asking: Asking, who: LoggedIn, grant_type: str, granted: frozenset[str], *, nonce: str | None) -> Grant:
    return Grant(
        client=asking.client,
        grant_type=grant_type,
        scope=granted,
        user=who.user,
        authenticated_s=who.at_ms // 1000,
        methods=who.methods,
        client_method=asking.method,
        nonce=nonce,
    )


# --- reading -----------------------------------------------------------------------------------------------------------------------


def check_token(uaa: Uaa, call: Call) -> Reply:
    """The claims of somebody's token, for a resource server (uaa: oauth/CheckTokenEndpoint.java)."""
    _resource_server(uaa, call)
    value = call.parameter("token") if uaa.config.query_string_tokens else call.form.get("token")
    if not value:
        raise invalid_token("Token parameter must be set", status=400)
    try:
        claims = tokens.read(uaa, value)
    except UaaError as error:
        raise invalid_token(error.description, status=400) from error
    held = {scope.lower() for scope in claims.get("scope") or ()}
    missing = [scope for scope in scopes.parse(call.parameter("scopes")) if scope.lower() not in held]
    if missing:
        raise UaaError(400, "invalid_scope", f"Some requested scopes are missing: {','.join(missing)}")
    return json_reply(claims)


def introspect(uaa: Uaa, call: Call) -> Reply:
    """RFC 7662."""
    _resource_server(uaa, call, bearer_too=True)
    try:
        claims = tokens.read(uaa, call.parameter("token") or "")
    except UaaError:
        return json_reply({"active": False})
    return json_reply({**claims, "active": True})


def _resource_server(uaa: Uaa, call: Call, *, bearer_too: bool = False) -> None:
    if bearer_too and call.headers.get("authorization", "").lower().startswith("bearer "):
        authentication.require(uaa, call, "uaa.resource")
        return
    asking = authentication.client(uaa, call, form_allowed=False)
    if "uaa.resource" not in asking.client.authorities:
        raise UaaError(403, "access_denied", "Access is denied")


# --- revoking ----------------------------------------------------------------------------------------------------------------------


def revoke_token(uaa: Uaa, call: Call) -> Reply:
    """By its holder, or by whom holds ``tokens.revoke``."""
    caller, token_id = authentication.bearer(uaa, call), call.places["token"]
    with uaa.db.transaction() as connection:
        found = token_store.find(connection, token_id, now_ms=uaa.now_ms())
        if not (caller.has("tokens.revoke") or _is_own(caller, token_id, found)):
            raise insufficient_scope("tokens.revoke")
        if found is None:
            raise invalid_token("Resource not found", status=404)
        token_store.revoke(connection, token_id)
    uaa.note("TokenRevoked", client_id=found.client_id, user_id=found.user_id)
    return Reply()


def _is_own(caller: authentication.Bearer, token_id: str, found: Token | None) -> bool:
    """uaa: security/IsSelfCheck.java."""
    if caller.claims.get("jti") == token_id:
        return True
    if found is None:
        return False
    if found.user_id is not None:
        return found.user_id == caller.user_id
    return caller.user_id is None and found.client_id == caller.client_id


def revoke_user(uaa: Uaa, call: Call) -> Reply:
    """All tokens of a user, those that are stored nowhere too: their ``rev_sig`` no longer holds."""
    user_id = call.places["user"]
    authentication.require(uaa, call, "uaa.admin", "tokens.revoke", own_user=user_id)
    with uaa.db.transaction() as connection:
        user = user_store.find(connection, user_id)
        if user is None:
            raise invalid_token("Resource not found", status=404)
        salted = user_store.salted(user, uaa.system.draw(_SALT_LENGTH))
        user_store.put(connection, salted, now_ms=uaa.now_ms())
        token_store.revoke_all(connection, user_id=user_id)
        token_store.close_sessions_of(connection, user_id)
    uaa.note("TokenRevoked", user_id=user_id)
    return Reply()


def revoke_client(uaa: Uaa, call: Call) -> Reply:
    """All tokens of a client."""
    authentication.require(uaa, call, "tokens.revoke")
    client_id = call.places["client"]
    with uaa.db.transaction() as connection:
        client = client_store.find(connection, client_id)
        if client is None:
            raise invalid_token("Resource not found", status=404)
        salted = client_store.salted(client, uaa.system.draw(_SALT_LENGTH))
        client_store.put(connection, salted, now_ms=uaa.now_ms())
        token_store.revoke_all(connection, client_id=client_id)
    uaa.note("TokenRevoked", client_id=client_id)
    return Reply()


def revoke_user_client(uaa: Uaa, call: Call) -> Reply:
    """The stored tokens of a user with one client."""
    user_id, client_id = call.places["user"], call.places["client"]
    caller = authentication.bearer(uaa, call)
    own = caller.user_id == user_id and caller.client_id == client_id
    if not (own or caller.has("uaa.admin", "tokens.revoke")):
        raise insufficient_scope("tokens.revoke")
    with uaa.db.transaction() as connection:
        token_store.revoke_all(connection, user_id=user_id, client_id=client_id)
    uaa.note("TokenRevoked", user_id=user_id, client_id=client_id)
    return Reply()


def list_tokens(uaa: Uaa, call: Call) -> Reply:
    """Stored tokens, without their values: the caller's own, or with ``tokens.list`` anybody's."""
    caller = authentication.bearer(uaa, call)
    if not call.places:
        if caller.user_id is None:
            raise insufficient_scope("uaa.user")
        which: dict[str, str] = {"user_id": caller.user_id, "client_id": caller.client_id}
    elif not caller.has("tokens.list", "uaa.admin"):
        raise insufficient_scope("tokens.list")
    else:
        which = {f"{noun}_id": value for noun, value in call.places.items()}
    with uaa.db.reading() as connection:
        found = token_store.listed(
            connection, now_ms=uaa.now_ms(), user_id=which.get("user_id"), client_id=which.get("client_id")
        )
    return json_reply([_listed(item) for item in found])


def _listed(item: Token) -> dict[str, Any]:
    """uaa: model, oauth/token/RevocableToken.java."""
    return {
        "tokenId": item.id,
        "clientId": item.client_id,
        "userId": item.user_id,
        "format": item.format,
        "responseType": item.kind,
        "issuedAt": item.issued_ms,
        "expiresAt": item.expires_ms,
        "scope": item.scope,
        "value": None,
        "zoneId": "uaa",
    }
