"""Property schemas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bosh.render.schema import DIALECT, check_properties
from bosh.wire.errors import JobInvalidPropertySpec, JobTemplateBindingFailed

SCHEMA: dict[str, Any] = {
    "$schema": DIALECT,
    "type": "object",
    "required": ["port"],
    "properties": {
        "port": {"type": "integer"},
        "tls": {"type": "object", "properties": {"ca": {"type": "certificate"}}},
        "mode": {"enum": ["a", "b"]},
    },
}


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "t")])
    now = datetime(2030, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        builder.serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("ca", ["", certificate()])
def test_good_properties_pass(ca: str) -> None:
    check_properties("web", SCHEMA, {"port": 1, "tls": {"ca": ca}, "mode": "a"})


def test_every_violation_is_on_its_line_and_no_value_is_told() -> None:
    with pytest.raises(JobTemplateBindingFailed) as caught:
        check_properties("web", SCHEMA, {"port": "secret", "tls": {"ca": "secret"}, "mode": "secret"})
    assert caught.value.brief.splitlines() == [
        "Error validating properties for web",
        "value at `/mode` is not one of: ['a', 'b']",
        "value at `/port` is not a integer",
        "value at `/tls/ca` is not a certificate",
    ]


def test_a_missing_property_is_named() -> None:
    with pytest.raises(JobTemplateBindingFailed, match="missing required properties: port"):
        check_properties("web", SCHEMA, {})


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "You must declare your \\$schema draft version"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "schema is currently supported"),
        ({"$schema": DIALECT, "$ref": "#/nowhere"}, "cannot use the properties schema"),
    ],
)
def test_an_unusable_schema_is_refused(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(JobInvalidPropertySpec, match=text):
        check_properties("web", schema, {})
