from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from bosh.execution import rendering
from bosh.execution.rendering import InstanceRenderer, RenderingFailed, TemplateCache, drop_archives, store_archives
from bosh.manifest.model import Json
from bosh.plan.layout import lay_out
from bosh.plan.model import LaidInstance, Options
from bosh.release.tarball import Entry, write_to
from bosh.render.renderer import Renderer
from bosh.testing import builders as build
from bosh.testing.fake_task import FakeWorld


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    async with Renderer() as renderer:
        yield renderer


async def upload(fake: FakeWorld, template: bytes) -> str:
    stream = BytesIO()
    manifest = b"name: web\ntemplates: {config.j2: config/file}\nproperties: {port: {}}\n"
    write_to(
        stream,
        [Entry("job.MF", manifest), Entry("monit", b""), Entry("templates/config.j2", template)],
    )
    return (await fake.world.blobs.put_bytes(stream.getvalue())).id


async def instances(
    fake: FakeWorld, count: int = 2, template: bytes = b"{{ p('port') }} {{ spec.index }}"
) -> tuple[LaidInstance, ...]:
    spec = replace(
        build.job_spec("web", properties={"port": "((port))"}),
        blobstore_id=await upload(fake, template),
        sha1=template.hex(),
    )
    desired = build.desired(build.group("web", count, jobs=[build.job(spec)]))
    return lay_out(desired, build.nothing(), options=Options(), ids=build.CountingIds()).instances


def render(fake: FakeWorld, renderer: Renderer, port: int = 80) -> InstanceRenderer:
    def resolve(value: Json) -> Json:
        return {"port": port} if value == {"port": "((port))"} else value

    dns_ids = build.nothing().dns_ids
    return InstanceRenderer(renderer, fake.world.blobs, deployment="shop", resolve=resolve, dns_ids=dns_ids)


def stored(rendered: rendering.Rendered) -> dict[str, dict[str, Any]]:
    return {
        key: {
            rendering.RENDERED_FROM: rendered.digests[key],
            "configuration_hash": one.configuration_hash,
            "template_hashes": one.template_hashes,
            "rendered_templates_archive": {"sha1": one.archive_sha1, "blobstore_id": one.archive_blobstore_id},
        }
        for key, one in rendered.hashes.items()
    }


async def test_what_has_not_changed_is_not_rendered_again(fake: FakeWorld, renderer: Renderer) -> None:
    laid = await instances(fake)
    first = await render(fake, renderer).render_all(laid, {})
    assert len(first.archives) == 2
    assert len({one.configuration_hash for one in first.hashes.values()}) == 2
    await store_archives(first, fake.world.blobs)
    again = await render(fake, renderer).render_all(laid, stored(first))
    assert again.archives == {}
    assert again.hashes == first.hashes


async def test_another_value_of_a_variable_renders_anew(fake: FakeWorld, renderer: Renderer) -> None:
    laid = await instances(fake)
    first = await render(fake, renderer).render_all(laid, {})
    await store_archives(first, fake.world.blobs)
    again = await render(fake, renderer, port=81).render_all(laid, stored(first))
    assert len(again.archives) == 2


async def test_an_archive_that_is_gone_is_made_again(fake: FakeWorld, renderer: Renderer) -> None:
    laid = await instances(fake, 1)
    first = await render(fake, renderer).render_all(laid, {})
    await store_archives(first, fake.world.blobs)
    known = stored(first)
    await drop_archives(first, fake.world.blobs)
    again = await render(fake, renderer).render_all(laid, known)
    assert len(again.archives) == 1


async def test_all_faults_of_a_group_in_one_text(fake: FakeWorld, renderer: Renderer) -> None:
    laid = await instances(fake, template=b"{{ p('nothing') }}")
    with pytest.raises(RenderingFailed) as caught:
        await render(fake, renderer).render_all(laid, {})
    assert caught.value.code == 100
    assert caught.value.brief.startswith("Unable to render instance groups for deployment. Errors are:")
    assert caught.value.brief.count("Error filling in template 'config.j2'") == 1


async def test_job_archives_are_read_once(fake: FakeWorld) -> None:
    (laid,) = await instances(fake, 1)
    cache = TemplateCache()
    first = await cache.load(laid.jobs[0], fake.world.blobs)
    await fake.world.blobs.delete(laid.jobs[0].blobstore_id)
    assert await cache.load(laid.jobs[0], fake.world.blobs) is first
