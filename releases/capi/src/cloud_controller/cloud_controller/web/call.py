"""One request as handlers see it, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cloud_controller import errors
from cloud_controller.auth.access import Access
from cloud_controller.auth.tokens import Identity
from cloud_controller.config import Config
from cloud_controller.services import Services
from cloud_controller.state.store import Record, Store


@dataclass(frozen=True)
class Reply:
    """An answer: JSON unless ``text`` or ``file`` say otherwise."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json; charset=utf-8"
    file: Path | None = None


@dataclass(frozen=True)
class Upload:
    """What came with an upload: form fields, files by field name, or the raw body as a file."""

    fields: Mapping[str, str]
    files: Mapping[str, Path]


@dataclass
class Call:
    """One request inside its transaction."""

    services: Services
    store: Store
    identity: Identity | None
    path: str
    params: Mapping[str, str]
    query: list[tuple[str, str]]
    body: bytes = b""
    upload: Upload | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.services.config

    @property
    def who(self) -> Identity:
        """The caller; only where a token is asked for."""
        if self.identity is None:
            raise errors.not_authenticated()
        return self.identity

    @cached_property
    def access(self) -> Access:
        """What the caller may do."""
        return Access(self.store, self.who)

    def parameter(self, name: str) -> str | None:
        """A query parameter's first value."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Record:
        """The body as a JSON object; an empty body is the empty object.

        Raises:
            ApiError: it is something else.
        """
        if not self.body.strip():
            return {}
        try:
            value = msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise errors.parse_error() from error
        if not isinstance(value, dict):
            raise errors.parse_error()
        return value

    def yaml(self) -> Any:
        """The body as YAML.

        Raises:
            ApiError: it is none.
        """
        try:
            return yaml.safe_load(self.body)
        except yaml.YAMLError as error:
            raise errors.parse_error() from error


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A request we answer. ``access`` says what the token has to be good for."""

    method: str
    path: str
    handler: Handler
    access: str = "token"
    upload: bool = False


def get(path: str, handler: Handler, access: str = "token") -> Route:
    """A reading request."""
    return Route("GET", path, handler, access)


def post(path: str, handler: Handler, access: str = "token", *, upload: bool = False) -> Route:
    """A POST; ``upload`` for bodies that are files."""
    return Route("POST", path, handler, access, upload)


def patch(path: str, handler: Handler) -> Route:
    """A PATCH."""
    return Route("PATCH", path, handler)


def delete(path: str, handler: Handler) -> Route:
    """A DELETE."""
    return Route("DELETE", path, handler)


def put(path: str, handler: Handler) -> Route:
    """A PUT."""
    return Route("PUT", path, handler)


def no_content() -> Reply:
    """204."""
    return Reply(204)


def job_started(call: Call, guid: str, body: Any = None) -> Reply:
    """202 with the job's address, which clients poll."""
    return Reply(202, body, {"Location": f"{call.config.url}/v3/jobs/{guid}"})
