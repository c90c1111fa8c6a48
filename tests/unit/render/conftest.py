"""One ruby for all tests that need one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from bosh.render.model import Binding, JobTemplates
from bosh.render.renderer import Renderer

needs_ruby = pytest.mark.skipif(not shutil.which("ruby"), reason="there is no ruby on this machine")


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    async with Renderer(template_limit_s=0.4) as running:
        yield running


def job(name: str = "web", monit: str = "", **templates: str) -> JobTemplates:
    """A job whose templates are keyword arguments; ``a_erb`` is ``a.erb`` → ``config/a``."""
    sources = {key.replace("_", "."): text for key, text in templates.items()}
    return JobTemplates(
        name=name,
        fingerprint=f"{name}-{hash((monit, *sources.items()))}",
        monit=monit.encode(),
        templates={source: (f"config/{source.split('.')[0]}", text.encode()) for source, text in sources.items()},
    )


def binding(properties: Mapping[str, Any] | None = None, **rest: Any) -> Binding:
    spec = {
        "name": "router",
        "index": 2,
        "id": "u-2",
        "az": "z1",
        "deployment": "cf",
        "ip": "10.0.0.2",
        "address": "10.0.0.2",
        "networks": {"default": {"ip": "10.0.0.2", "dns_record_name": "x"}, "vip": {"ip": "1.2.3.4"}},
        "release": {"name": "routing", "version": "1"},
    }
    return Binding(spec=spec, properties=properties or {}, links=rest.pop("links", {}), **rest)


DB_LINK = {
    "instances": [
        {
            "name": "db",
            "index": number,
            "id": f"i{number}",
            "az": "z1",
            "address": f"10.0.1.{number}",
            "bootstrap": number == 0,
            "properties": {"tls": {"on": True}},
        }
        for number in range(2)
    ],
    "properties": {"port": 5432, "users": {"admin": "a"}},
    "instance_group": "My_DB",
    "group_name": "db-link",
    "default_network": "private",
    "deployment_name": "cf",
    "domain": "bosh",
}
