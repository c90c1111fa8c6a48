"""Offer an uploaded stemcell to every cloud (``bosh upload-stemcell``; bosh: jobs/update_stemcell.rb)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bosh.clients.contract import Cpi
from bosh.director import config_sets
from bosh.director.cpi_names import cpi_names
from bosh.director.tasks.contract import Stage, TaskContext
from bosh.director.tasks.uploads import check_digest, disk_space, fetch, to_its_end, uploaded
from bosh.state import records
from bosh.wire import cpi as wire
from bosh.wire.errors import CloudError, StemcellNotSupported, StemcellSha1DoesNotMatch
from bosh.wire.stemcell_mf import StemcellManifest

_LOCK_TIMEOUT_S = 900.0
"""For each cloud: another upload of the same stemcell may be copying its image to all of them."""


async def run(context: TaskContext) -> str:
    """``/stemcells/NAME/VERSION``.

    Raises:
        What ``bosh.stemcell.archive.read`` raises; StemcellSha1DoesNotMatch, StemcellNotSupported, CloudError, NotEnoughDiskSpace,
        LockTimeout.
    """
    arguments = context.task.arguments
    names = cpi_names(context.store)
    steps = 2 + bool(arguments["location"]) + bool(arguments["sha1"]) + 3 * len(names)
    stage = context.log.stage("Update stemcell", total=steps)
    async with uploaded(context) as path:
        if arguments["location"]:
            async with stage.step("Downloading remote stemcell"):
                await fetch(context, arguments["location"], path)
        if arguments["sha1"]:
            async with stage.step("Verifying remote stemcell"):
                await check_digest(path, arguments["sha1"], StemcellSha1DoesNotMatch)
        image = context.work_dir / "image"
        async with stage.step("Extracting stemcell archive"):
            with disk_space("cannot extract the stemcell"):
                manifest = await to_its_end(asyncio.to_thread(_extract, path, image))
        async with stage.step("Verifying stemcell manifest"):
            context.log.debug(f"Found stemcell image '{manifest.name}/{manifest.version}'")
        lock = f"lock:stemcells:{manifest.name}:{manifest.version}"
        async with context.control.lock(lock, timeout_s=_LOCK_TIMEOUT_S * len(names)):
            await _offer_to_all(context, stage, manifest, image, names)
    return f"/stemcells/{manifest.name}/{manifest.version}"


def _extract(path: Path, image: Path) -> StemcellManifest:
    from bosh.stemcell.archive import extract_image

    return extract_image(path, image)


async def _offer_to_all(
    context: TaskContext, stage: Stage, manifest: StemcellManifest, image: Path, names: dict[str, set[str]]
) -> None:
    taken, formats = False, set[str]()
    for name, aliases in names.items():
        context.control.checkpoint()
        cloud = context.cpis.named(name)
        accepted = await _formats(cloud)
        formats |= set(accepted or ())
        if manifest.stemcell_formats and accepted and not set(manifest.stemcell_formats) & set(accepted):
            context.log.debug(f"CPI '{name}' does not support the stemcell's formats")
        else:
            await _Offer(context, stage, manifest, name, aliases).make(cloud, image)
            taken = True
        _remember(context, manifest, name)
    if not taken:
        raise StemcellNotSupported(
            f"uploaded stemcell with formats {list(manifest.stemcell_formats)} are not supported by available cpi "
            f"formats: {sorted(formats)}"
        )


async def _formats(cloud: Cpi) -> list[str] | None:
    """What the cloud's ``info`` says; None when it says nothing, which means that anything may be tried."""
    try:
        info = await cloud.call("info")
    except CloudError as error:
        if error.kind != wire.NOT_IMPLEMENTED:
            raise
        return None
    return info.get("stemcell_formats") if isinstance(info, dict) else None


def _remember(context: TaskContext, manifest: StemcellManifest, cpi: str) -> None:
    row = records.StemcellUpload(manifest.name, manifest.version, cpi)
    with context.store.transaction():
        if not context.store.stemcell_uploads.count(name=row.name, version=row.version, cpi=cpi):
            context.store.stemcell_uploads.insert(row)


class _Offer:
    """One stemcell for one cloud, under its lock."""

    def __init__(
        self, context: TaskContext, stage: Stage, manifest: StemcellManifest, cpi: str, aliases: set[str]
    ) -> None:
        self._context = context
        self._stage = stage
        self._manifest = manifest
        self._cpi = cpi
        self._aliases = sorted(aliases)
        self._suffix = f" (cpi: {cpi})" if cpi else ""

    async def make(self, cloud: Cpi, image: Path) -> None:
        name, version = self._manifest.name, self._manifest.version
        async with self._stage.step(f"Checking if this stemcell already exists{self._suffix}"):
            known = self._context.store.stemcells.get(name=name, version=version, cpi=self._aliases)
        needed = known is None or bool(self._context.task.arguments["fix"])
        suffix = self._suffix + ("" if needed else " (already exists, skipped)")
        cid = known.cid if known is not None else ""
        async with self._stage.step(f"Uploading stemcell {name}/{version} to the cloud{suffix}"):
            if needed:
                cid = str(await self._create(cloud, image))
        async with self._stage.step(f"Save stemcell {name}/{version} ({cid}){suffix}"):
            if needed:
                self._save(known, cid)

    async def _create(self, cloud: Cpi, image: Path) -> Any:
        properties = dict(self._manifest.cloud_properties)
        return await cloud.call("create_stemcell", str(image), properties, {"tags": _tags(self._context)})

    def _save(self, known: records.Stemcell | None, cid: str) -> None:
        manifest, store = self._manifest, self._context.store
        if known is not None:
            store.stemcells.update(known.id, cid=cid, sha1=manifest.sha1)
            return
        store.stemcells.insert(
            records.Stemcell(
                manifest.name,
                manifest.operating_system,
                manifest.version,
                cid,
                cpi=self._cpi,
                sha1=manifest.sha1,
                api_version=manifest.api_version or 1,
            )
        )


def _tags(context: TaskContext) -> dict[str, Any]:
    """The default runtime config's tags go on the image."""
    from bosh.manifest import documents

    config = config_sets.current(context.store, "runtime", "default")
    content = documents.load(config.content, "runtime config").value if config is not None else None
    tags = content.get("tags") if isinstance(content, dict) else None
    return dict(tags) if isinstance(tags, dict) else {}
