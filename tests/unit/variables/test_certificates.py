"""Certificates: who signed what, for whom, and for which purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from bosh.variables.certificates import CertificateError, KeyPairPem, issue

pytestmark = pytest.mark.filterwarnings("ignore:Attribute's length must be")
START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> KeyPairPem:
    return issue(common_name="ca", is_ca=True, not_before=START, days=730)


def load(pair: KeyPairPem) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def test_subject_is_the_text_the_bus_maps_permissions_by(ca: KeyPairPem) -> None:
    client = issue(common_name="a1.agent.bosh-internal", ca=ca, usages=("client_auth",), not_before=START)
    assert load(client).subject.rfc4514_string() == "CN=a1.agent.bosh-internal,O=Cloud Foundry,C=USA"


def test_server_certificate_verifies_against_its_ca_by_name_and_address(ca: KeyPairPem) -> None:
    names = ["default.nats.bosh-internal", "127.0.0.1"]
    server = load(issue(common_name="nats", ca=ca, alternative_names=names, country="US", not_before=START))
    policy = PolicyBuilder().store(Store([load(ca)])).time(START + timedelta(days=1))
    for name in (x509.DNSName(names[0]), x509.IPAddress(ip_address(names[1]))):
        assert policy.build_server_verifier(name).verify(server, [])


@pytest.mark.parametrize(
    ("usages", "oids"),
    [
        (("server_auth",), [ExtendedKeyUsageOID.SERVER_AUTH]),
        (("client_auth", "server_auth"), [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
    ],
)
def test_usages_are_kept_in_order(ca: KeyPairPem, usages: tuple[str, ...], oids: list[x509.ObjectIdentifier]) -> None:
    made = load(issue(common_name="x", ca=ca, usages=usages, not_before=START))
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == oids


def test_validity_serial_and_key_identifiers(ca: KeyPairPem) -> None:
    made = load(issue(common_name="x", ca=ca, not_before=START, days=3, serial=77))
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (START, START + timedelta(days=3))
    assert made.serial_number == 77
    issuer = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer == load(ca).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def test_an_intermediate_ca_signs_leaves(ca: KeyPairPem) -> None:
    middle = issue(common_name="middle", ca=ca, is_ca=True, country="US", not_before=START)
    leaf = issue(common_name="leaf", ca=middle, alternative_names=["leaf.internal"], country="US", not_before=START)
    policy = PolicyBuilder().store(Store([load(ca)])).time(START + timedelta(days=1))
    chain = policy.build_server_verifier(x509.DNSName("leaf.internal")).verify(load(leaf), [load(middle)])
    assert len(chain) == 3


def test_private_key_formats(ca: KeyPairPem) -> None:
    assert ca.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    rsa = issue(common_name="r", is_ca=True, key="rsa2048", not_before=START)
    assert rsa.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----")


def test_the_key_is_not_in_the_repr(ca: KeyPairPem) -> None:
    assert "PRIVATE" not in repr(ca)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ({"usages": ("code_signing",)}, "Unsupported extended key usage value: code_signing"),
        ({"alternative_names": ["bücher.example"]}, "alternative name"),
        ({"ca": KeyPairPem("rubbish", "rubbish")}, "cannot read the CA"),
        ({"ca": issue(common_name="leaf", not_before=START)}, "it is not a CA"),
    ],
)
def test_what_cannot_be_made_says_why(what: dict[str, object], text: str) -> None:
    with pytest.raises(CertificateError, match=text):
        issue(common_name="x", not_before=START, **what)  # type: ignore[arg-type]
