"""One request and one answer as values; handlers are plain functions from the one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from uaa.errors import UaaError, invalid_request

FORM = "application/x-www-form-urlencoded"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Call:
    """A request. Header names are lower case; ``places`` are the parts of the path that the route names."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    places: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""

    @cached_property
    def query(self) -> Mapping[str, str]:
        return _pairs(self.query_string)

    @cached_property
    def form(self) -> Mapping[str, str]:
        if not self.headers.get("content-type", "").lower().startswith(FORM):
            return {}
        try:
            return _pairs(self.body.decode())
        except UnicodeDecodeError as error:
            raise invalid_request("The form is not UTF-8") from error

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in jar.items()}

    def parameter(self, name: str) -> str | None:
        """From the form, else from the query."""
        found = self.form.get(name)
        return self.query.get(name) if found is None else found

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.query.get(name, default))
        except ValueError as error:
            raise invalid_request(f"{name} must be a number") from error

    def json(self, kind: type[_T]) -> _T:
        """Raises: UaaError: 400, when the body is not JSON of that shape."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise UaaError(400, "message_not_readable", f"The request body cannot be read: {error}") from error

    @property
    def wants_json(self) -> bool:
        """Whether JSON is preferred to a page: it is named, and no page before it."""
        accept = self.headers.get("accept", "")
        place, page = accept.find("application/json"), accept.find("text/html")
        return place >= 0 and (page < 0 or place < page)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


def json_reply(content: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    return Reply(status, msgspec.json.encode(content), (("content-type", "application/json"), *headers))


def page_reply(text: str, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """HTML that no frame may show and no cache may keep."""
    return Reply(
        status,
        text.encode(),
        (
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            ("x-frame-options", "DENY"),
            *headers,
        ),
    )


def redirect(location: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    return Reply(302, b"", (("location", location), ("cache-control", "no-store"), *headers))


def _pairs(text: str) -> dict[str, str]:
    """The first value of each name."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, value)
    return found
