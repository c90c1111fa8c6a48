"""Passwords and client secrets: hashes, and what a new one must look like."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable

import bcrypt

from uaa.config import PasswordPolicy

_BCRYPT_MAX_BYTES = 72
_REMEMBERED = 256
_PREFIX = "{bcrypt}"


class Hasher:
    """bcrypt with a short memory of client secrets found right.

    A component asks for a token with the same secret again and again; a bcrypt check takes tens of milliseconds of a core. What is
    remembered is a keyed digest of hash and secret under a key that never leaves this process, so that memory tells nothing.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        self._nobody = self.hash(os.urandom(16).hex())

    def hash(self, secret: str) -> str:
        return bcrypt.hashpw(_bytes(secret), bcrypt.gensalt(self._rounds)).decode()

    def matches(self, secret: str, hashed: str) -> bool:
        """False for anything that is no bcrypt hash."""
        try:
            return bcrypt.checkpw(_bytes(secret), hashed.removeprefix(_PREFIX).encode())
        except ValueError:
            return False

    def matches_nobody(self, secret: str) -> None:
        """Take as long as a comparison, so that the time of an answer does not tell which users exist."""
        self.matches(secret, self._nobody)

    def matches_any(self, secret: str, hashes: Iterable[str]) -> bool:
        """As ``matches`` with several, remembering what was right. For client secrets, which machines repeat."""
        return any(self._remembered(secret, hashed) for hashed in hashes)

    def _remembered(self, secret: str, hashed: str) -> bool:
        digest = hmac.digest(self._key, f"{hashed}\0{secret}".encode(), hashlib.sha256)
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return True
        if not self.matches(secret, hashed):
            return False
        with self._lock:
            self._known[digest] = None
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return True


def _bytes(secret: str) -> bytes:
    """bcrypt reads no further than 72 bytes; newer libraries refuse more instead of cutting."""
    return secret.encode()[:_BCRYPT_MAX_BYTES]


def faults(password: str, policy: PasswordPolicy, noun: str = "Password") -> tuple[str, ...]:
    """What a new password lacks, one sentence each (uaa: scim/validate/UaaPasswordPolicyValidator.java)."""
    counts = (
        ("uppercase", policy.require_upper_case_character, sum(letter.isupper() for letter in password)),
        ("lowercase", policy.require_lower_case_character, sum(letter.islower() for letter in password)),
        ("digit", policy.require_digit, sum(letter.isdigit() for letter in password)),
        ("special", policy.require_special_character, sum(not letter.isalnum() for letter in password)),
    )
    found = []
    if len(password) < policy.min_length:
        found.append(f"{noun} must be at least {policy.min_length} characters in length.")
    if len(password) > policy.max_length:
        found.append(f"{noun} must be no more than {policy.max_length} characters in length.")
    for word, needed, present in counts:
        if present < needed:
            found.append(f"{noun} must contain at least {needed} {word} characters.")
    return tuple(found)
