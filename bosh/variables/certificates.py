"""X.509 building blocks: a CA, and server and client certificates signed by it.

Used for generated variables and for the certificates between director, agents and components.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bosh.wire.errors import BoshError

KeyKind = Literal["p256", "rsa2048", "rsa3072", "rsa4096"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# C=USA is the original's; reading such a name warns each time that a country has two letters.
warnings.filterwarnings("ignore", message="Attribute's length must be >= 2 and <= 2", category=UserWarning)

USAGES = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH, "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH}


class CertificateError(BoshError):
    """A certificate cannot be made from what was asked for."""

    code = 540005


@dataclass(frozen=True, slots=True)
class KeyPairPem:
    """A certificate and its private key, both PEM text ending in a newline."""

    certificate: str
    private_key: str

    def __repr__(self) -> str:
        """Without the key, so that no log holds it."""
        return f"KeyPairPem({len(self.certificate)} bytes of certificate)"


def issue(
    *,
    common_name: str,
    ca: KeyPairPem | None = None,
    is_ca: bool = False,
    alternative_names: Sequence[str] = (),
    usages: Sequence[str] = ("server_auth",),
    key: KeyKind = "p256",
    organisation: str = "Cloud Foundry",
    country: str = "USA",
    not_before: datetime,
    days: int = 365,
    serial: int | None = None,
) -> KeyPairPem:
    """A new key and a certificate for it, signed by ``ca`` or, without one, by itself.

    The subject is ``C=<country>, O=<organisation>, CN=<common name>`` in this order, empty parts left out: the bus maps a client
    to its permissions by this text (bosh: nats_sync/lib/nats_sync/nats_auth_config.rb).

    Args:
        alternative_names: DNS names and IP addresses for the subject alternative name.
        usages: extended key usages ``server_auth`` and ``client_auth``; a CA has none.
        not_before: aware datetime from which it is valid.
        serial: positive number; random when None.

    Raises:
        CertificateError: an unknown usage, a CA that is not one or whose key cannot be read, a name that cannot be encoded.
    """
    private_key = generate_key(key)
    certificate = _signed(
        private_key,
        subject=_subject(country=country, organisation=organisation, common_name=common_name),
        ca=ca,
        extensions=_purpose(is_ca=is_ca, usages=usages, alternative_names=alternative_names),
        not_before=not_before,
        days=days,
        serial=serial,
    )
    return KeyPairPem(certificate.public_bytes(serialization.Encoding.PEM).decode(), private_key_pem(private_key))


def generate_key(kind: KeyKind) -> PrivateKey:
    """A fresh private key. P-256 takes well under a millisecond, RSA 3072 some 150 ms."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


def private_key_pem(key: PrivateKey) -> str:
    """RSA keys as PKCS#1 (``RSA PRIVATE KEY``), as the Go config server writes them; others as PKCS#8."""
    rsa_key = isinstance(key, rsa.RSAPrivateKey)
    style = serialization.PrivateFormat.TraditionalOpenSSL if rsa_key else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, style, serialization.NoEncryption()).decode()


def _subject(*, country: str, organisation: str, common_name: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, country),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.COMMON_NAME, common_name),
    )
    # The bus wants C=USA, which a strict encoder refuses for its third letter.
    kinds = {NameOID.COUNTRY_NAME: _ASN1Type.PrintableString}
    try:
        return x509.Name(
            x509.NameAttribute(oid, text, kinds.get(oid, _ASN1Type.UTF8String), _validate=False)
            for oid, text in parts
            if text
        )
    except (ValueError, TypeError) as error:
        raise CertificateError(f"cannot make a certificate subject of {common_name!r}", details=str(error)) from error


def _purpose(
    *, is_ca: bool, usages: Sequence[str], alternative_names: Sequence[str]
) -> list[tuple[x509.ExtensionType, bool]]:
    """Extensions and whether each is critical."""
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=is_ca, path_length=None), True),
        (_key_usage(is_ca=is_ca), True),
    ]
    if usages and not is_ca:
        found.append((x509.ExtendedKeyUsage([_usage(name) for name in usages]), False))
    if alternative_names:
        found.append((x509.SubjectAlternativeName([_alternative_name(name) for name in alternative_names]), False))
    return found


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_encipherment=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _usage(name: str) -> x509.ObjectIdentifier:
    if name not in USAGES:
        raise CertificateError(f"Unsupported extended key usage value: {name}")
    return USAGES[name]


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise CertificateError(
            f"cannot put alternative name {name!r} into a certificate", details=str(error)
        ) from error


def _signed(
    key: PrivateKey,
    *,
    subject: x509.Name,
    ca: KeyPairPem | None,
    extensions: list[tuple[x509.ExtensionType, bool]],
    not_before: datetime,
    days: int,
    serial: int | None,
) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer, signing_key, authority = _authority(ca) if ca else (subject, key, identifier)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + timedelta(days=days))
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signing_key, hashes.SHA256())


def _authority(ca: KeyPairPem) -> tuple[x509.Name, PrivateKey, x509.SubjectKeyIdentifier]:
    """Who signs: name, key and key identifier, read from the CA's PEM texts."""
    try:
        certificate = x509.load_pem_x509_certificate(ca.certificate.encode())
        key = serialization.load_pem_private_key(ca.private_key.encode(), password=None)
    except ValueError as error:
        raise CertificateError("cannot read the CA's certificate and key", details=str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError("cannot sign with this CA: its key is neither RSA nor elliptic curve")
    if not _may_sign(certificate):
        raise CertificateError(
            f"cannot sign with {certificate.subject.rfc4514_string()!r}: it is not a CA",
            resolution="Set is_ca: true on it.",
        )
    return certificate.subject, key, _key_identifier(certificate)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version == x509.Version.v1


def _key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
