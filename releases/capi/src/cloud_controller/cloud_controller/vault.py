"""Keeps secrets unreadable at rest: environment variables, credentials, registry passwords."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class UnreadableSecret(Exception):
    """A stored secret was sealed with a key that is not configured any more."""


class Vault:
    """Seals JSON values with the first key, opens those sealed with any."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = MultiFernet([Fernet(_derived(key)) for key in keys])

    def seal(self, value: Any) -> str | None:
        """The value as unreadable text; nothing stays nothing."""
        return None if value is None else self._keys.encrypt(msgspec.json.encode(value)).decode()

    def open(self, sealed: str | None) -> Any:
        """What was sealed.

        Raises:
            UnreadableSecret: no configured key opens it.
        """
        if sealed is None:
            return None
        try:
            return msgspec.json.decode(self._keys.decrypt(sealed))
        except InvalidToken as error:
            raise UnreadableSecret("cannot read a secret: it was sealed with a key that is not configured") from error

    def open_map(self, sealed: str | None) -> dict[str, Any]:
        """What was sealed, the empty map for nothing."""
        value = self.open(sealed)
        return dict(value) if value else {}


def _derived(key: str) -> bytes:
    # Configured keys are generated passwords of any form and length; what counts is that they cannot be guessed.
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())


def new_key() -> str:
    """A fresh key for the configuration."""
    return Fernet.generate_key().decode()
