"""Values of the rendering room: a job's templates, what they may see, and the files that come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class JobTemplates:
    """A job archive's content."""

    name: str
    fingerprint: str
    monit: bytes
    templates: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """Source path → (destination path, text). The source's suffix picks the engine: ``.j2`` is Jinja2, everything else ERB."""
    properties_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a template of one job on one instance sees; no variable references are left."""

    spec: Mapping[str, Any]
    """``deployment, job{name}, name, id, index, bootstrap, az, networks, address, ip, persistent_disk, dns_domain_name, release{name,
    version}, …``"""
    properties: Mapping[str, Any]
    """Nested, only names of the job's spec, defaults filled."""
    links: Mapping[str, Mapping[str, Any]]
    """Link name → link content."""


@dataclass(frozen=True, slots=True)
class RenderedJob:
    name: str
    monit: bytes
    files: Mapping[str, bytes]
    """Destination path → content; ``.bosh/links.json`` among them for a job with links."""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """A template that raised. ``line`` is 0 when the engine could not say (a syntax error prints ``unknown``)."""

    job: str
    template: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}: {self.message}" if self.line else f"line (unknown): {self.message}"
        return f"Error filling in template '{self.template}' ({where})"
