"""Clients and users that a manifest lists, in the shapes that Cloud Foundry manifests use. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from uaa.errors import ConfigError
from uaa.records import UAA

GRANT_TYPES: Final = frozenset({
    "implicit", "password", "client_credentials", "authorization_code", "refresh_token", "user_token",
    "urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer",
})  # fmt: skip
"""uaa: client/ClientAdminEndpointsValidator.java."""

_REDIRECTS: Final = ("redirect-uri", "signup_redirect_url", "change_email_redirect_url")
_OWN_KEYS: Final = frozenset({
    "resource-ids", "scope", "scopes", "authorized-grant-types", "authorities", "secret", "id", "override",
    "access-token-validity", "refresh-token-validity", "autoapprove", "redirect-uri", "use-bcrypt-prefix",
})  # fmt: skip


@dataclass(frozen=True)
class ClientSeed:
    """A client to make at start; ``secrets`` are plain."""

    id: str
    secrets: tuple[str, ...]
    scope: tuple[str, ...]
    authorities: tuple[str, ...]
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    override: bool = True
    """Whether what is stored is made as the manifest says again."""
    autoapprove: bool | tuple[str, ...] = False
    access_token_validity_s: int | None = None
    refresh_token_validity_s: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UserSeed:
    """A user to make at start; ``password`` is plain."""

    username: str
    password: str
    email: str
    given_name: str
    family_name: str
    groups: tuple[str, ...]
    origin: str = UAA


def client_seeds(clients: Mapping[str, Mapping[str, Any]]) -> tuple[ClientSeed, ...]:
    """Raises: ConfigError: with every fault of every client."""
    seeds, faults = [], []
    for name, about in clients.items():
        try:
            seeds.append(_client(name, about))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("; ".join(faults))
    return tuple(seeds)


def _client(name: str, about: Mapping[str, Any]) -> ClientSeed:
    grants = words(about.get("authorized-grant-types"))
    redirects = tuple(dict.fromkeys(uri for key in _REDIRECTS for uri in words(about.get(key))))
    secrets = _secrets(about.get("secret"))
    _check(name, grants, redirects, secrets)
    if "authorization_code" in grants:
        grants = tuple(dict.fromkeys((*grants, "refresh_token")))
    return ClientSeed(
        id=name,
        secrets=secrets,
        scope=words(about.get("scopes") or about.get("scope")) or ("uaa.none",),
        authorities=words(about.get("authorities")) or ("uaa.none",),
        grant_types=grants,
        redirect_uris=redirects,
        override=_flag(name, "override", about.get("override"), default=True),
        autoapprove=autoapproval(about.get("autoapprove")),
        access_token_validity_s=_seconds(name, about, "access-token-validity"),
        refresh_token_validity_s=_seconds(name, about, "refresh-token-validity"),
        more={key: value for key, value in about.items() if key not in _OWN_KEYS and value is not None},
    )


def _check(name: str, grants: Sequence[str], redirects: Sequence[str], secrets: Sequence[str]) -> None:
    if not grants:
        raise ConfigError(f"clients.{name}.authorized-grant-types: must name at least one")
    if unknown := sorted(set(grants) - GRANT_TYPES):
        raise ConfigError(f"clients.{name}.authorized-grant-types: not known: {', '.join(unknown)}")
    if not redirects and {"authorization_code", "implicit"} & set(grants):
        raise ConfigError(f"clients.{name}.redirect-uri: needed by authorization_code and implicit")
    if not secrets and set(grants) != {"implicit"}:
        raise ConfigError(f"clients.{name}.secret: must be set; an empty one makes a client that anybody can be")


def user_seeds(users: Sequence[Any]) -> tuple[UserSeed, ...]:
    """Raises: ConfigError: with every fault of every user."""
    seeds, faults = [], []
    for at, about in enumerate(users):
        try:
            seeds.append(_user(at, about))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("; ".join(faults))
    return tuple(seeds)


def _user(at: int, about: Any) -> UserSeed:
    if not isinstance(about, Mapping):
        raise ConfigError(f"scim.users[{at}]: must be a map with name, password and groups")
    name = str(about.get("name") or "")
    origin = str(about.get("origin") or UAA)
    password = str(about.get("password") or "")
    if not name:
        raise ConfigError(f"scim.users[{at}].name: must be set")
    if not password and origin == UAA:
        raise ConfigError(f"scim.users[{at}].password: must be set for {name}")
    # A user without an address gets one made of the name (uaa: user/UaaUserEditor.java).
    email = str(about.get("email") or (name if "@" in name else f"{name}@test.org"))
    return UserSeed(
        username=name,
        password=password,
        email=email,
        given_name=str(about.get("firstName") or email.partition("@")[0]),
        family_name=str(about.get("lastName") or email.partition("@")[2]),
        groups=words(about.get("groups")),
        origin=origin,
    )


def words(value: Any) -> tuple[str, ...]:
    """A list, or a text with commas, as words without repetition."""
    if value is None:
        return ()
    items = value if isinstance(value, (list, tuple, set, frozenset)) else str(value).split(",")
    return tuple(dict.fromkeys(text for item in items if (text := str(item).strip())))


def autoapproval(value: Any) -> bool | tuple[str, ...]:
    """``True``, ``"true"``, a list or a text with commas."""
    if value is None or isinstance(value, bool):
        return bool(value)
    found = words(value)
    return True if found == ("true",) else False if found in {(), ("false",)} else found


def _secrets(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple("" if item is None else str(item) for item in (value if isinstance(value, list) else [value]))[:2]


def _flag(name: str, key: str, value: Any, *, default: bool) -> bool:
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ConfigError(f"clients.{name}.{key}: must be true or false")
    return value


def _seconds(name: str, about: Mapping[str, Any], key: str) -> int | None:
    value = about.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"clients.{name}.{key}: must be a number of seconds")
    return value
