"""What comes out of rendering beside the templates' own texts; no ruby in any of these."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bosh.render.model import FailedJob, RenderedJob
from bosh.render.renderer import Renderer, links_file
from bosh.wire.errors import SystemFailure

from .conftest import binding, job


async def test_files_stand_at_their_destinations_with_their_sources(renderer: Renderer) -> None:
    (outcome,) = await renderer.render([(job(monit="check", a_j2="x\n", b_j2="y"), binding())])
    assert outcome == RenderedJob(
        "web",
        b"check",
        {"config/a": b"x\n", "config/b": b"y", ".bosh/links.json": b"[]\n"},
        {"config/a": "a.j2", "config/b": "b.j2", ".bosh/links.json": ".bosh/links.json"},
    )


def test_links_file_is_sorted_by_group_and_indented_as_ruby_does() -> None:
    groups = [{"name": "b", "type": "t", "group": "20"}, {"name": "a", "type": "t", "group": "3"}]
    text = links_file(groups).decode()
    assert [entry["group"] for entry in json.loads(text)] == ["20", "3"]
    assert text.startswith('[\n  {\n    "name": "b",\n    "type": "t",\n    "group": "20"\n  },\n')
    assert text.endswith("]\n")


async def test_a_missing_ruby_is_said_with_the_way_out() -> None:
    renderer = Renderer(ruby="/nonexistent/ruby")
    with pytest.raises(SystemFailure, match="install ruby"):
        await renderer.render([(job(a_erb="x"), binding())])
    assert isinstance((await renderer.render([(job(a_j2="x"), binding())]))[0], RenderedJob)


async def test_refused_properties_keep_templates_from_rendering(renderer: Renderer) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "required": ["port"]}
    (outcome,) = await renderer.render([(replace(job(a_j2="{{ p('x') }}"), properties_schema=schema), binding())])
    assert isinstance(outcome, FailedJob)
    assert str(outcome).splitlines()[0] == "- Error validating properties for web"
    assert "port" in str(outcome)
