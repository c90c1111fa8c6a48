"""Keys: published as verifiers expect, and only what they signed is taken."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from uaa.config import SigningKey
from uaa.errors import ConfigError, UaaError
from uaa.keys import KeyRing

URL = "http://uaa.example.com"


@pytest.fixture
def ring(keys_pem: tuple[str, str]) -> KeyRing:
    return KeyRing({name: SigningKey(signing_key=text) for name, text in zip("ab", keys_pem, strict=True)}, "a", URL)


def test_a_verifier_with_the_published_keys_reads_the_token(ring: KeyRing) -> None:
    token = ring.sign({"sub": "x"})
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "RS256", "jku": "https://uaa.example.com/token_keys", "kid": "a", "typ": "JWT"}
    published = jwt.PyJWKSet.from_dict({"keys": [dict(key.published) for key in ring.all()]})
    assert jwt.decode(token, published["a"].key, algorithms=["RS256"]) == {"sub": "x"}
    assert ring.active.published["value"].startswith("-----BEGIN PUBLIC KEY-----")
    assert set(ring.active.published) == {"kty", "e", "use", "kid", "alg", "value", "n"}


def test_keys_that_sign_no_longer_still_verify(ring: KeyRing, keys_pem: tuple[str, str]) -> None:
    old = KeyRing({"b": SigningKey(signing_key=keys_pem[1])}, "b", URL).sign({"sub": "x"})
    assert ring.verify(old) == {"sub": "x"}
    assert ring.etag() != KeyRing({"b": SigningKey(signing_key=keys_pem[1])}, "b", URL).etag()


def test_what_others_signed_is_refused(ring: KeyRing, keys_pem: tuple[str, str]) -> None:
    unknown = KeyRing({"c": SigningKey(signing_key=keys_pem[0])}, "c", URL).sign({})
    with pytest.raises(UaaError, match="unknown signing key"):
        ring.verify(unknown)
    forged = KeyRing({"a": SigningKey(signing_key=keys_pem[1])}, "a", URL).sign({})
    with pytest.raises(UaaError, match="Cannot convert"):
        ring.verify(forged)
    with pytest.raises(UaaError, match="Cannot convert"):
        ring.verify("no.token.here")


def test_the_public_key_is_no_shared_secret(ring: KeyRing) -> None:
    """A token that claims HS256 and is signed with what everybody can read."""
    parts = [{"alg": "HS256", "kid": "a"}, {"sub": "admin"}]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = mac.sign(signed, str(ring.active.published["value"]).encode())
    with pytest.raises(UaaError):
        ring.verify(f"{signed.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")
    with pytest.raises(UaaError):
        ring.verify(jwt.encode({"sub": "admin"}, None, algorithm="none", headers={"kid": "a"}))  # type: ignore[arg-type]


def test_elliptic_curves_and_shared_secrets() -> None:
    text = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys = {"e": SigningKey(signing_key=text.decode()), "s": SigningKey(signing_key="a shared secret of some length!!")}
    for name, kind in (("e", "EC"), ("s", "MAC")):
        ring = KeyRing(keys, name, URL)
        assert ring.verify(ring.sign({"x": 1})) == {"x": 1}
        assert ring.active.published["kty"] == kind
    assert KeyRing(keys, "s", URL).active.is_shared


def test_what_is_no_key_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="not a private key"):
        KeyRing(
            {"a": SigningKey(signing_key="-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----")}, "a", URL
        )
