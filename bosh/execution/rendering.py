"""Render every template of every instance, and remember by content what need not be rendered again.

An instance's archive is reused when the digest of everything its templates see (jobs, properties with variables resolved, links, its own
spec) is the one stored with it: a deploy that changes nothing renders nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bosh.clients.contract import Blobstore
from bosh.execution.world import Resolve
from bosh.manifest.model import Json
from bosh.plan.apply_spec import for_templates
from bosh.plan.model import DnsIds, LaidInstance, LaidJob, RenderedHashes
from bosh.release.job_spec import job_templates
from bosh.render import archive, report
from bosh.render import model as render
from bosh.render.renderer import Renderer
from bosh.wire.digest import of_bytes
from bosh.wire.errors import BoshError

RENDERED_FROM = "rendered_from"
"""Key of the stored spec: digest of what the archive was rendered from."""

_GENERATION = "1"
"""Part of every digest; a change in how templates are rendered changes it, and all are rendered anew once."""

_KEPT_JOBS = 256


class RenderingFailed(BoshError):
    """Templates raised. The original raises an untyped error here, whose code is 100."""

    code = 100


@dataclass
class Rendered:
    """What rendering gave. ``archives`` has the new ones only, not stored yet."""

    hashes: dict[str, RenderedHashes] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    """Instance id → gzipped tar."""
    digests: dict[str, str] = field(default_factory=dict)
    """Instance id → digest of what it was rendered from."""


class TemplateCache:
    """Job archives, unpacked, by the digest of their content; the newest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, render.JobTemplates] = OrderedDict()

    async def load(self, job: LaidJob, blobs: Blobstore) -> render.JobTemplates:
        """A job's templates. Raises ResourceNotFound when its blob is gone."""
        key = f"{job.fingerprint}:{job.sha1}"
        if key not in self._kept:
            self._kept[key] = job_templates(await blobs.get_bytes(job.blobstore_id), job.fingerprint)
            if len(self._kept) > _KEPT_JOBS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class InstanceRenderer:
    """Renders the instances of one deployment.

    Args:
        resolve: puts variables' values in; what it returns stays in this process.
    """

    def __init__(
        self,
        renderer: Renderer,
        blobs: Blobstore,
        *,
        deployment: str,
        resolve: Resolve,
        dns_ids: DnsIds,
        templates: TemplateCache | None = None,
    ) -> None:
        self._renderer = renderer
        self._blobs = blobs
        self._deployment = deployment
        self._resolve = resolve
        self._dns = render.DnsIds(dns_ids.azs, dns_ids.networks, dns_ids.groups)
        self._templates = templates or TemplateCache()
        self._resolved: dict[int, tuple[LaidJob, Json, Json, bytes]] = {}

    async def render_all(self, instances: Sequence[LaidInstance], stored: Mapping[str, Mapping[str, Json]]) -> Rendered:
        """Render what has changed.

        Args:
            stored: instance id → the spec remembered of it.

        Raises:
            RenderingFailed: with every fault of every template of all groups.
        """
        result = Rendered()
        pending: list[LaidInstance] = []
        for instance in instances:
            digest = result.digests[instance.id] = self.digest(instance)
            known = await self._reusable(instance, stored.get(instance.id) or {}, digest)
            if known is not None:
                result.hashes[instance.id] = known
            else:
                pending.append(instance)
        await self._render(pending, result)
        return result

    def digest(self, instance: LaidInstance) -> str:
        """Of everything the instance's templates see."""
        state = hashlib.sha256(_GENERATION.encode())
        state.update(_json(for_templates(instance, self._deployment)))
        for job in instance.jobs:
            state.update(self._resolve_job(job)[3])
        return state.hexdigest()

    async def _reusable(self, instance: LaidInstance, spec: Mapping[str, Json], digest: str) -> RenderedHashes | None:
        stored = spec.get("rendered_templates_archive") or {}
        if spec.get(RENDERED_FROM) != digest or not stored.get("blobstore_id"):
            return None
        if not await self._blobs.exists(stored["blobstore_id"]):
            return None
        return RenderedHashes(
            instance_id=instance.id,
            configuration_hash=spec["configuration_hash"],
            archive_sha1=stored["sha1"],
            archive_blobstore_id=stored["blobstore_id"],
            template_hashes=spec.get("template_hashes") or {},
        )

    async def _render(self, instances: Sequence[LaidInstance], result: Rendered) -> None:
        work = [
            (await self._templates.load(job, self._blobs), self._binding(instance, job))
            for instance in instances
            for job in instance.jobs
        ]
        outcomes = iter(await self._renderer.render(work))
        failed: dict[str, list[render.FailedJob]] = defaultdict(list)
        for instance in instances:
            jobs = []
            for _job in instance.jobs:
                outcome = next(outcomes)
                if isinstance(outcome, render.FailedJob):
                    failed[instance.group].append(outcome)
                else:
                    jobs.append(outcome)
            result.archives[instance.id] = packed = archive.pack(jobs)
            result.hashes[instance.id] = RenderedHashes(
                instance_id=instance.id,
                configuration_hash=archive.configuration_hash(jobs),
                archive_sha1=of_bytes(packed),
                template_hashes={job.name: archive.template_hash(job) for job in jobs},
            )
        if failed:
            raise RenderingFailed(report.describe(failed))

    def _binding(self, instance: LaidInstance, job: LaidJob) -> render.Binding:
        _job, properties, links, _digest = self._resolve_job(job)
        spec = for_templates(instance, self._deployment)
        return render.Binding(
            spec={**spec, "release": {"name": job.release, "version": job.release_version}},
            properties=properties,
            links=links,
            link_groups=job.link_group_names,
            dns=self._dns,
        )

    def _resolve_job(self, job: LaidJob) -> tuple[LaidJob, Json, Json, bytes]:
        """Instances of a group share their jobs, so each is resolved and digested once."""
        known = self._resolved.get(id(job))
        if known is None:
            properties, links = self._resolve(job.properties), self._resolve(job.links)
            seen = [job.name, job.release, job.release_version, job.fingerprint, properties, links]
            digest = hashlib.sha256(_json([*seen, [dict(row) for row in job.link_group_names]])).digest()
            known = self._resolved[id(job)] = (job, properties, links, digest)
        return known


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict).encode()


async def store_archives(rendered: Rendered, blobs: Blobstore, ids: Mapping[str, str] | None = None) -> None:
    """Put the new archives into the blobstore; their ids go into the hashes.

    Args:
        ids: instance id → the blob's id, where it was chosen before.
    """
    for instance_id, content in rendered.archives.items():
        ref = await blobs.put_bytes(content, (ids or {}).get(instance_id, ""))
        hashes = rendered.hashes[instance_id]
        rendered.hashes[instance_id] = RenderedHashes(
            instance_id=instance_id,
            configuration_hash=hashes.configuration_hash,
            archive_sha1=ref.sha1,
            archive_blobstore_id=ref.id,
            template_hashes=hashes.template_hashes,
        )


async def drop_archives(rendered: Rendered, blobs: Blobstore) -> None:
    """Take new archives back that nobody will use."""
    for instance_id in rendered.archives:
        blob_id = rendered.hashes[instance_id].archive_blobstore_id
        if blob_id:
            await blobs.delete(blob_id)
