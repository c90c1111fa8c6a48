"""Blobs of a release directory: large files kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.output.values import binary

Folder = Annotated[Path, typer.Option("--dir", help="Release directory path if not current working directory")]


def blobs(context: typer.Context, folder: Folder = Path()) -> None:
    from bosh.release.directory import ReleaseDir

    rows = tuple(
        (blob.path, binary(blob.size), blob.blobstore_id or "(local)", blob.sha1)
        for blob in ReleaseDir(folder).blobs.blobs()
    )
    sessions.of(context).ui.table(Table("blobs", ("Path", "Size", "Blobstore ID", "Digest"), rows, sort_by=(0,)))


def add_blob(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH")],
    blob_path: Annotated[str, typer.Argument(metavar="BLOBS-PATH")],
    folder: Folder = Path(),
) -> None:
    from bosh.release.directory import ReleaseDir

    blob = ReleaseDir(folder).blobs.add(path, blob_path)
    sessions.of(context).ui.line(f"Added blob '{blob.path}'")


def remove_blob(
    context: typer.Context, blob_path: Annotated[str, typer.Argument(metavar="BLOBS-PATH")], folder: Folder = Path()
) -> None:
    from bosh.release.directory import ReleaseDir

    ReleaseDir(folder).blobs.remove(blob_path)
    sessions.of(context).ui.line(f"Removed blob '{blob_path}'")


def sync_blobs(context: typer.Context, folder: Folder = Path()) -> None:
    from bosh.release.directory import ReleaseDir

    ReleaseDir(folder).blobs.sync()


def upload_blobs(context: typer.Context, folder: Folder = Path()) -> None:
    from bosh.release.directory import ReleaseDir

    session = sessions.of(context)
    for blob in ReleaseDir(folder).blobs.upload():
        session.ui.line(f"Uploaded blob '{blob.path}'")
