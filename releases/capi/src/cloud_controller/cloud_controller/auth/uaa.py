"""UAA over HTTP: verification keys and the names of users."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

# Filters go into the query of a GET; this many ids keep it below usual limits.
IDS_A_REQUEST = 100


@dataclass(frozen=True)
class UserName:
    """A user as UAA knows it."""

    guid: str
    username: str
    origin: str


class UserDirectory(Protocol):
    """Names of users; all methods raise ``httpx.HTTPError`` when UAA does not answer."""

    def names(self, guids: Iterable[str]) -> dict[str, UserName]:
        """Users by guid; unknown guids are absent."""

    def find(self, username: str, origin: str | None) -> list[UserName]:
        """Users with this name, in one origin or in any."""


class UaaKeys:
    """See ``tokens.KeySource``."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def fetch(self) -> list[dict[str, Any]]:
        """See ``tokens.KeySource``."""
        reply = self._client.get("/token_keys").raise_for_status()
        keys: list[dict[str, Any]] = reply.json()["keys"]
        return keys


class UaaUsers:
    """``GET /ids/Users`` with a client's own token (scope scim.userids)."""

    def __init__(self, client: httpx.Client, client_id: str, secret: str) -> None:
        self._client = client
        self._login = (client_id, secret)
        self._token = ""
        self._token_until = 0.0

    def names(self, guids: Iterable[str]) -> dict[str, UserName]:
        """See :class:`UserDirectory`."""
        wanted = sorted(set(guids))
        found: dict[str, UserName] = {}
        for start in range(0, len(wanted), IDS_A_REQUEST):
            clause = " or ".join(f'id eq "{_quoted(guid)}"' for guid in wanted[start : start + IDS_A_REQUEST])
            found.update({user.guid: user for user in self._query(clause)})
        return found

    def find(self, username: str, origin: str | None) -> list[UserName]:
        """See :class:`UserDirectory`."""
        clause = f'username eq "{_quoted(username)}"'
        return self._query(f'{clause} and origin eq "{_quoted(origin)}"' if origin else clause)

    def _query(self, clause: str) -> list[UserName]:
        params = {"filter": clause, "includeInactive": "true", "count": str(IDS_A_REQUEST)}
        headers = {"Authorization": f"bearer {self._access_token()}"}
        reply = self._client.get("/ids/Users", params=params, headers=headers).raise_for_status()
        return [UserName(row["id"], row["userName"], row.get("origin", "uaa")) for row in reply.json()["resources"]]

    def _access_token(self) -> str:
        if time.monotonic() >= self._token_until:
            form = {"grant_type": "client_credentials", "response_type": "token"}
            reply = self._client.post("/oauth/token", data=form, auth=self._login).raise_for_status().json()
            self._token = reply["access_token"]
            self._token_until = time.monotonic() + max(0, int(reply.get("expires_in", 60)) - 30)
        return self._token


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
