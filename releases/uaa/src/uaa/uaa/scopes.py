"""Which scopes a token gets: what was asked, what the client may have, what the user has. Pure.

Rules: uaa, oauth/UaaAuthorizationRequestManager.java and util/UaaStringUtils.java.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from uaa.errors import invalid_scope

NONE = "uaa.none"
_RESOURCE_OF = {"openid": "openid"}


def parse(text: str | None) -> tuple[str, ...]:
    """``"a b a"`` → ``("a", "b")``; commas separate as well."""
    return tuple(dict.fromkeys(part for part in re.split(r"[\s,+]+", text or "") if part))


@lru_cache(maxsize=1024)
def _pattern(wildcard: str) -> re.Pattern[str]:
    return re.compile(re.escape(wildcard).replace(r"\*", r"[^.]+"))


def allows(wildcards: Iterable[str], scope: str) -> bool:
    """Whether one of the wildcards covers the scope; ``*`` stands for anything without a dot."""
    return any(_pattern(wildcard).fullmatch(scope) for wildcard in wildcards)


def refuse_unknown(requested: Iterable[str], permitted: Iterable[str]) -> None:
    """Raises: UaaError: ``invalid_scope``, when a requested scope is not one that the client may ask for."""
    known = tuple(permitted)
    for scope in requested:
        if not allows(known, scope):
            raise invalid_scope(f"{scope} is invalid. Please use a valid scope name in the request")


def narrow(requested: Iterable[str], client: Iterable[str], user: Iterable[str]) -> frozenset[str]:
    """The user's scopes that the client may have and that were asked for."""
    asked, permitted = tuple(requested), tuple(client)
    return frozenset(scope for scope in user if allows(permitted, scope) and allows(asked, scope))


def audience(client_id: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """The ``aud`` of a token: the client, and each scope up to its last dot."""
    found = {client_id: None}
    for scope in sorted(scopes):
        if resource := _RESOURCE_OF.get(scope):
            found[resource] = None
        elif "." in scope and not scope.endswith(".") and scope != NONE:
            found[scope.rpartition(".")[0]] = None
    return tuple(found)


def approved_without_asking(requested: Iterable[str], autoapprove: bool | Iterable[str]) -> frozenset[str]:  # noqa: FBT001
    """The requested scopes that the client's ``autoapprove`` covers."""
    if isinstance(autoapprove, bool):
        return frozenset(requested) if autoapprove else frozenset()
    patterns = tuple(autoapprove)
    if "true" in patterns:
        return frozenset(requested)
    return frozenset(scope for scope in requested if allows(patterns, scope))
