"""One request as the handlers see it, and the replies they give."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bosh.director.auth import scopes
from bosh.director.auth.users import Identity
from bosh.director.config import Config
from bosh.director.places import Places
from bosh.director.tasks import engine
from bosh.state import records
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import BadManifest, BoshError, DeploymentNotFound, InvalidYamlError

# Manifests and configs are at most some megabytes; uploads have their own limit.
MAX_BODY_BYTES = 64 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class InvalidJson(BoshError):
    code = 710001


class ContextIdTooLong(BoshError):
    code = 70010


class Answer(Exception):
    """Ends a request with a plain-text reply that is no error document."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Desk:
    """What handlers work with."""

    config: Config
    uuid: str
    store: Store
    tasks: engine.Tasks
    clock: Clock
    ids: Ids
    places: Places


class Call:
    """A request that was let in."""

    def __init__(self, request: Request, desk: Desk, user: Identity | None) -> None:
        self.request = request
        self.desk = desk
        self.user = user or Identity("", frozenset())
        self.store = desk.store

    # --- what was asked

    def path(self, name: str) -> str:
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def flag(self, name: str) -> bool:
        return self.query(name) == "true"

    @functools.cached_property
    def content_type(self) -> str:
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    @functools.cached_property
    def context_id(self) -> str:
        """Marks all tasks of one run of the CLI. Raises ContextIdTooLong."""
        text = self.request.headers.get("x-bosh-context-id", "")
        if len(text) > 64:
            raise ContextIdTooLong("X-Bosh-Context-Id cannot be more than 64 characters in length")
        return text

    async def body(self) -> bytes:
        """Raises Answer 413 when it is larger than a manifest can be."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.request.stream():
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise Answer(413, "Request body is too large\n")
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self) -> str:
        """Raises BadManifest when it is not UTF-8."""
        try:
            return (await self.body()).decode()
        except UnicodeDecodeError as error:
            raise BadManifest("cannot read the request's body: it is not UTF-8") from error

    async def json(self) -> Any:
        """Raises InvalidJson."""
        try:
            return msgspec.json.decode(await self.body())
        except msgspec.DecodeError as error:
            raise InvalidJson(f"Invalid JSON request body: {error}") from error

    async def json_object(self) -> dict[str, Any]:
        """Raises InvalidJson when it is no object."""
        value = await self.json()
        if not isinstance(value, dict):
            raise InvalidJson("Invalid JSON request body: object expected")
        return value

    # --- who may

    def demand(self, permission: str) -> None:
        """Raises UnauthorizedToAccessDeployment unless allowed on the director as a whole."""
        scopes.demand(scopes.for_director(permission, self.desk.uuid, self.user.scopes), self.user.scopes)

    def demand_for(self, permission: str, teams: Sequence[str]) -> None:
        """The same for something that belongs to teams."""
        scopes.demand(scopes.for_teams(permission, self.desk.uuid, teams), self.user.scopes)

    def may(self, permission: str, teams: Sequence[str]) -> bool:
        return bool(set(scopes.for_teams(permission, self.desk.uuid, teams)) & self.user.scopes)

    @property
    def teams(self) -> list[str]:
        """Teams that own what this person makes."""
        return scopes.admin_teams(self.user.scopes)

    # --- what it is about

    def deployment(self, permission: str, name: str = "") -> records.Deployment:
        """The deployment of the path, or the one named.

        Raises:
            DeploymentNotFound: there is none of this name.
            UnauthorizedToAccessDeployment: it is not theirs.
        """
        wanted = name or self.path("deployment")
        found = self.store.deployments.get(name=wanted)
        if found is None:
            raise DeploymentNotFound(f"Deployment '{wanted}' doesn't exist")
        self.demand_for(permission, found.teams)
        return found

    # --- events

    def event(self, action: str, object_type: str, object_name: str, *, error: str = "", **rest: Any) -> None:
        """Record what this person did, if events are recorded."""
        if self.desk.config.record_events:
            moment = self.desk.clock.now()
            event = records.Event(
                action, object_type, moment, self.user.name, object_name=object_name, error=error, **rest
            )
            self.store.events.insert(event)


def json_reply(value: Any, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def text_reply(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/html")


def empty(status: int) -> Response:
    return Response(b"", status)


def task_reply(task: records.Task) -> Response:
    """302 to the task; the CLI takes nothing else (bosh-cli: director/task_client_request.go)."""
    return Response(b"", 302, {"Location": f"/tasks/{task.id}"})


def yaml_object(text: str) -> dict[str, Any]:
    """A manifest's or config's YAML (bosh: api_helper.rb, validate_manifest_yml).

    Raises:
        BadManifest: empty, not YAML, or not a map.
    """
    from bosh.manifest import documents

    if not text:
        raise BadManifest("Manifest should not be empty")
    try:
        value = documents.load(text, "manifest").value
    except BoshError as error:
        raise BadManifest(f"Incorrect YAML structure of the uploaded manifest: {error}") from error
    if not isinstance(value, dict):
        raise BadManifest("Manifest should be a hash")
    return value


__all__ = [
    "Answer", "Call", "Desk", "InvalidJson", "InvalidYamlError", "empty", "json_reply", "task_reply", "text_reply", "yaml_object",
]  # fmt: skip
