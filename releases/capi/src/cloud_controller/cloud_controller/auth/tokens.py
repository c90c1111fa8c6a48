"""Access tokens: verified with UAA's published keys, which are cached and fetched anew when a token names an unknown one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from cloud_controller import errors

AUDIENCE = "cloud_controller"
# UAA's clock and ours may differ by this much.
LEEWAY_SECONDS = 60
# A flood of tokens with invented key ids must not become a flood of requests to UAA.
REFETCH_AFTER_SECONDS = 10.0
# Keys taken away at UAA are forgotten here within this time.
KEYS_LIVE_SECONDS = 600.0


@dataclass(frozen=True)
class Identity:
    """Who is calling: a user, or a client acting for itself."""

    guid: str
    name: str
    email: str
    origin: str
    scopes: frozenset[str]
    is_client: bool
    expires_at: float

    @property
    def is_admin(self) -> bool:
        """May do everything."""
        return "cloud_controller.admin" in self.scopes

    @property
    def reads_secrets_everywhere(self) -> bool:
        """May read everything, secrets too."""
        return self.is_admin or "cloud_controller.admin_read_only" in self.scopes

    @property
    def reads_everything(self) -> bool:
        """May read everything, apart from secrets."""
        return self.reads_secrets_everywhere or "cloud_controller.global_auditor" in self.scopes

    @property
    def may_read(self) -> bool:
        """The token serves for reading at all."""
        return self.reads_everything or "cloud_controller.read" in self.scopes

    @property
    def may_write(self) -> bool:
        """The token serves for changes at all."""
        return self.is_admin or "cloud_controller.write" in self.scopes


class KeySource(Protocol):
    """Where verification keys come from."""

    def fetch(self) -> list[dict[str, Any]]:
        """UAA's ``GET /token_keys``: the entries of ``keys``, as JSON web keys.

        Raises:
            httpx.HTTPError: UAA does not answer.
        """


class Verifier:
    """Turns Authorization headers into identities."""

    def __init__(
        self, source: KeySource, issuers: frozenset[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._issuers = issuers
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._lock = threading.Lock()

    def identify(self, authorization: str | None) -> Identity:
        """The caller.

        Raises:
            ApiError: no token (NotAuthenticated), or one that does not hold (InvalidAuthToken).
        """
        if not authorization:
            raise errors.not_authenticated()
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise errors.invalid_token()
        try:
            return _identity(self._claims(token.strip()))
        except (jwt.PyJWTError, KeyError) as error:
            raise errors.invalid_token() from error

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._key(str(jwt.get_unverified_header(token).get("kid", "")))
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss"]},
        )
        if self._issuers and claims["iss"] not in self._issuers:
            raise jwt.InvalidIssuerError("the token was issued by somebody else")
        # A refresh token is signed by the same key; its id ends in -r (uaa: TokenConstants).
        if str(claims.get("jti", "")).endswith("-r"):
            raise jwt.InvalidTokenError("a refresh token is no access token")
        return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            age = None if self._fetched_at is None else self._monotonic() - self._fetched_at
            if age is None or age > KEYS_LIVE_SECONDS or (kid not in self._keys and age > REFETCH_AFTER_SECONDS):
                self._refresh()
            return self._keys[kid]

    def _refresh(self) -> None:
        published = self._source.fetch()
        self._fetched_at = self._monotonic()
        self._keys = {
            str(key.get("kid", "")): jwt.PyJWK(key, algorithm="RS256") for key in published if key.get("kty") == "RSA"
        }


def _identity(claims: dict[str, Any]) -> Identity:
    scope = claims.get("scope", [])
    client = str(claims.get("client_id") or claims.get("cid") or "")
    user = claims.get("user_id")
    return Identity(
        guid=str(user or client),
        name=str(claims.get("user_name") or client),
        email=str(claims.get("email") or ""),
        origin=str(claims.get("origin") or ""),
        scopes=frozenset(scope.split() if isinstance(scope, str) else scope),
        is_client=not user,
        expires_at=float(claims["exp"]),
    )
