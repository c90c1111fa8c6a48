"""Browsers that are logged in: a cookie nobody can guess, its digest in the database, so that any instance knows it."""

from __future__ import annotations

import hmac
from typing import Final

from uaa.authentication import LoggedIn
from uaa.context import Uaa
from uaa.errors import UaaError
from uaa.records import Session
from uaa.store import tokens, users
from uaa.web import Call

COOKIE: Final = "uaa-session"
CSRF: Final = "X-Uaa-Csrf"
"""Cookie and form field: a page of another site can send the one but cannot know the other (uaa: security/web/CookieBasedCsrfTokenRepository)."""
_LENGTH = 32


def current(uaa: Uaa, call: Call) -> LoggedIn | None:
    """The user of the browser; using the session makes it last longer."""
    secret, now = call.cookies.get(COOKIE), uaa.now_ms()
    if not secret:
        return None
    with uaa.db.reading() as connection:
        session = tokens.find_session(connection, secret, now_ms=now)
        user = users.find(connection, session.user_id) if session else None
    if session is None or user is None or not user.active:
        return None
    idle_ms = uaa.config.session_idle_s * 1000
    if session.expires_ms < now + idle_ms // 2:
        with uaa.db.transaction() as connection:
            tokens.extend_session(connection, secret, expires_ms=now + idle_ms)
    return LoggedIn(user, session.authenticated_ms)


def begin(uaa: Uaa, who: LoggedIn) -> tuple[str, str]:
    """The header that gives the browser its cookie."""
    secret = uaa.system.draw(_LENGTH)
    expires = uaa.now_ms() + uaa.config.session_idle_s * 1000
    with uaa.db.transaction() as connection:
        tokens.open_session(connection, secret, Session(who.user.id, who.at_ms, expires))
    return _cookie(uaa, COOKIE, secret)


def end(uaa: Uaa, call: Call) -> tuple[str, str]:
    """Forget the session; the header that takes the cookie back."""
    if secret := call.cookies.get(COOKIE):
        with uaa.db.transaction() as connection:
            tokens.close_session(connection, secret)
    name, value = _cookie(uaa, COOKIE, "")
    return name, f"{value}; Max-Age=0"


def csrf(uaa: Uaa, call: Call) -> tuple[str, tuple[str, str]]:
    """The token for a form, and the header that gives it to the browser."""
    token = call.cookies.get(CSRF) or uaa.system.draw(_LENGTH)
    return token, _cookie(uaa, CSRF, token)


def check_csrf(call: Call) -> None:
    """Raises: UaaError: 403, when the form is not one of ours."""
    cookie, given = call.cookies.get(CSRF, ""), call.form.get(CSRF, "")
    if not cookie or not hmac.compare_digest(cookie.encode(), given.encode()):
        raise UaaError(403, "access_denied", "The form is too old or not ours: open the page again")


def _cookie(uaa: Uaa, name: str, value: str) -> tuple[str, str]:
    secure = "; Secure" if uaa.config.uses_https else ""
    return "set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"
