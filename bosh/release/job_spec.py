"""A job archive: ``job.MF``, ``monit``, templates, and the checks that the director makes of them.

Source: `bosh: …/director/jobs/release/release_job.rb`, `…/models/template.rb`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bosh.release import tarball
from bosh.render.model import JobTemplates
from bosh.wire import go_yaml
from bosh.wire.errors import (
    JobDuplicateLinkName,
    JobInvalidArchive,
    JobInvalidLinkSpec,
    JobInvalidLogSpec,
    JobInvalidName,
    JobInvalidPackageSpec,
    JobInvalidPropertySpec,
    JobMissingManifest,
    JobMissingMonit,
    JobMissingTemplateFile,
)

MANIFEST = "job.MF"
MONIT = "monit"
SCHEMA = "properties_schema.json"


def read_files(source: Path | bytes, label: str) -> dict[str, bytes]:
    """The files of a job archive. ``label`` names the job in errors, for example ``router/3f2a``.

    Raises:
        JobInvalidArchive: not an archive, cut short, or with members that must not be unpacked.
    """
    try:
        return tarball.contents(source)
    except tarball.TarFault as fault:
        raise JobInvalidArchive(
            f"Extracting job '{label}' archive failed. Check task debug log for details.",
            details=str(fault),
            resolution="create the release again and upload it once more",
        ) from fault


def checked_manifest(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """``job.MF`` of a job archive, after all checks.

    Raises:
        JobMissingManifest, JobInvalidArchive, JobInvalidName, JobMissingTemplateFile, JobMissingMonit, JobInvalidLogSpec,
        JobInvalidPropertySpec, JobInvalidLinkSpec, JobDuplicateLinkName, JobInvalidPackageSpec.
    """
    if MANIFEST not in files:
        raise JobMissingManifest(f"Missing job manifest for '{name}'")
    spec = _parse(name, files[MANIFEST])
    if spec.get("name") != name:
        raise JobInvalidName(f"Inconsistent name for job '{name}'(exptected: '{name}', got: '{spec.get('name')}')")
    _check_templates(name, spec, files)
    if MONIT not in files and not any(path.endswith(".monit") and "/" not in path for path in files):
        raise JobMissingMonit(f"Job '{name}' is missing monit file")
    _check_shapes(name, spec)
    _check_links(name, "provides", spec.get("provides"))
    _check_links(name, "consumes", spec.get("consumes"))
    return spec


def _parse(name: str, content: bytes) -> dict[str, Any]:
    try:
        spec = go_yaml.load(content)
    except ValueError as error:
        raise JobInvalidArchive(f"cannot read the manifest of job '{name}'", details=str(error)) from error
    if not isinstance(spec, dict):
        raise JobInvalidArchive(f"cannot read the manifest of job '{name}'", details="job.MF is not a map")
    return spec


def _check_templates(name: str, spec: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    templates = spec.get("templates") or {}
    if not isinstance(templates, dict):
        raise JobInvalidArchive(f"cannot read the manifest of job '{name}'", details="'templates' is not a map")
    for source in templates:
        if f"templates/{source}" not in files:
            raise JobMissingTemplateFile(f"Missing template file '{source}' for job '{name}'")
    for source, target in templates.items():
        if not destination(target):
            raise JobInvalidArchive(
                f"Job '{name}' has an invalid destination for template '{source}': '{target}'",
                resolution="give a path below the job's folder, such as config/app.yml",
            )


def destination(target: object) -> str:
    """A template's destination below the job's folder, without ``./`` or a leading ``/``; empty when it would leave that folder."""
    path = PurePosixPath("/", str(target)).relative_to("/") if isinstance(target, str) else PurePosixPath()
    return "" if ".." in path.parts or not path.parts else str(path)


def _check_shapes(name: str, spec: Mapping[str, Any]) -> None:
    if spec.get("logs") and not isinstance(spec["logs"], dict):
        raise JobInvalidLogSpec(f"Job '{name}' has invalid logs spec format")
    if spec.get("properties") and not isinstance(spec["properties"], dict):
        raise JobInvalidPropertySpec(f"Job '{name}' has invalid properties spec format")
    if spec.get("packages") and not isinstance(spec["packages"], list):
        raise JobInvalidPackageSpec(f"Job '{name}' has invalid package spec format")


def _check_links(name: str, section: str, entries: Any) -> None:
    if entries is None:
        return
    if not isinstance(entries, list):
        raise JobInvalidLinkSpec(
            f"Job '{name}' has invalid spec format: '{section}' must be an array of hashes with name and type"
        )
    seen: set[str] = set()
    for entry in entries:
        _check_link(name, section, entry)
        if entry["name"] in seen:
            raise JobDuplicateLinkName(f"Job '{name}' specifies duplicate {section} link with name '{entry['name']}'")
        seen.add(entry["name"])


def _check_link(name: str, section: str, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise JobInvalidLinkSpec(f"{section.title()} section in the release spec must be a list of hashes")
    if "type" not in entry or "name" not in entry:
        raise JobInvalidLinkSpec(
            f"Each {section} item in the {section} section of the release spec must contain 'name' and 'type'"
        )
    if section == "provides" and "optional" in entry:
        raise JobInvalidLinkSpec(
            f"Link '{entry['name']}' of type '{entry['type']}' is a provides link, not allowed to have 'optional' key",
            details=f"job '{name}'",
        )


def properties_schema(name: str, files: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The job's ``properties_schema.json``, if it has one.

    Raises:
        JobInvalidPropertySpec: not a JSON object.
    """
    if SCHEMA not in files:
        return None
    try:
        schema = json.loads(files[SCHEMA])
    except ValueError as error:
        raise JobInvalidPropertySpec(f"cannot read {SCHEMA} of job '{name}'", details=str(error)) from error
    if not isinstance(schema, dict):
        raise JobInvalidPropertySpec(f"cannot read {SCHEMA} of job '{name}'", details="it is not an object")
    return schema


def job_templates(archive: bytes, fingerprint: str = "") -> JobTemplates:
    """A job archive as the value that rendering works with.

    Args:
        archive: the job's ``.tgz``.
        fingerprint: the job's; names the compiled templates in the renderer's cache. Empty: a digest of the archive.

    Raises:
        the errors of ``read_files`` and ``checked_manifest``.
    """
    files = read_files(archive, "archive")
    name = str(_parse("archive", files.get(MANIFEST, b"{}")).get("name", ""))
    spec = checked_manifest(name, files)
    templates = {
        str(source): (destination(target), files[f"templates/{source}"])
        for source, target in (spec.get("templates") or {}).items()
    }
    return JobTemplates(
        name=name,
        fingerprint=fingerprint or hashlib.sha256(archive).hexdigest(),
        monit=files.get(MONIT, b""),
        templates=templates,
        properties_schema=properties_schema(name, files),
    )
