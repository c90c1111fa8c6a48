"""Whether a browser may be sent to an address. Pure.

``legacy`` is what Cloud Foundry's UAA does unless told otherwise (oauth/beans/LegacyRedirectResolver.java): a registered address stands
for its host, every host below it, and every path below its own; ``*`` and ``**`` in it stand for a part and for any parts. ``exact``
takes an address only as registered (RFC 6749 §3.1.2.3).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def resolve(requested: str | None, registered: Sequence[str], *, exact: bool) -> str | None:
    """Where to go: the requested address if one of the registered ones allows it, the only registered one if none was requested."""
    if requested is None:
        return registered[0] if len(registered) == 1 and "*" not in registered[0] else None
    parts = _split(requested)
    if parts is None or parts.fragment or parts.username is not None or parts.password is not None:
        return None
    match = _equal if exact else _covers
    return requested if any(match(known, requested, parts) for known in registered) else None


def with_query(address: str, **more: str | None) -> str:
    """The address with further parameters; those that are None stay out."""
    parts = urlsplit(address)
    pairs = [
        *parse_qsl(parts.query, keep_blank_values=True),
        *((key, value) for key, value in more.items() if value is not None),
    ]
    return parts._replace(query=urlencode(pairs)).geturl()


def local(path: str | None) -> str | None:
    """The path if it stays on this server; browsers read ``//host`` and backslashes as other servers."""
    if not path or not path.startswith("/") or path.startswith("//") or re.search(r"[\\\x00-\x20]", path):
        return None
    return path


def _equal(known: str, requested: str, _parts: SplitResult) -> bool:
    return known == requested


def _covers(known: str, requested: str, parts: SplitResult) -> bool:
    if "*" in known:
        normal = posixpath.normpath(unquote(parts.path)) if parts.path else ""
        clean = parts._replace(path=normal, query="").geturl()
        return bool(
            _glob(known).fullmatch(requested)
            and _glob(known).fullmatch(clean + ("/" if requested.endswith("/") else ""))
        )
    wanted = _split(known)
    if wanted is None or wanted.scheme != parts.scheme or _port(wanted) != _port(parts):
        return False
    host, asked = wanted.hostname or "", parts.hostname or ""
    if asked != host and not asked.endswith(f".{host}"):
        return False
    return _below(wanted.path, parts.path)


def _below(registered: str, requested: str) -> bool:
    base = registered.rstrip("/")
    path = posixpath.normpath(unquote(requested)) if requested else "/"
    return path == base or path.startswith(f"{base}/") or not base


@lru_cache(maxsize=256)
def _glob(known: str) -> re.Pattern[str]:
    """``**`` crosses slashes; ``*`` does not, nor does it leave the name of a host."""
    parts = re.split(r"(\*\*|\*)", known)
    return re.compile(
        "".join({"**": r"[^?#@]*", "*": r"[^/?#@]*"}.get(part, re.escape(part)) for part in parts) + r"(?:\?[^#]*)?"
    )


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _port(parts)
    except ValueError:
        return None
    return parts if parts.scheme and not re.search(r"[\\\x00-\x20]", address) else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
