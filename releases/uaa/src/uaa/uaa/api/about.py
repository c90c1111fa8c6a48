"""What the server says of itself: keys, configuration, health, and who a token's user is."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from uaa import authentication
from uaa.context import Uaa
from uaa.errors import UaaError, insufficient_scope
from uaa.store import users
from uaa.web import Call, Reply, json_reply


def token_key(uaa: Uaa, call: Call) -> Reply:
    """The key that signs now."""
    if uaa.keys.active.is_shared and not _may_see_shared(uaa, call):
        raise UaaError(403, "access_denied", "You need to authenticate to see a shared key")
    return _keys(uaa, call, dict(uaa.keys.active.published))


def token_keys(uaa: Uaa, call: Call) -> Reply:
    """RFC 7517 §5: every key that a valid token may be signed with."""
    shared_too = any(key.is_shared for key in uaa.keys.all()) and _may_see_shared(uaa, call)
    shown = [key.published for key in uaa.keys.all() if shared_too or not key.is_shared]
    return _keys(uaa, call, {"keys": shown})


def _keys(uaa: Uaa, call: Call, content: dict[str, Any]) -> Reply:
    tag = uaa.keys.etag()
    if call.headers.get("if-none-match", "").strip('"') == tag:
        return Reply(304, headers=(("etag", tag),))
    return json_reply(content, headers=(("etag", tag),))


def _may_see_shared(uaa: Uaa, call: Call) -> bool:
    if not call.headers.get("authorization", "").lower().startswith("basic "):
        return False
    return "uaa.resource" in authentication.client(uaa, call, form_allowed=False).client.authorities


def openid_configuration(uaa: Uaa, _call: Call) -> Reply:
    """OpenID Connect Discovery 1.0 (uaa: model, account/OpenIdConfiguration.java)."""
    base, login = uaa.config.base_url, uaa.config.login_link
    return json_reply(
        {
            "issuer": uaa.config.token_issuer,
            "authorization_endpoint": f"{login}/oauth/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "HS256"],
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/token_keys",
            "end_session_endpoint": f"{login}/logout.do",
            "scopes_supported": ["openid", "profile", "email", "phone", "roles", "user_attributes"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256"],
            "id_token_encryption_alg_values_supported": ["none"],
            "claim_types_supported": ["normal"],
            "claims_supported": [
                "sub", "user_name", "origin", "iss", "auth_time", "amr", "client_id", "aud", "zid", "grant_type", "user_id",
                "azp", "scope", "exp", "iat", "jti", "rev_sig", "cid", "given_name", "family_name", "phone_number", "email",
            ],
            "claims_parameter_supported": False,
            "service_documentation": "http://docs.cloudfoundry.org/api/uaa/",
            "ui_locales_supported": ["en-US"],
            "code_challenge_methods_supported": ["S256", "plain"],
        }
    )  # fmt: skip


def userinfo(uaa: Uaa, call: Call) -> Reply:
    """OpenID Connect Core 1.0 §5.3 (uaa: account/UserInfoEndpoint.java)."""
    caller = authentication.require(uaa, call, "openid")
    if caller.user_id is None:
        raise insufficient_scope("openid")
    with uaa.db.reading() as connection:
        user = users.get(connection, caller.user_id)
    found = {
        "user_id": user.id,
        "sub": user.id,
        "user_name": user.username,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "email": user.email,
        "email_verified": user.verified,
        "phone_number": user.phone,
        "name": f"{user.given_name or ''}{' ' + user.family_name if user.family_name else ''}",
    }
    answer = {key: value for key, value in found.items() if value is not None}
    return json_reply({**answer, "previous_logon_time": user.previous_logon_ms})


def healthz(uaa: Uaa, _call: Call) -> Reply:
    """``ok`` while the database answers; ``stopping`` so that routers look elsewhere."""
    if uaa.stopping.is_set():
        return _word("stopping", 503)
    try:
        uaa.db.answers()
    except SQLAlchemyError:
        return _word("Database Connection failed", 503)
    return _word("ok", 200)


def _word(text: str, status: int) -> Reply:
    return Reply(status, f"{text}\n".encode(), (("content-type", "text/plain"), ("cache-control", "no-store")))


def rate_limiting(_uaa: Uaa, _call: Call) -> Reply:
    return json_reply({"current": {"status": "DISABLED"}})
