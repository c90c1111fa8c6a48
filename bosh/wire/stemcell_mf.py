"""``stemcell.MF``: what a stemcell says of itself.

Keys, their types and the texts of their faults: bosh: jobs/update_stemcell.rb and validation_helper.rb; bosh-cli:
stemcell/stemcell.go. The document here is the parsed YAML, a mapping; reading YAML is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bosh.wire.errors import ValidationInvalidType, ValidationMissingField

FILE_NAME = "stemcell.MF"
IMAGE_NAME = "image"

_RUBY_NAME: Mapping[type, str] = {str: "String", int: "Integer", list: "Array", dict: "Hash"}
_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class StemcellManifest:
    """One stemcell. ``other`` keeps keys that this version does not know, so that repacking loses nothing."""

    name: str
    version: str
    operating_system: str
    """Equal to the name where the manifest names none."""
    sha1: str
    """Digest text of the file ``image``."""
    bosh_protocol: str = ""
    api_version: int | None = None
    """None in stemcells older than API versions; the director treats them as 1."""
    stemcell_formats: tuple[str, ...] = ()
    cloud_properties: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def os_and_version(self) -> str:
        """``ubuntu-noble/1.25``: how releases and compiled packages name it."""
        return f"{self.operating_system}/{self.version}"


def from_document(document: Any) -> StemcellManifest:
    """Read a parsed ``stemcell.MF``.

    Raises:
        ValidationMissingField: ``name``, ``version`` or ``sha1`` is missing.
        ValidationInvalidType: a key has another type. Numbers are taken where texts are wanted, as the original does.
    """
    if not isinstance(document, Mapping):
        raise ValidationInvalidType(f"Object ({document!r}) did not match the required type 'Hash'")
    name = _value(document, "name", str)
    return StemcellManifest(
        name=name,
        version=_value(document, "version", str),
        operating_system=_value(document, "operating_system", str, name) or name,
        sha1=_value(document, "sha1", str),
        bosh_protocol=_value(document, "bosh_protocol", str, ""),
        api_version=_value(document, "api_version", int, None),
        stemcell_formats=tuple(_value(document, "stemcell_formats", list, ())),
        cloud_properties=_value(document, "cloud_properties", dict, {}),
        other={key: value for key, value in document.items() if key not in _KNOWN},
    )


def to_document(manifest: StemcellManifest) -> dict[str, Any]:
    """The document that ``from_document`` reads; keys in the order of the original's builder, empty optional ones left out."""
    document: dict[str, Any] = {"name": manifest.name, "version": manifest.version}
    if manifest.bosh_protocol:
        document["bosh_protocol"] = manifest.bosh_protocol
    if manifest.api_version is not None:
        document["api_version"] = manifest.api_version
    document["sha1"] = manifest.sha1
    document["operating_system"] = manifest.operating_system
    if manifest.stemcell_formats:
        document["stemcell_formats"] = list(manifest.stemcell_formats)
    document["cloud_properties"] = dict(manifest.cloud_properties)
    return document | dict(manifest.other)


_KNOWN = frozenset(
    {
        "name",
        "version",
        "operating_system",
        "sha1",
        "bosh_protocol",
        "api_version",
        "stemcell_formats",
        "cloud_properties",
    }
)


def _value(document: Mapping[str, Any], key: str, wanted: type, default: Any = _REQUIRED) -> Any:
    value = document.get(key)
    if value is None:
        if default is _REQUIRED:
            raise ValidationMissingField(f"Required property '{key}' was not specified in object ({dict(document)!r})")
        return default
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ValidationInvalidType(
            f"Property '{key}' value ({value!r}) did not match the required type '{_RUBY_NAME[wanted]}'"
        )
    return value
