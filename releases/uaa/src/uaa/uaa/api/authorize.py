"""``/oauth/authorize``: a user lets a client act for it, and the client gets a code to exchange for a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from uaa import authentication, pages, redirects, scopes, sessions
from uaa.authentication import LoggedIn
from uaa.context import Uaa
from uaa.errors import UaaError, invalid_grant, invalid_request, unauthorized
from uaa.records import Approval, Client, Code
from uaa.store import clients, groups, tokens
from uaa.web import Call, Reply, page_reply, redirect

_CODE_VALIDITY_MS: Final = 5 * 60 * 1000
_CODE_LENGTH: Final = 32
_APPROVAL_VALIDITY_MS: Final = 30 * 24 * 3600 * 1000
_CHALLENGE: Final = re.compile(r"[\w.\-~]{43,128}")
_KEPT: Final = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
)  # fmt: skip


@dataclass(frozen=True)
class _Request:
    client: Client
    target: str
    parameters: Mapping[str, str]

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)


def authorize(uaa: Uaa, call: Call) -> Reply:
    """RFC 6749 §4.1.1, with a session of the browser or with the user's own token, as ``cf ssh`` does."""
    request = _request(uaa, call)
    if call.headers.get("authorization"):
        who = authentication.logged_in_by_token(uaa, authentication.bearer(uaa, call))
        return _proceed(uaa, call, request, who)
    found = sessions.current(uaa, call)
    if found is None:
        return _log_in_first(call, request)
    try:
        return _proceed(uaa, call, request, found)
    except UaaError as error:
        # The address is the client's own, so the client may hear what was wrong.
        return _back(request, error=error.error, error_description=error.description)


def approve(uaa: Uaa, call: Call) -> Reply:
    """The answer of the page that asks."""
    if "user_oauth_approval" not in call.form:
        return authorize(uaa, call)
    sessions.check_csrf(call)
    request, who = _request(uaa, call), sessions.current(uaa, call)
    if who is None:
        raise unauthorized(authentication.FULL)
    granted, now = _granted(uaa, request, who), uaa.now_ms()
    yes = call.form["user_oauth_approval"] == "true"
    chosen = frozenset(scope for scope in granted if yes and call.form.get(f"approved.{scope}") == "true")
    decisions = [
        Approval(
            who.user.id,
            request.client.id,
            scope,
            "APPROVED" if scope in chosen else "DENIED",
            now + _APPROVAL_VALIDITY_MS,
            now,
        )
        for scope in sorted(granted)
    ]
    with uaa.db.transaction() as connection:
        tokens.decide(connection, decisions)
    if not chosen:
        return _back(request, error="access_denied", error_description="User denied access")
    return _give_code(uaa, request, who, chosen)


def _request(uaa: Uaa, call: Call) -> _Request:
    """Raises: UaaError: so much is wrong that the browser must not be sent anywhere."""
    parameters = {**call.query, **call.form}
    client_id = parameters.get("client_id")
    with uaa.db.reading() as connection:
        client = clients.find(connection, client_id) if client_id else None
    if client is None:
        raise UaaError(401, "invalid_client", f"No client with requested id: {client_id}")
    if not {"authorization_code", "implicit"} & set(client.grant_types):
        raise invalid_grant("A redirect_uri can only be used by implicit or authorization_code grant types.")
    asked = parameters.get("redirect_uri")
    target = redirects.resolve(asked, client.redirect_uris, exact=uaa.config.redirect_matching_mode == "exact")
    if target is None:
        raise invalid_request(f"Invalid redirect {asked} did not match one of the registered values")
    return _Request(client, target, parameters)


def _log_in_first(call: Call, request: _Request) -> Reply:
    if request.get("prompt") == "none":
        return _back(request, error="login_required")
    if call.wants_json:
        raise unauthorized(authentication.FULL)
    again = f"/oauth/authorize?{urlencode({name: value for name in _KEPT if (value := request.get(name)) is not None})}"
    return redirect(f"/login?{urlencode({'form_redirect_uri': again})}")


def _proceed(uaa: Uaa, call: Call, request: _Request, who: LoggedIn) -> Reply:
    _check(request)
    granted = _granted(uaa, request, who)
    approved, denied = _decided(uaa, request, who, granted)
    if approved and granted <= approved | denied:
        return _give_code(uaa, request, who, approved)
    if request.get("prompt") == "none" or call.headers.get("authorization"):
        return _back(request, error="interaction_required")
    return _ask(uaa, call, request, granted)


def _check(request: _Request) -> None:
    kinds = scopes.parse(request.get("response_type"))
    if not kinds:
        raise invalid_request("Missing response_type in authorization request")
    if kinds != ("code",) or "authorization_code" not in request.client.grant_types:
        raise UaaError(400, "unsupported_response_type", "Unsupported response types")
    challenge, method = request.get("code_challenge"), request.get("code_challenge_method") or "plain"
    if challenge is not None and not _CHALLENGE.fullmatch(challenge):
        raise invalid_request(
            "Code challenge length must between 43 and 128 and use only [A-Z],[a-z],[0-9],_,.,-,~ characters."
        )
    if challenge is not None and method not in {"S256", "plain"}:
        raise invalid_request("Unsupported code challenge method. Supported: [S256, plain]")


def _granted(uaa: Uaa, request: _Request, who: LoggedIn) -> frozenset[str]:
    with uaa.db.reading() as connection:
        return authentication.scopes_for(uaa, connection, request.client, who.user, request.get("scope"))


def _decided(
    uaa: Uaa, request: _Request, who: LoggedIn, granted: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Approved and denied: by the client's ``autoapprove``, and by what the user said before."""
    unasked = scopes.approved_without_asking(granted, request.client.autoapprove)
    with uaa.db.reading() as connection:
        said = tokens.approvals(connection, who.user.id, request.client.id)
    valid = [item for item in said if item.expires_ms > uaa.now_ms() and item.scope in granted]
    approved = unasked | {item.scope for item in valid if item.status == "APPROVED"}
    return approved, frozenset(item.scope for item in valid if item.status == "DENIED") - approved


def _ask(uaa: Uaa, call: Call, request: _Request, wanted: frozenset[str]) -> Reply:
    with uaa.db.reading() as connection:
        known = {scope: groups.by_name(connection, scope) for scope in sorted(wanted)}
    token, cookie = sessions.csrf(uaa, call)
    hidden = {name: value for name in _KEPT if (value := request.get(name)) is not None}
    text = pages.approval(
        client=str(request.client.more.get("name") or request.client.id),
        scopes=[(scope, (group.description or "") if group else "") for scope, group in known.items()],
        hidden={**hidden, sessions.CSRF: token},
    )
    return page_reply(text, headers=(cookie,))


def _give_code(uaa: Uaa, request: _Request, who: LoggedIn, granted: frozenset[str]) -> Reply:
    data = {
        "client_id": request.client.id,
        "user_id": who.user.id,
        "authenticated_ms": who.at_ms,
        "scope": sorted(granted),
        "redirect_uri": request.get("redirect_uri"),
        "nonce": request.get("nonce"),
        "code_challenge": request.get("code_challenge"),
        "code_challenge_method": request.get("code_challenge_method"),
    }
    code = Code(uaa.system.draw(_CODE_LENGTH), "authorization_code", data, uaa.now_ms() + _CODE_VALIDITY_MS)
    with uaa.db.transaction() as connection:
        tokens.add_code(connection, code)
    return _back(request, code=code.code)


def _back(request: _Request, **answer: str | None) -> Reply:
    return redirect(redirects.with_query(request.target, **answer, state=request.get("state")))
