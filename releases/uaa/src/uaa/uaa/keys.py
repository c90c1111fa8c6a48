"""The keys that tokens are signed with: one signs, all of them verify, so that keys can be exchanged without an outage.

Shape of the published keys and of a token's header: uaa, oauth/KeyInfo.java.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from uaa.config import SigningKey
from uaa.errors import ConfigError, invalid_token

_ASYMMETRIC = "-----BEGIN"


@dataclass(frozen=True)
class Key:
    id: str
    algorithm: str
    sign_with: Any
    verify_with: Any
    published: Mapping[str, Any]

    @property
    def is_shared(self) -> bool:
        return bool(self.published["kty"] == "MAC")


class KeyRing:
    """All keys by id.

    Raises:
        ConfigError: a key that cannot be read.
    """

    def __init__(self, keys: Mapping[str, SigningKey], active: str, base_url: str) -> None:
        self._keys = {name: _load(name, key) for name, key in keys.items()}
        self._active = self._keys[active]
        parts = urlsplit(base_url)
        # Verifiers follow this address only over TLS, whatever this process itself speaks behind a router.
        self._jku = parts._replace(scheme="https", path=f"{parts.path.rstrip('/')}/token_keys").geturl()

    @property
    def active(self) -> Key:
        return self._active

    def all(self) -> tuple[Key, ...]:
        return tuple(self._keys.values())

    def etag(self) -> str:
        """Changes whenever a key does."""
        material = "\0".join(f"{key.id}:{key.published.get('value', '')}" for key in self._keys.values())
        return hashlib.sha256(material.encode()).hexdigest()[:16]

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(
            dict(claims),
            self._active.sign_with,
            algorithm=self._active.algorithm,
            headers={"jku": self._jku, "kid": self._active.id, "typ": "JWT"},
        )

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of the keys signed. Times are the caller's to judge.

        Raises:
            UaaError: ``invalid_token``.
        """
        try:
            name = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(str(name)) if name is not None else self._active
            if key is None:
                raise invalid_token(f"Token header claim [kid] references unknown signing key : [{name}]")
            # Only the signature is judged here; the rest needs the clock and the store.
            claims = jwt.decode(
                token, key.verify_with, algorithms=[key.algorithm], options={"verify_exp": False, "verify_aud": False,
                "verify_iat": False, "verify_nbf": False, "verify_sub": False, "verify_jti": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise invalid_token("Cannot convert access token to JSON") from error
        return dict(claims)


def _load(name: str, given: SigningKey) -> Key:
    if not given.signing_key.strip().startswith(_ASYMMETRIC):
        published = {
            "alg": given.signing_alg or "HS256",
            "use": "sig",
            "kid": name,
            "kty": "MAC",
            "value": given.signing_key,
        }
        return Key(name, published["alg"], given.signing_key, given.signing_key, published)
    try:
        private = load_pem_private_key(given.signing_key.strip().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"jwt.policy.keys.{name}: not a private key in PEM without a passphrase: {error}") from error
    if isinstance(private, rsa.RSAPrivateKey):
        return _rsa(name, given, private)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        public = private.public_key()
        numbers = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
        algorithm = given.signing_alg or "ES256"
        return Key(name, algorithm, private, public, {**_about(name, algorithm, "EC", given), **numbers})
    raise ConfigError(f"jwt.policy.keys.{name}: must be an RSA or elliptic curve key")


def _rsa(name: str, given: SigningKey, private: rsa.RSAPrivateKey) -> Key:
    public = private.public_key()
    numbers = public.public_numbers()
    algorithm = given.signing_alg or "RS256"
    published = {
        **_about(name, algorithm, "RSA", given),
        "value": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().rstrip("\n"),
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }
    return Key(name, algorithm, private, public, published)


def _about(name: str, algorithm: str, kind: str, given: SigningKey) -> dict[str, Any]:
    about: dict[str, Any] = {"alg": algorithm, "use": "sig", "kid": name, "kty": kind}
    if given.signing_cert.strip():
        try:
            certificate = x509.load_pem_x509_certificate(given.signing_cert.strip().encode())
        except ValueError as error:
            raise ConfigError(f"jwt.policy.keys.{name}.signingCert: not a certificate in PEM: {error}") from error
        der = certificate.public_bytes(Encoding.DER)
        about["x5c"] = [base64.b64encode(der).decode()]
        about["x5t"] = _unpadded(hashlib.sha1(der).digest())  # the field is defined so (RFC 7517 §4.8)
        about["x5t#S256"] = _unpadded(hashlib.sha256(der).digest())
    return about


def _base64url(number: int) -> str:
    return _unpadded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
