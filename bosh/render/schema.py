"""A job's ``properties_schema.json``: JSON Schema 2020-12 with one more type, ``certificate``. Pure but for parsing certificates.

Source: `bosh: …/core/templates/job_schema_validator.rb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
from cryptography import x509

from bosh.wire.errors import JobInvalidPropertySpec, JobTemplateBindingFailed

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _is_certificate(_checker: jsonschema.TypeChecker, value: object) -> bool:
    """PEM or DER text; empty counts as a certificate not given yet."""
    if not isinstance(value, str):
        return False
    if not value:
        return True
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        return False
    return True


_types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("certificate", _is_certificate)
_Validator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, type_checker=_types
)


def check_properties(job: str, schema: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Check a job's properties before its templates are rendered.

    Raises:
        JobInvalidPropertySpec: the schema itself is unusable.
        JobTemplateBindingFailed: with every violation on a line of its own; values are left out, they may be secrets.
    """
    _check_dialect(job, schema)
    validator = _Validator(schema)
    try:
        found = sorted(validator.iter_errors(properties), key=lambda error: list(map(str, error.absolute_path)))
    except Exception as error:
        raise JobInvalidPropertySpec(f"cannot use the properties schema of job '{job}'", details=str(error)) from error
    if found:
        lines = [f"Error validating properties for {job}", *(_describe(error) for error in found)]
        raise JobTemplateBindingFailed("\n".join(lines))


def _check_dialect(job: str, schema: Mapping[str, Any]) -> None:
    declared = str(schema.get("$schema", ""))
    if not declared:
        raise JobInvalidPropertySpec("You must declare your $schema draft version", details=f"job '{job}'")
    if declared.rstrip("#") != DIALECT:
        raise JobInvalidPropertySpec(f"Only {DIALECT} schema is currently supported", details=f"job '{job}'")


def _describe(error: Any) -> str:
    """One violation in the words of the original's validator where it has them."""
    place = "".join(f"/{part}" for part in error.absolute_path)
    at = f"value at `{place}`" if place else "value at root"
    rule, wanted, instance = error.validator, error.validator_value, error.instance
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        return f"{at} is not a certificate" if kinds == ["certificate"] else f"{at} is not a {' or '.join(kinds)}"
    if rule == "required":
        missing = [name for name in wanted if name not in instance]
        return f"object at `{place}` is missing required properties: {', '.join(missing)}"
    if rule == "additionalProperties":
        return f"object at `{place}` has properties that the schema does not know"
    if rule == "enum":
        return f"{at} is not one of: {wanted}"
    if rule == "pattern":
        return f"{at} does not match pattern: {wanted}"
    return f"{at} does not satisfy {rule}: {wanted}"
