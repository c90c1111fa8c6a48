"""Render a job of a release directory as the director does: for the tests of release authors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from bosh.render.model import Binding, JobTemplates, RenderedJob
from bosh.render.renderer import Renderer

INSTANCE: Final[Mapping[str, Any]] = {
    "deployment": "test",
    "name": "group",
    "id": "11111111-1111-4111-8111-111111111111",
    "index": 0,
    "bootstrap": True,
    "az": "z1",
    "address": "10.244.0.21",
    "ip": "10.244.0.21",
    "networks": {"default": {"ip": "10.244.0.21", "netmask": "255.255.240.0", "gateway": "10.244.0.1"}},
}
"""What a template sees as ``spec`` unless a test says otherwise."""


async def render_job(
    release_dir: Path,
    job: str,
    properties: Mapping[str, Any],
    *,
    links: Mapping[str, Mapping[str, Any]] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """The job's files as texts, by destination path, and its ``monit``.

    Args:
        properties: by dotted name; defaults of the job's spec fill the rest.
        links: link name → content: ``instances``, ``properties``, ``address`` …
        spec: merged over ``INSTANCE``.

    Raises:
        ValueError: a property that the spec does not name, or a template that fails.
    """
    folder = release_dir / "jobs" / job
    about = yaml.safe_load((folder / "spec").read_text())
    known: Mapping[str, Mapping[str, Any]] = about.get("properties") or {}
    if unknown := sorted(set(properties) - set(known)):
        raise ValueError(f"not in the spec of the job {job}: {', '.join(unknown)}")
    values = {name: properties.get(name, (detail or {}).get("default")) for name, detail in known.items()}
    binding = Binding({**INSTANCE, "job": {"name": job}, **(spec or {})}, nested(values), links or {})
    async with Renderer() as renderer:
        (rendered,) = await renderer.render([(_templates(folder, job, about), binding)])
    if not isinstance(rendered, RenderedJob):
        raise ValueError(str(rendered))
    return {"monit": rendered.monit.decode()} | {name: text.decode() for name, text in rendered.files.items()}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as a tree: ``{"a.b": 1}`` → ``{"a": {"b": 1}}``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *folders, leaf = name.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = value
    return tree


def _templates(folder: Path, job: str, about: Mapping[str, Any]) -> JobTemplates:
    sources: Mapping[str, str] = about.get("templates") or {}
    texts = {source: (target, (folder / "templates" / source).read_bytes()) for source, target in sources.items()}
    return JobTemplates(job, "fingerprint", (folder / "monit").read_bytes(), texts)
