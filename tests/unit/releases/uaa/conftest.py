"""A whole server without sockets: handlers on a database in a file, a clock that is set, dice that count."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from uaa import bootstrap
from uaa.api.routes import ROUTES
from uaa.application import Router, _answer
from uaa.config import Config, Connection, parse
from uaa.context import Uaa
from uaa.errors import UaaError
from uaa.keys import KeyRing
from uaa.passwords import Hasher
from uaa.store.database import connect
from uaa.system import System
from uaa.web import FORM, Call, Reply

# Never the same twice in one run: servers of one test may share a database.
_NUMBERS = itertools.count(1)
START_MS = 1_700_000_000_000
URL = "https://uaa.sys.example.com"
CF_SCOPES = [
    "cloud_controller.read", "cloud_controller.write", "cloud_controller.admin", "openid", "password.write", "scim.read",
    "scim.write", "uaa.user", "clients.read", "routing.router_groups.*",
]  # fmt: skip
CLIENTS: Mapping[str, Any] = {
    "cf": {
        "secret": "",
        "authorized-grant-types": "password,refresh_token",
        "scopes": CF_SCOPES,
        "authorities": "uaa.none",
        "access-token-validity": 1200,
        "refresh-token-validity": 2592000,
    },
    "ssh-proxy": {
        "secret": "ssh",
        "authorized-grant-types": "authorization_code",
        "autoapprove": True,
        "redirect-uri": f"{URL}/login",
        "scopes": ["openid", "cloud_controller.read", "cloud_controller.admin"],
    },
    "dashboard": {
        "secret": "dash",
        "authorized-grant-types": "authorization_code",
        "redirect-uri": "https://dash.example.com",
        "scopes": ["openid", "cloud_controller.read"],
        "name": "The <Dashboard>",
    },
    "spa": {
        "secret": "unused",
        "authorized-grant-types": "authorization_code,refresh_token",
        "redirect-uri": "https://spa.example.com/callback",
        "scopes": ["openid"],
        "autoapprove": ["openid"],
        "allowpublic": True,
    },
    "doppler": {"secret": "dop", "authorized-grant-types": "client_credentials", "authorities": "uaa.resource"},
    "gorouter": {
        "secret": ["old", "new"],
        "authorized-grant-types": "client_credentials",
        "authorities": "routing.routes.read",
    },
    "super": {
        "secret": "sup",
        "authorized-grant-types": "client_credentials",
        "authorities": "uaa.admin,clients.admin,scim.read,scim.write,password.write,scim.userids,idps.read,idps.write,"
        "tokens.revoke,tokens.list,zones.read,uaa.account_status.write",
    },
    "registrar": {
        "secret": "reg",
        "authorized-grant-types": "client_credentials",
        "authorities": "clients.write,clients.secret",
        "scope": "openid",
    },
}
USERS = [
    {
        "name": "admin",
        "password": "adm1n",
        "groups": ["cloud_controller.admin", "scim.read", "scim.write", "clients.read"],
    },
    {"name": "marissa", "password": "koala", "email": "marissa@test.org", "firstName": "Marissa", "lastName": "Bloggs"},
]


def pem() -> str:
    private = rsa.generate_private_key(65537, 2048)
    return private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture(scope="session")
def keys_pem() -> tuple[str, str]:
    return pem(), pem()


@dataclass
class World:
    """Requests against one server; ``now_ms`` can be set."""

    uaa: Uaa
    router: Router = field(default_factory=lambda: Router(ROUTES))
    now_ms: int = START_MS
    events: list[str] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        plain, _, query = path.partition("?")
        sent = {"accept": "application/json", **(headers or {})}
        content = b""
        if token:
            sent["authorization"] = f"Bearer {token}"
        if basic:
            sent["authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        if form is not None:
            sent["content-type"], content = FORM, urlencode(form).encode()
        if body is not None:
            sent["content-type"], content = "application/json", json.dumps(body).encode()
        try:
            handler, _pattern, places = self.router.find(method, plain)
        except UaaError as error:
            return Answer(Reply(error.status, json.dumps(error.body()).encode()))
        return Answer(_answer(self.uaa, handler, Call(method, plain, query, sent, content, places)))

    def token(self, client: str = "cf", secret: str = "", **form: str) -> Answer:
        return self.call("POST", "/oauth/token", basic=(client, secret), form=form)

    def login(self, name: str = "marissa", password: str = "koala", **more: str) -> Answer:
        return self.token(grant_type="password", username=name, password=password, **more)

    def user_token(self, name: str = "marissa", password: str = "koala") -> str:
        return str(self.login(name, password).json["access_token"])

    def client_token(self, name: str = "super", secret: str = "sup") -> str:
        return str(self.token(name, secret, grant_type="client_credentials").json["access_token"])

    def user_id(self, name: str) -> str:
        found = self.call("GET", f"/Users?filter=userName+eq+%22{name}%22", token=self.client_token()).json
        return str(found["resources"][0]["id"])

    def restart(self) -> None:
        bootstrap.run(self.uaa)

    def later(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


@dataclass(frozen=True)
class Answer:
    reply: Reply

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def json(self) -> Any:
        return json.loads(self.reply.body)

    @property
    def text(self) -> str:
        return self.reply.body.decode()

    def header(self, name: str) -> str:
        return next(value for key, value in self.reply.headers if key == name)

    def cookies(self) -> dict[str, str]:
        pairs = (value.partition(";")[0].partition("=") for key, value in self.reply.headers if key == "set-cookie")
        return {name: value for name, _, value in pairs}


def filtered(path: str, text: str, more: str = "") -> str:
    """The path with a filter, and more of the query as it is."""
    return f"{path}?filter={quote(text)}{more}"


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def settings(keys: tuple[str, str], **changes: Any) -> dict[str, Any]:
    return {
        "url": URL,
        "bcrypt_rounds": 4,
        "jwt": {
            "policy": {
                "active_key_id": "key-1",
                "keys": {"key-1": {"signingKey": keys[0]}, "key-2": {"signingKey": keys[1]}},
            }
        },
        "admin_client_secret": "admin-secret",
        "clients": CLIENTS,
        "scim": {"users": USERS, "groups": {"team.read": "Reads what the team has"}},
    } | changes


Maker = Callable[..., World]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, keys_pem: tuple[str, str]) -> Path:
    """The database of a server that has started once; tests work on copies."""
    path = tmp_path_factory.mktemp("uaa") / "template.db"
    world = make(path, parse(json.dumps(settings(keys_pem)).encode()))
    world.uaa.db.prepare()
    world.restart()
    world.uaa.db.close()
    return path


@pytest.fixture
def maker(tmp_path: Path, template: Path, keys_pem: tuple[str, str]) -> Iterator[Maker]:
    """Makes servers with other settings; with the same ``name`` they share a database."""
    made: list[World] = []

    def build(name: str = "uaa", **changes: Any) -> World:
        path = tmp_path / f"{name}.db"
        if not path.exists():
            shutil.copy(template, path)
        made.append(make(path, parse(json.dumps(settings(keys_pem, **changes)).encode())))
        return made[-1]

    yield build
    for world in made:
        world.uaa.db.close()


@pytest.fixture
def world(maker: Maker) -> World:
    return maker()


def make(path: Path, config: Config) -> World:
    """A server on the database in that file."""
    world: World
    system = System(
        now_ms=lambda: world.now_ms,
        draw=lambda length: f"{next(_NUMBERS):0{length}d}",
        new_id=lambda: str(UUID(int=next(_NUMBERS), version=4)),
    )
    keys = KeyRing(config.jwt.policy.keys, config.active_key_id, config.base_url)
    database = connect(config.database, Connection(f"sqlite:///{path}", "disabled", ""))
    events: list[str] = []
    uaa = Uaa(config, database, keys, Hasher(config.bcrypt_rounds), system, events.append)
    world = World(uaa, events=events)
    return world
