"""Links that carry their own permission: whoever has one may use it until it expires."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote, urlencode

from cloud_controller.clock import Clock, epoch


class Signer:
    """Signs paths with a secret that all our instances share."""

    def __init__(self, secret: str, base_url: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._base_url = base_url.rstrip("/")
        self._clock = clock

    def link(self, path: str, lifetime_seconds: int) -> str:
        """A URL for the path that works for the given time."""
        expires = int(epoch(self._clock.now())) + lifetime_seconds
        query = urlencode({"expires": expires, "signature": self._signature(path, expires)})
        return f"{self._base_url}{quote(path)}?{query}"

    def holds(self, path: str, expires: str, signature: str) -> bool:
        """Whether the query of a request proves that we made its link and it has not expired."""
        if not expires.isdigit() or int(expires) < epoch(self._clock.now()):
            return False
        return hmac.compare_digest(self._signature(path, int(expires)), signature)

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
