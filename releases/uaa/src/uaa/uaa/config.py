"""What the program is told: one JSON file, checked whole before anything starts. Defaults and derived values live here.

Keys follow the properties of the job (``jobs/uaa/spec``), which carry the names of Cloud Foundry's uaa job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from uaa.errors import ConfigError
from uaa.seeds import ClientSeed, UserSeed, client_seeds, user_seeds

DEFAULT_USER_GROUPS: Final = (
    "openid", "scim.me", "cloud_controller.read", "cloud_controller.write", "cloud_controller_service_permissions.read",
    "password.write", "uaa.user", "approvals.me", "oauth.approvals", "notification_preferences.read",
    "notification_preferences.write", "profile", "roles", "user_attributes", "uaa.offline_token",
)  # fmt: skip
"""What every user may do (uaa-release: jobs/uaa/spec, ``uaa.user.authorities``)."""

_ADMIN_AUTHORITIES: Final = "clients.read,clients.write,clients.secret,uaa.admin,scim.read,scim.write,password.write"
_SCHEMES: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_DEFAULT_PORTS: Final = {"postgresql+psycopg": 5432, "mysql+pymysql": 3306}


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file; a key it does not know is a fault."""


class Listen(_Struct, frozen=True, kw_only=True):
    """Where the program is served.

    With a certificate, ``port`` speaks TLS on every address; without one, plain HTTP on ``address``. ``http_port`` is for this
    machine alone (health checks); 0 turns it off. ``client_ca`` with ``require_client_certificate`` makes TLS mutual.
    """

    address: str = "0.0.0.0"  # the point of a server
    port: int = 8443
    http_port: int = 8080
    metrics_port: int = 9102
    metrics_address: str = "127.0.0.1"
    certificate_file: str = ""
    private_key_file: str = ""
    client_ca_file: str = ""
    require_client_certificate: bool = False
    drain_ms: int = 5000
    """How long ``/healthz`` says ``stopping`` before connections are refused, so that routers look elsewhere first."""


class Role(_Struct, frozen=True, kw_only=True):
    name: str
    password: str = ""
    tag: str = ""


class Schema(_Struct, frozen=True, kw_only=True):
    name: str
    tag: str = ""


class Database(_Struct, frozen=True, kw_only=True):
    """``url`` (SQLAlchemy's form) or the parts that Cloud Foundry manifests give; neither: a SQLite file at ``path``."""

    url: str = ""
    path: str = "/var/vcap/store/uaa/uaa.db"
    address: str = ""
    db_scheme: str = ""
    port: int = 0
    databases: list[Schema] = msgspec.field(default_factory=list)
    roles: list[Role] = msgspec.field(default_factory=list)
    tls: str = "enabled"
    """``enabled``, ``enabled_skip_hostname_validation``, ``enabled_skip_all_validation`` or ``disabled``."""
    ca_file: str = ""
    max_connections: int = 8


class SigningKey(_Struct, frozen=True, kw_only=True, rename="camel"):
    """A private key (PEM), or a shared secret for HS256."""

    signing_key: str
    signing_alg: str = ""
    signing_cert: str = ""


class JwtPolicy(_Struct, frozen=True, kw_only=True):
    active_key_id: str = ""
    keys: dict[str, SigningKey] = msgspec.field(default_factory=dict)
    access_token_validity_s: int = 43200
    refresh_token_validity_s: int = 2592000


class Refresh(_Struct, frozen=True, kw_only=True):
    """``format`` is ``jwt`` or ``opaque``."""

    format: str = "jwt"
    rotate: bool = False
    unique: bool = False
    restrict_grant: bool = False


class Jwt(_Struct, frozen=True, kw_only=True):
    policy: JwtPolicy = msgspec.field(default_factory=JwtPolicy)
    refresh: Refresh = msgspec.field(default_factory=Refresh)
    revocable: bool = False
    exclude_claims: list[str] = msgspec.field(default_factory=list)


class Lockout(_Struct, frozen=True, kw_only=True):
    after_failures: int = 5
    count_failures_within_s: int = 1200
    period_s: int = 300


class PasswordPolicy(_Struct, frozen=True, kw_only=True, rename="camel"):
    min_length: int = 0
    max_length: int = 255
    require_upper_case_character: int = 0
    require_lower_case_character: int = 0
    require_digit: int = 0
    require_special_character: int = 0
    expire_password_in_months: int = 0


class Scim(_Struct, frozen=True, kw_only=True):
    users: list[Any] = msgspec.field(default_factory=list)
    groups: dict[str, str | None] = msgspec.field(default_factory=dict)
    external_groups: dict[str, dict[str, list[str]]] = msgspec.field(default_factory=dict)
    """origin → external group → groups."""
    user_override: bool = True
    userids_enabled: bool = True


class Delete(_Struct, frozen=True, kw_only=True, rename="camel"):
    clients: list[str] = msgspec.field(default_factory=list)
    users: list[str] = msgspec.field(default_factory=list)
    identity_providers: list[str] = msgspec.field(default_factory=list)


class Prompt(_Struct, frozen=True, kw_only=True):
    username: str = "Email"
    password: str = "Password"


class Config(_Struct, frozen=True, kw_only=True):
    """The whole file."""

    url: str
    issuer: str = ""
    login_url: str = ""
    zone_name: str = "uaa"
    listen: Listen = msgspec.field(default_factory=Listen)
    database: Database = msgspec.field(default_factory=Database)
    jwt: Jwt = msgspec.field(default_factory=Jwt)
    lockout: Lockout = msgspec.field(default_factory=Lockout)
    password_policy: PasswordPolicy = msgspec.field(default_factory=PasswordPolicy)
    client_secret_policy: PasswordPolicy = msgspec.field(default_factory=PasswordPolicy)
    prompt: Prompt = msgspec.field(default_factory=Prompt)
    user_groups: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_USER_GROUPS))
    admin_client_secret: str = ""
    clients: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    scim: Scim = msgspec.field(default_factory=Scim)
    delete: Delete = msgspec.field(default_factory=Delete)
    redirect_matching_mode: str = "legacy"
    internal_auth_disabled: bool = False
    internal_user_management_disabled: bool = False
    session_idle_s: int = 1800
    query_string_tokens: bool = True
    """Whether ``/oauth/token`` and ``/check_token`` take their parameters from the query as well."""
    bcrypt_rounds: int = 10
    log_level: str = "info"

    # --- derived --------------------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        return self.url.rstrip("/")

    @property
    def token_issuer(self) -> str:
        """The ``iss`` of every token: ``<issuer>/oauth/token``."""
        return f"{(self.issuer or self.url).rstrip('/')}/oauth/token"

    @property
    def login_link(self) -> str:
        """Where people log in: ``login.`` beside ``uaa.`` unless told (uaa: login/LoginInfoEndpoint.java)."""
        if self.login_url:
            return self.login_url.rstrip("/")
        return self.base_url if "localhost:" in self.base_url else self.base_url.replace("uaa", "login", 1)

    @property
    def active_key_id(self) -> str:
        """The named one, or the only one."""
        policy = self.jwt.policy
        return policy.active_key_id or next(iter(policy.keys), "")

    @property
    def level(self) -> str:
        """``log_level`` in the logger's words."""
        word = self.log_level.lower()
        return {"warn": "warning", "trace": "debug", "fatal": "error"}.get(word, word)

    @property
    def uses_https(self) -> bool:
        return self.base_url.startswith("https:")

    def client_seeds(self) -> tuple[ClientSeed, ...]:
        """The clients to make at start, ``admin`` among them once it has a secret."""
        given = dict(self.clients)
        if self.admin_client_secret and "admin" not in given:
            given["admin"] = {
                "authorized-grant-types": "client_credentials",
                "authorities": _ADMIN_AUTHORITIES,
                "secret": self.admin_client_secret,
            }
        return client_seeds({name: about for name, about in given.items() if name not in self.delete.clients})

    def user_seeds(self) -> tuple[UserSeed, ...]:
        return tuple(seed for seed in user_seeds(self.scim.users) if seed.username not in self.delete.users)


@dataclass(frozen=True)
class Connection:
    """How SQLAlchemy reaches the database."""

    url: str
    tls: str
    ca_file: str


def connection(database: Database) -> Connection:
    """Raises: ConfigError: parts are missing or name an unknown kind of database."""
    if database.url:
        return Connection(database.url, database.tls if database.ca_file else "disabled", database.ca_file)
    if not database.address:
        return Connection(f"sqlite:///{database.path}", "disabled", "")
    driver = _SCHEMES.get(database.db_scheme)
    if driver is None:
        raise ConfigError(f"database.db_scheme: {database.db_scheme!r} is not known; use one of {', '.join(_SCHEMES)}")
    role = next((role for role in database.roles if role.tag == "admin"), None)
    schema = next((schema for schema in database.databases if schema.tag == "uaa"), None)
    if role is None or schema is None:
        raise ConfigError("database: needs a role with the tag admin and a database with the tag uaa")
    who = f"{quote(role.name, safe='')}:{quote(role.password, safe='')}"
    host = f"[{database.address}]" if ":" in database.address else database.address
    port = database.port or _DEFAULT_PORTS[driver]
    return Connection(f"{driver}://{who}@{host}:{port}/{schema.name}", database.tls, database.ca_file)


def load(path: Path) -> Config:
    """Read and check the file.

    Raises:
        ConfigError: it is not there, not readable, or something in it cannot work.
    """
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def parse(content: bytes) -> Config:
    """Raises: ConfigError."""
    try:
        config = msgspec.json.decode(content, type=Config)
    except msgspec.DecodeError as error:
        raise ConfigError(f"cannot use the configuration: {error}") from error
    if faults := list(_faults(config)):
        raise ConfigError("cannot use the configuration:\n" + "\n".join(f"- {fault}" for fault in faults))
    return config


def _faults(config: Config) -> list[str]:
    found = [f"{key}: {what}" for key, wrong, what in _rules(config) if wrong]
    for check in (config.client_seeds, config.user_seeds, lambda: connection(config.database)):
        try:
            check()
        except ConfigError as error:
            found.append(str(error))
    return found


def _rules(config: Config) -> tuple[tuple[str, bool, str], ...]:
    policy, refresh, listen = config.jwt.policy, config.jwt.refresh, config.listen
    urls: Mapping[str, str] = {"url": config.url, "issuer": config.issuer, "login_url": config.login_url}
    return (
        *((key, bool(url) and not _is_url(url), f"not an http(s) URL: {url!r}") for key, url in urls.items()),
        ("url", not config.url, "must be set"),
        ("jwt.policy.keys", not policy.keys, "needs at least one key to sign tokens with"),
        (
            "jwt.policy.active_key_id",
            bool(policy.active_key_id) and policy.active_key_id not in policy.keys,
            f"{policy.active_key_id!r} is not one of the keys",
        ),
        ("jwt.refresh.format", refresh.format not in {"jwt", "opaque"}, "must be jwt or opaque"),
        (
            "redirect_matching_mode",
            config.redirect_matching_mode not in {"legacy", "exact"},
            "must be legacy or exact",
        ),
        (
            "listen",
            bool(listen.certificate_file) != bool(listen.private_key_file),
            "certificate_file and private_key_file go together",
        ),
        (
            "listen.require_client_certificate",
            listen.require_client_certificate and not listen.client_ca_file,
            "needs client_ca_file",
        ),
        ("bcrypt_rounds", not 4 <= config.bcrypt_rounds <= 31, "must be from 4 to 31"),
        (
            "log_level",
            config.level not in {"debug", "info", "warning", "error"},
            "must be debug, info, warn or error",
        ),
    )


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
