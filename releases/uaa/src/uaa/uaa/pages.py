"""The few pages that people see. Everything that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from string import Template
from typing import Final

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;color:#1c2733;background:#f6f8fa}
h1{font-size:1.3rem}label{display:block;margin:.8rem 0 .2rem}code{font-size:1.3rem;user-select:all}
input[type=text],input[type=password]{width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #b8c2cc;border-radius:4px}
button{margin:1.2rem .5rem 0 0;padding:.5rem 1.2rem;border:0;border-radius:4px;background:#0b5cad;color:#fff;font:inherit}
.error{padding:.5rem .8rem;background:#fdecea;border-radius:4px}
</style></head><body><h1>$title</h1>
$body
</body></html>
""")


def login(*, prompts: Mapping[str, str], hidden: Mapping[str, str], error: str = "") -> str:
    """The form for name and password, with ``prompts`` above the fields."""
    return _page(
        "Welcome",
        f"""{_error(error)}<form action="/login.do" method="post" accept-charset="UTF-8">{_hidden(hidden)}
<label for="username">{escape(prompts["username"])}</label>
<input type="text" id="username" name="username" autocomplete="username" autofocus required>
<label for="password">{escape(prompts["password"])}</label>
<input type="password" id="password" name="password" autocomplete="current-password" required>
<button type="submit">Sign in</button></form>""",
    )


def approval(*, client: str, scopes: Iterable[tuple[str, str]], hidden: Mapping[str, str]) -> str:
    """Asks whether a client may do what it wants; ``scopes`` with a description each."""
    items = "".join(
        f'<p><label><input type="checkbox" name="approved.{escape(name, quote=True)}" value="true" checked> '
        f"{escape(about or name)} <small>({escape(name)})</small></label></p>"
        for name, about in scopes
    )
    return _page(
        "Application authorization",
        f"""<p><strong>{escape(client)}</strong> asks for permission to do this in your name:</p>
<form action="/oauth/authorize" method="post">{_hidden(hidden)}{items}
<button name="user_oauth_approval" value="true">Authorize</button>
<button name="user_oauth_approval" value="false">Deny</button></form>""",
    )


def passcode(code: str) -> str:
    return _page(
        "Temporary Authentication Code",
        f"<p><code>{escape(code)}</code></p><p>It can be used once, within five minutes.</p>",
    )


def home(*, username: str, hidden: Mapping[str, str]) -> str:
    return _page(
        "Welcome",
        f"""<p>You are logged in as <strong>{escape(username)}</strong>.</p>
<p><a href="/passcode">Get a one-time code for the command line</a></p>
<form action="/logout.do" method="post">{_hidden(hidden)}<button>Sign out</button></form>""",
    )


def failure(description: str) -> str:
    return _page("That did not work", _error(description))


def _page(title: str, body: str) -> str:
    return _PAGE.substitute(title=escape(title), body=body)


def _error(text: str) -> str:
    return f'<p class="error" role="alert">{escape(text)}</p>' if text else ""


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name, quote=True)}" value="{escape(value, quote=True)}">'
        for name, value in values.items()
    )
