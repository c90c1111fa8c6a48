"""Values of the rendering room: a job's templates, what they may see, and the files that come out."""

from __future__ import annotations

import textwrap
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
class DnsIds:
    """The numbers that DNS queries write instead of names (reference: 3.14); a link's ``address`` needs them for AZs and short names."""

    azs: Mapping[str, int] = field(default_factory=dict)
    networks: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """(``instance-group`` or ``link``, group name, deployment) → number."""


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
    link_groups: tuple[Mapping[str, str], ...] = ()
    """``{name, type, group}`` of each link this job provides; ``group`` is the DNS group number as text. Goes to ``.bosh/links.json``."""
    dns: DnsIds = field(default_factory=DnsIds)


@dataclass(frozen=True, slots=True)
class RenderedJob:
    name: str
    monit: bytes
    files: Mapping[str, bytes]
    """Destination path → content; ``.bosh/links.json`` always among them, as the original adds it to every job."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Destination path → source path: the hashes go through the files in the order of their sources."""


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


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job of which at least one template raised, with every fault; or whose properties its schema refuses."""

    name: str
    faults: tuple[TemplateFault, ...]
    refused: str = ""
    """What the schema has against the properties; no template was rendered then."""

    def __str__(self) -> str:
        if self.refused:
            return "- " + self.refused.replace("\n", "\n  - ")
        lines = textwrap.indent("\n".join(f"- {fault}" for fault in self.faults), "  ")
        return f"- Unable to render templates for job '{self.name}'. Errors are:\n{lines}"
