"""New values for variables, each type with its options.

Shapes, defaults and errors are the config server's (github.com/cloudfoundry/config-server: types/), with the further options that
CredHub takes where a director asks.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bosh.manifest.model import Json
from bosh.variables.certificates import KeyKind, KeyPairPem, generate_key, issue, private_key_pem
from bosh.variables.crypt import sha512_crypt
from bosh.wire.errors import BoshError

PASSWORD_LENGTH: Final = 20
USERNAME_LENGTH: Final = 20
KEY_BITS: Final = 2048
CERTIFICATE_BITS: Final = 3072
CERTIFICATE_DAYS: Final = 365
KEY_LENGTHS: Final = (2048, 3072, 4096)

_LOWER_AND_DIGITS: Final = string.ascii_lowercase + string.digits
_SPECIAL: Final = "!\"#$%&'()*,-./:;<=>?@[\\]^_`{|}~"

_PASSWORD_OPTIONS: Final = frozenset({"length"})
_CERTIFICATE_OPTIONS: Final = frozenset(
    {"common_name", "organization", "alternative_names", "is_ca", "ca", "extended_key_usage", "duration", "key_length"}
)
_LETTER_OPTIONS: Final = frozenset({"exclude_lower", "exclude_upper", "exclude_number", "include_special"})

RandomText = Callable[[str, int], str]
"""Alphabet and length → that many letters of it."""


class GenerationError(BoshError):
    """A value cannot be generated from these options."""

    code = 540005


def random_text(alphabet: str, length: int) -> str:
    """From the operating system's entropy."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Workshop:
    """What generating needs from outside.

    ``authority`` gives the certificate and key of a named CA variable. ``strict`` allows only the options that the ``bosh`` CLI's
    variable store knows, otherwise CredHub's too.
    """

    now: datetime
    authority: Callable[[str], KeyPairPem]
    random_text: RandomText = random_text
    strict: bool = False


def generate(kind: str, options: Mapping[str, Json] | None, workshop: Workshop) -> Json:
    """A new value.

    Raises:
        GenerationError: a type that is not generated, an unknown option or one of the wrong kind.
    """
    maker = _MAKERS.get(kind)
    if maker is None or (workshop.strict and kind == "user"):
        raise GenerationError(f"Unsupported value type: {kind}", resolution="Set its value yourself before the deploy.")
    return maker(options or {}, workshop)


def names_ca(kind: str, options: Mapping[str, Json] | None) -> str:
    """The CA variable that a certificate is to be signed by; empty for none."""
    ca = (options or {}).get("ca") if kind == "certificate" else None
    return ca if isinstance(ca, str) else ""


# --- options ------------------------------------------------------------------------------------------------------------------------


def _check(what: str, options: Mapping[str, Json], known: frozenset[str]) -> None:
    for name in options:
        if name not in known:
            raise GenerationError(
                f"Failed to generate {what}, parameters are invalid: Unsupported parameter '{name}'",
                resolution=f"Known are: {', '.join(sorted(known))}.",
            )


def _typed(what: str, options: Mapping[str, Json], name: str, kind: type, default: Any) -> Any:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {int: "a whole number", str: "text", bool: "a boolean", list: "a list"}[kind]
        raise GenerationError(f"Failed to generate {what}, parameters are invalid: '{name}' must be {wanted}")
    return value


# --- password and user --------------------------------------------------------------------------------------------------------------


def _password(options: Mapping[str, Json], workshop: Workshop) -> str:
    _check("password", options, _PASSWORD_OPTIONS if workshop.strict else _PASSWORD_OPTIONS | _LETTER_OPTIONS)
    length = _typed("password", options, "length", int, 0)
    if length < 0:
        raise GenerationError("Failed to generate password, 'length' param cannot be negative")
    return workshop.random_text(_alphabet(options), length or PASSWORD_LENGTH)


def _alphabet(options: Mapping[str, Json]) -> str:
    """Small letters and digits, unless any of CredHub's options says which letters."""
    flags = {name: bool(options.get(name)) for name in _LETTER_OPTIONS}
    if not any(name in options for name in _LETTER_OPTIONS):
        return _LOWER_AND_DIGITS
    alphabet = (
        ("" if flags["exclude_lower"] else string.ascii_lowercase)
        + ("" if flags["exclude_upper"] else string.ascii_uppercase)
        + ("" if flags["exclude_number"] else string.digits)
        + (_SPECIAL if flags["include_special"] else "")
    )
    if not alphabet:
        raise GenerationError("Failed to generate password, the options leave no letters to choose from")
    return alphabet


def _user(options: Mapping[str, Json], workshop: Workshop) -> dict[str, str]:
    _check("user", options, _PASSWORD_OPTIONS | _LETTER_OPTIONS | {"username"})
    username = _typed("user", options, "username", str, "") or workshop.random_text(
        string.ascii_letters, USERNAME_LENGTH
    )
    password = _password({name: value for name, value in options.items() if name != "username"}, workshop)
    salt = workshop.random_text(string.ascii_letters + string.digits, 8)
    return {"username": username, "password": password, "password_hash": sha512_crypt(password, salt)}


# --- keys ---------------------------------------------------------------------------------------------------------------------------


def _bits(what: str, options: Mapping[str, Json], default: int) -> int:
    bits = _typed(what, options, "key_length", int, 0) or default
    if bits not in KEY_LENGTHS:
        known = " ".join(str(length) for length in KEY_LENGTHS)
        raise GenerationError(f"Invalid key_length: {bits}.  Must be one of: [{known}]")
    return int(bits)


def _rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _rsa(options: Mapping[str, Json], workshop: Workshop) -> dict[str, str]:
    # The CLI's store ignores options of keys.
    key = _rsa_key(KEY_BITS if workshop.strict else _bits("rsa", options, KEY_BITS))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"private_key": private_key_pem(key), "public_key": public.decode()}


def _ssh(options: Mapping[str, Json], workshop: Workshop) -> dict[str, str]:
    key = _rsa_key(KEY_BITS if workshop.strict else _bits("ssh", options, KEY_BITS))
    comment = "" if workshop.strict else _typed("ssh", options, "ssh_comment", str, "")
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return {
        "private_key": private_key_pem(key),
        "public_key": f"{public} {comment}\n" if comment else f"{public}\n",
        "public_key_fingerprint": _fingerprint(public),
    }


def _fingerprint(public: str) -> str:
    """MD5 with colons, the form that clouds ask for."""
    digest = hashlib.md5(b64decode(public.split()[1]), usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


# --- certificates -------------------------------------------------------------------------------------------------------------------


def _certificate(options: Mapping[str, Json], workshop: Workshop) -> dict[str, str]:
    _check("certificate", options, _CERTIFICATE_OPTIONS if workshop.strict else _CERTIFICATE_OPTIONS | {"self_sign"})
    what = "certificate"
    is_ca = bool(_typed(what, options, "is_ca", bool, default=False))
    ca_name = names_ca(what, options)
    bits = _bits(what, options, CERTIFICATE_BITS)
    if not (ca_name or is_ca or options.get("self_sign")):
        raise GenerationError(
            "Missing required CA name", resolution="Set 'ca' to the name of a CA variable, or 'is_ca'."
        )
    ca = workshop.authority(ca_name) if ca_name else None
    kinds: dict[int, KeyKind] = {2048: "rsa2048", 3072: "rsa3072", 4096: "rsa4096"}
    pair = issue(
        common_name=_typed(what, options, "common_name", str, ""),
        ca=ca,
        is_ca=is_ca,
        alternative_names=() if is_ca else _typed(what, options, "alternative_names", list, []),
        usages=_typed(what, options, "extended_key_usage", list, []) or ("server_auth",),
        key=kinds[bits],
        organisation=_typed(what, options, "organization", str, "") or "Cloud Foundry",
        country="US",
        not_before=workshop.now,
        days=_days(options),
    )
    authority = ca.certificate if ca else pair.certificate
    return {"ca": authority, "certificate": pair.certificate, "private_key": pair.private_key}


def _days(options: Mapping[str, Json]) -> int:
    days = int(_typed("certificate", options, "duration", int, 0))
    return days if days > 0 else CERTIFICATE_DAYS


_MAKERS: Final[dict[str, Callable[[Mapping[str, Json], Workshop], Json]]] = {
    "password": _password,
    "user": _user,
    "rsa": _rsa,
    "ssh": _ssh,
    "certificate": _certificate,
}

__all__ = [
    "GenerationError",
    "RandomText",
    "Workshop",
    "generate",
    "generate_key",
    "names_ca",
    "random_text",
]
