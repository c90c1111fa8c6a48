"""Digest texts: what BOSH writes wherever a field is called ``sha1``.

A digest text is one or more digests joined by ``;``: bare hex is SHA-1, others carry their name (``sha256:…``, ``sha512:…``);
the strongest one present is the one that counts (`bosh-utils: crypto/multiple_digest.go`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_STRENGTH = ("sha1", "sha256", "sha512")
_HEX_LENGTH = {"sha1": 40, "sha256": 64, "sha512": 128}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    """One algorithm and its lower-case hex value."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return self.hex if self.algorithm == "sha1" else f"{self.algorithm}:{self.hex}"


def parse(text: str) -> tuple[Digest, ...]:
    """Read a digest text.

    Raises:
        ValueError: nothing readable in it, an unknown algorithm, or a value that is not hex of the right length.
    """
    digests = []
    for part in text.split(";"):
        name, separator, value = part.strip().partition(":")
        algorithm, hexadecimal = (name, value) if separator else ("sha1", name)
        if algorithm not in _HEX_LENGTH:
            raise ValueError(f"unknown digest algorithm {algorithm!r} in {text!r}")
        if not re.fullmatch(rf"[0-9a-fA-F]{{{_HEX_LENGTH[algorithm]}}}", hexadecimal):
            raise ValueError(f"not a {algorithm} digest: {hexadecimal!r}")
        digests.append(Digest(algorithm, hexadecimal.lower()))
    return tuple(digests)


def strongest(text: str) -> Digest:
    """The digest that counts in a digest text."""
    return max(parse(text), key=lambda digest: _STRENGTH.index(digest.algorithm))


def of_bytes(content: bytes, algorithm: str = "sha256") -> str:
    """Digest text of some bytes, for example ``sha256:9f86…`` or bare hex for SHA-1."""
    return str(Digest(algorithm, hashlib.new(algorithm, content).hexdigest()))


def of_stream(stream: BinaryIO | Iterable[bytes], algorithm: str = "sha256") -> str:
    """Digest text of a stream, read in pieces."""
    state = hashlib.new(algorithm)
    pieces = iter(lambda: stream.read(_CHUNK_BYTES), b"") if hasattr(stream, "read") else iter(stream)
    for piece in pieces:
        state.update(piece)
    return str(Digest(algorithm, state.hexdigest()))


def of_file(path: Path, algorithm: str = "sha256") -> str:
    """Digest text of a file's content."""
    with path.open("rb") as stream:
        return of_stream(stream, algorithm)


def file_matches(path: Path, text: str) -> bool:
    """Whether the file's content has the strongest digest named by the text."""
    wanted = strongest(text)
    return of_file(path, wanted.algorithm) == str(wanted)
