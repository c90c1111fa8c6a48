"""New values: their shapes, defaults, and what options are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from bosh.variables.certificates import CertificateError, KeyPairPem, issue
from bosh.variables.crypt import sha512_crypt
from bosh.variables.generators import GenerationError, Workshop, generate

START = datetime(2030, 1, 1, tzinfo=UTC)
CA = issue(common_name="ca", is_ca=True, country="US", not_before=START)


def shop(*, strict: bool = False) -> Workshop:
    def authority(name: str) -> KeyPairPem:
        assert name == "ca"
        return CA

    return Workshop(now=START, authority=authority, strict=strict)


def make(kind: str, options: dict[str, Any] | None = None, *, strict: bool = False) -> Any:
    return generate(kind, options, shop(strict=strict))


@pytest.mark.parametrize(
    ("options", "form"),
    [
        (None, r"[a-z0-9]{20}"),
        ({"length": 7}, r"[a-z0-9]{7}"),
        ({"length": 0}, r"[a-z0-9]{20}"),
        ({"length": 40, "exclude_upper": True, "exclude_number": True}, r"[a-z]{40}"),
        ({"exclude_lower": True}, r"[A-Z0-9]{20}"),
    ],
)
def test_passwords(options: dict[str, Any] | None, form: str) -> None:
    assert re.fullmatch(form, make("password", options))


def test_a_user_has_a_name_a_password_and_its_crypt_hash() -> None:
    user = make("user", {"username": "admin", "length": 10})
    salt = user["password_hash"].split("$")[2]
    assert user["username"] == "admin"
    assert user["password_hash"] == sha512_crypt(user["password"], salt)
    assert re.fullmatch("[A-Za-z]{20}", make("user")["username"])


@pytest.mark.parametrize(
    ("password", "salt", "hashed"),
    [
        ("Hello world!", "saltstring",
         "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"),
        ("", "aaaaaaaa", "$6$aaaaaaaa$"),
    ],
)  # fmt: skip
def test_crypt_hashes_are_those_of_the_c_library(password: str, salt: str, hashed: str) -> None:
    assert sha512_crypt(password, salt).startswith(hashed)


def test_rsa_and_ssh_keys() -> None:
    rsa = make("rsa")
    key = serialization.load_pem_private_key(rsa["private_key"].encode(), None)
    assert rsa["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert rsa["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert key.key_size == 2048  # type: ignore[union-attr]
    ssh = make("ssh", {"ssh_comment": "me"})
    assert re.fullmatch(r"ssh-rsa [A-Za-z0-9+/=]+ me\n", ssh["public_key"])
    assert re.fullmatch(r"([0-9a-f]{2}:){15}[0-9a-f]{2}", ssh["public_key_fingerprint"])


def test_a_signed_certificate_has_the_config_servers_shape() -> None:
    options = {
        "common_name": "web", "ca": "ca", "alternative_names": ["web.internal", "10.0.0.1"], "organization": "Me",
        "extended_key_usage": ["client_auth", "server_auth"], "duration": 30, "key_length": 2048,
    }  # fmt: skip
    made = make("certificate", options, strict=True)
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert made["ca"] == CA.certificate
    assert certificate.subject.rfc4514_string() == "CN=web,O=Me,C=US"
    assert names.get_values_for_type(x509.DNSName) == ["web.internal"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=30)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_ca_without_another_signs_itself() -> None:
    made = make("certificate", {"is_ca": True, "common_name": "root", "key_length": 2048})
    assert made["ca"] == made["certificate"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("password", {"length": -1}, "'length' param cannot be negative"),
        ("password", {"length": "5"}, "'length' must be a whole number"),
        ("password", {"size": 1}, "Unsupported parameter 'size'"),
        ("password", {"exclude_upper": True}, "Unsupported parameter 'exclude_upper'"),
        (
            "certificate",
            {"ca": "ca", "key_length": 1024},
            "Invalid key_length: 1024.  Must be one of: [2048 3072 4096]",
        ),
        ("certificate", {"common_name": "x"}, "Missing required CA name"),
        ("certificate", {"ca": "ca", "sans": []}, "Unsupported parameter 'sans'"),
        (
            "certificate",
            {"ca": "ca", "key_length": 2048, "extended_key_usage": ["x"]},
            "Unsupported extended key usage value: x",
        ),
        ("user", {}, "Unsupported value type: user"),
        ("json", {}, "Unsupported value type: json"),
    ],
)
def test_the_variable_store_refuses_what_the_config_server_refuses(
    kind: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises((GenerationError, CertificateError)) as caught:
        make(kind, options, strict=True)
    assert said in caught.value.brief


def test_options_may_leave_no_letters() -> None:
    nothing = {"exclude_lower": True, "exclude_upper": True, "exclude_number": True}
    with pytest.raises(GenerationError, match="no letters"):
        make("password", nothing)
