"""``$6$`` password hashes, as ``crypt(3)`` makes them; the standard library lost its own with Python 3.13.

(Ulrich Drepper: "Unix crypt using SHA-256 and SHA-512", version 0.6)
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import Final

ROUNDS: Final = 5000
"""The algorithm's default; more would have to be named in the hash."""

_LETTERS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def sha512_crypt(password: str, salt: str) -> str:
    """``$6$<salt>$<86 letters>``. Of the salt at most 16 characters count."""
    secret, grain = password.encode(), salt.encode()[:16]
    digest = _first(secret, grain)
    secret_bytes = _repeated(hashlib.sha512(secret * len(secret)).digest(), len(secret))
    salt_bytes = _repeated(hashlib.sha512(grain * (16 + digest[0])).digest(), len(grain))
    for turn in range(ROUNDS):
        parts = [secret_bytes if turn % 2 else digest]
        parts += [salt_bytes] if turn % 3 else []
        parts += [secret_bytes] if turn % 7 else []
        parts += [digest if turn % 2 else secret_bytes]
        digest = hashlib.sha512(b"".join(parts)).digest()
    return f"$6${grain.decode()}${_encoded(digest)}"


def _first(secret: bytes, grain: bytes) -> bytes:
    other = hashlib.sha512(secret + grain + secret).digest()
    mixed = secret + grain + _repeated(other, len(secret))
    count = len(secret)
    while count:
        mixed += other if count & 1 else secret
        count >>= 1
    return hashlib.sha512(mixed).digest()


def _repeated(piece: bytes, length: int) -> bytes:
    return (piece * (length // len(piece) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Groups of three bytes, taken from the thirds of the digest in turning order, as four letters each."""
    text = ""
    order = [0, 21, 42]
    for _ in range(21):
        a, b, c = order
        text += _four(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
        order = [b + 1, c + 1, a + 1]
    return text + _four(digest[63], 2)


def _four(number: int, count: int) -> str:
    return "".join(islice((_LETTERS[number >> shift & 63] for shift in range(0, 24, 6)), count))
