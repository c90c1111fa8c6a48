"""Where people log in: ``/login``, ``/login.do``, ``/logout.do``, ``/passcode``, and ``/info`` for programs."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from uaa import authentication, pages, redirects, sessions
from uaa.context import Uaa
from uaa.errors import UaaError, unauthorized
from uaa.records import Code
from uaa.store import clients, tokens
from uaa.web import Call, Reply, json_reply, page_reply, redirect

COMPATIBLE_VERSION: Final = "77.19.0"
"""The version of Cloud Foundry's UAA whose behaviour this one has. The cf CLI wants 4.26.0 at least."""

_PASSCODE_VALIDITY_MS: Final = 5 * 60 * 1000
_CODE_LENGTH: Final = 32


def info(uaa: Uaa, _call: Call) -> Reply:
    """Prompts and links for command lines (uaa: login/LoginInfoEndpoint.java)."""
    prompts = _prompts(uaa)
    base, login = uaa.config.base_url, uaa.config.login_link
    return json_reply(
        {
            "app": {"version": COMPATIBLE_VERSION},
            "links": {"uaa": base, "login": login},
            "zone_name": uaa.config.zone_name,
            "entityID": login.partition("://")[2],
            "commit_id": "git-metadata-not-found",
            "idpDefinitions": {},
            "prompts": prompts,
            "timestamp": "2024-10-24T14:05:34+0200",
        }
    )


def _prompts(uaa: Uaa) -> dict[str, list[str]]:
    where = f"{uaa.config.login_link}/passcode"
    return {
        "username": ["text", uaa.config.prompt.username],
        "password": ["password", uaa.config.prompt.password],
        "passcode": ["password", f"Temporary Authentication Code ( Get one at {where} )"],
    }


def login(uaa: Uaa, call: Call) -> Reply:
    """The form; for programs, what ``/info`` says."""
    if call.wants_json:
        return info(uaa, call)
    target = redirects.local(call.query.get("form_redirect_uri"))
    if sessions.current(uaa, call) is not None:
        return redirect(target or "/home")
    return _form(
        uaa, call, target, "Unable to verify email or password. Please try again." if "error" in call.query else ""
    )


def _form(uaa: Uaa, call: Call, target: str | None, error: str, status: int = 200) -> Reply:
    token, cookie = sessions.csrf(uaa, call)
    hidden = {sessions.CSRF: token, **({"form_redirect_uri": target} if target else {})}
    prompt = uaa.config.prompt
    text = pages.login(prompts={"username": prompt.username, "password": prompt.password}, hidden=hidden, error=error)
    return page_reply(text, status, (cookie,))


def login_do(uaa: Uaa, call: Call) -> Reply:
    """Name and password from the form."""
    sessions.check_csrf(call)
    target = redirects.local(call.form.get("form_redirect_uri"))
    try:
        who = authentication.user(uaa, call.form.get("username"), call.form.get("password"))
    except UaaError as error:
        shown = error.description if "locked" in error.description else ""
        return _form(
            uaa, call, target, shown or "Unable to verify email or password. Please try again.", status=error.status
        )
    return redirect(target or "/home", (sessions.begin(uaa, who),))


def home(uaa: Uaa, call: Call) -> Reply:
    who = sessions.current(uaa, call)
    if who is None:
        return redirect("/login")
    token, cookie = sessions.csrf(uaa, call)
    return page_reply(pages.home(username=who.user.username, hidden={sessions.CSRF: token}), headers=(cookie,))


def logout(uaa: Uaa, call: Call) -> Reply:
    """Ends the session; ``redirect`` is followed when it is an address of the client that is named (uaa: /logout.do)."""
    cookie = sessions.end(uaa, call)
    asked = call.parameter("redirect") or call.parameter("post_logout_redirect_uri")
    return redirect(_allowed(uaa, call.parameter("client_id"), asked) or "/login", (cookie,))


def _allowed(uaa: Uaa, client_id: str | None, asked: str | None) -> str | None:
    if client_id is None or asked is None:
        return redirects.local(asked)
    with uaa.db.reading() as connection:
        client = clients.find(connection, client_id)
    if client is None:
        return None
    return redirects.resolve(asked, client.redirect_uris, exact=uaa.config.redirect_matching_mode == "exact")


def passcode(uaa: Uaa, call: Call) -> Reply:
    """A code for a command line, once and within five minutes; a new one voids the one before."""
    if call.headers.get("authorization"):
        who = authentication.logged_in_by_token(uaa, authentication.bearer(uaa, call))
    else:
        found = sessions.current(uaa, call)
        if found is None:
            if call.wants_json:
                raise unauthorized(authentication.FULL)
            return redirect(f"/login?form_redirect_uri={quote('/passcode')}")
        who = found
    data: dict[str, Any] = {"user_id": who.user.id, "authenticated_ms": who.at_ms}
    code = Code(
        uaa.system.draw(_CODE_LENGTH), "passcode", data, uaa.now_ms() + _PASSCODE_VALIDITY_MS, f"passcode {who.user.id}"
    )
    with uaa.db.transaction() as connection:
        tokens.add_code(connection, code)
    return json_reply(code.code) if call.wants_json else page_reply(pages.passcode(code.code))


def discovery(_uaa: Uaa, _call: Call) -> Reply:
    """There is one place to log in."""
    return redirect("/login?discoveryPerformed=true")


def root(_uaa: Uaa, _call: Call) -> Reply:
    return redirect("/home")
