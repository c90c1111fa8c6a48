"""stemcell.MF as values."""

from __future__ import annotations

import pytest

from bosh.wire import stemcell_mf
from bosh.wire.errors import ValidationInvalidType, ValidationMissingField

WHOLE = {
    "name": "bosh-aws-xen-hvm-ubuntu-noble-go_agent",
    "version": "1.25",
    "bosh_protocol": "1",
    "api_version": 3,
    "sha1": "4b6ac9b29ffd3da1c0d8c6f9a1a9b5a2e1ab8c61",
    "operating_system": "ubuntu-noble",
    "stemcell_formats": ["aws-light"],
    "cloud_properties": {"ami": {"us-east-1": "ami-1"}},
}


def test_a_whole_manifest_survives_a_round_trip() -> None:
    assert stemcell_mf.to_document(stemcell_mf.from_document(WHOLE)) == WHOLE


def test_unknown_keys_survive_a_round_trip() -> None:
    document = WHOLE | {"stemcell_notes": {"built_by": "someone"}}
    assert stemcell_mf.to_document(stemcell_mf.from_document(document)) == document


def test_what_tests_of_the_original_use_is_enough() -> None:
    manifest = stemcell_mf.from_document({"name": "a", "version": "1", "sha1": "x"})
    assert manifest.operating_system == "a"
    assert manifest.os_and_version == "a/1"
    assert manifest.api_version is None
    assert manifest.stemcell_formats == ()
    assert "api_version" not in stemcell_mf.to_document(manifest)


def test_numbers_become_texts_as_in_the_original() -> None:
    manifest = stemcell_mf.from_document(WHOLE | {"version": 3001.1, "bosh_protocol": 1})
    assert (manifest.version, manifest.bosh_protocol) == ("3001.1", "1")


@pytest.mark.parametrize("key", ["name", "version", "sha1"])
def test_a_missing_key_is_named(key: str) -> None:
    document = {name: value for name, value in WHOLE.items() if name != key}
    with pytest.raises(
        ValidationMissingField, match=f"Required property '{key}' was not specified in object"
    ) as caught:
        stemcell_mf.from_document(document)
    assert caught.value.code == 40001


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("name", ["a"], "String"),
        ("version", True, "String"),
        ("api_version", "3", "Integer"),
        ("stemcell_formats", "aws-light", "Array"),
        ("cloud_properties", [], "Hash"),
    ],
)
def test_a_wrong_type_is_named(key: str, value: object, wanted: str) -> None:
    with pytest.raises(ValidationInvalidType, match=f"Property '{key}' .* required type '{wanted}'"):
        stemcell_mf.from_document(WHOLE | {key: value})


@pytest.mark.parametrize("document", [None, [], "text"])
def test_only_a_mapping_is_a_manifest(document: object) -> None:
    with pytest.raises(ValidationInvalidType, match="'Hash'"):
        stemcell_mf.from_document(document)
