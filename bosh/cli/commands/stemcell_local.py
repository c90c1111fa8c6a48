"""Stemcells on this machine: build, look at, repack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.uploads import opening_archive
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError
from bosh.stemcell import archive
from bosh.wire.stemcell_mf import StemcellManifest


def build_stemcell(
    context: typer.Context,
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="Recipe file (default: the container stemcell)")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where to put the archive (default: the cache)")
    ] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="Cache directory")] = None,
) -> None:
    from bosh.local.workshop import CACHE, RECIPE
    from bosh.stemcell.build import build

    session = sessions.of(context)
    path = build(
        recipe or RECIPE,
        cache_dir=cache or CACHE / "stemcells",
        output=output,
        progress=lambda text: session.ui.begin(f"{text}\n"),
    )
    show(session, archive.read(path, check_image=False).manifest, path)


def show(session: Session, manifest: StemcellManifest, path: Path | None = None) -> None:
    columns = ("Name", "OS", "Version", "API Version", "Formats", "Infrastructure", *(("Archive",) if path else ()))
    row = (
        manifest.name,
        manifest.operating_system,
        manifest.version,
        str(manifest.api_version or ""),
        list(manifest.stemcell_formats),
        str(manifest.cloud_properties.get("infrastructure") or ""),
        *((str(path),) if path else ()),
    )
    session.ui.table(Table("", columns, (row,), transpose=True))


def inspect_local_stemcell(
    context: typer.Context, path: Annotated[Path, typer.Argument(metavar="PATH-TO-STEMCELL")]
) -> None:
    ui = sessions.of(context).ui
    with opening_archive(path):
        manifest = archive.read(path, check_image=False).manifest
    properties = manifest.cloud_properties
    row = (
        manifest.name,
        manifest.operating_system,
        manifest.version,
        str(properties.get("infrastructure") or "unknown"),
        str(properties.get("hypervisor") or "-"),
    )
    ui.table(Table("stemcell-metadata", ("Name", "OS", "Version", "Infrastructure", "Hypervisor"), (row,)))


def repack_stemcell(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="PATH-TO-STEMCELL")],
    target: Annotated[Path, typer.Argument(metavar="PATH-TO-RESULT")],
    name: Annotated[str, typer.Option("--name", help="Repacked stemcell name")] = "",
    version: Annotated[str, typer.Option("--version", help="Repacked stemcell version")] = "",
    cloud_properties: Annotated[
        str, typer.Option("--cloud-properties", help="Repacked stemcell cloud properties, JSON")
    ] = "",
    formats: Annotated[list[str] | None, typer.Option("--format", help="Repacked stemcell format, repeatable")] = None,
    empty_image: Annotated[bool, typer.Option("--empty-image", help="Pack zero byte file instead of image")] = False,
) -> None:
    try:
        properties = json.loads(cloud_properties) if cloud_properties else None
    except ValueError as error:
        raise SessionError(f"cannot read --cloud-properties: {error}") from error
    change = archive.Change(
        name=name or None,
        version=version or None,
        cloud_properties=properties,
        formats=tuple(formats or ()),
        empty_image=empty_image,
    )
    show(sessions.of(context), archive.repack(source, target, change), target)
