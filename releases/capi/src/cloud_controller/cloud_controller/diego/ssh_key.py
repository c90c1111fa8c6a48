"""The key pair with which the ssh proxy and one app's sshd know each other."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


@dataclass(frozen=True)
class SshKey:
    """PEM private key; the public key as a line of authorized_keys; fingerprints SHA-1 (colons) and SHA-256 (base64)."""

    private_key: str
    authorized_key: str
    fingerprint: str
    sha256_fingerprint: str


def generate() -> SshKey:
    """A new key pair."""
    key = rsa.generate_private_key(65537, BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    return SshKey(
        private.decode(),
        line,
        hashlib.sha1(blob, usedforsecurity=False).digest().hex(":"),
        base64.b64encode(hashlib.sha256(blob).digest()).decode(),
    )
