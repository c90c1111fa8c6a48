"""Making releases: directories, jobs, packages, tarballs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Cell, Table
from bosh.cli.session import Session, doing
from bosh.wire.release_mf import ReleaseManifest

Folder = Annotated[Path, typer.Option("--dir", help="Release directory path if not current working directory")]
Force = Annotated[bool, typer.Option("--force", help="Ignore Git dirty state check")]


def init_release(
    context: typer.Context,
    folder: Folder = Path(),
    git: Annotated[bool, typer.Option("--git", help="Initialize git repository")] = False,
) -> None:
    from bosh.release import generate

    generate.init_release(folder, use_git=git)


def reset_release(context: typer.Context, folder: Folder = Path()) -> None:
    from bosh.release import generate

    sessions.of(context).ui.confirm()
    generate.reset_release(folder)


def generate_job(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], folder: Folder = Path()
) -> None:
    from bosh.release import generate

    generate.generate_job(folder, name)


def generate_package(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], folder: Folder = Path()
) -> None:
    from bosh.release import generate

    generate.generate_package(folder, name)


def show(session: Session, manifest: ReleaseManifest, archive: Path | None = None) -> None:
    """The tables of ``create-release`` and ``inspect-local-release``."""
    session.ui.table(
        Table(
            "",
            ("Name", "Version", "Commit Hash", *(("Archive",) if archive else ())),
            (
                (
                    manifest.name,
                    manifest.version,
                    manifest.commit_hash + ("+" if manifest.uncommitted_changes else ""),
                    *((str(archive),) if archive else ()),
                ),
            ),
            transpose=True,
        )
    )
    jobs = tuple((f"{job.name}/{job.fingerprint}", job.sha1, list(job.packages)) for job in manifest.jobs)
    session.ui.table(Table("jobs", ("Job", "Digest", "Packages"), jobs, sort_by=(0,)))
    columns: tuple[str, ...] = ("Package", "Digest", "Dependencies")
    packages: list[tuple[Cell, ...]] = []
    for package in (*manifest.packages, *manifest.compiled_packages):
        row = (f"{package.name}/{package.fingerprint}", package.sha1, list(package.dependencies))
        packages.append((*row, *package.stemcell.partition("/")[::2]) if manifest.is_compiled else row)
    if manifest.is_compiled:
        columns += ("OS", "OS Version")
    session.ui.table(Table("packages", columns, tuple(packages), sort_by=(0,)))


def create_release(
    context: typer.Context,
    manifest: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="Path to a release manifest to build a tarball of")
    ] = None,
    folder: Folder = Path(),
    name: Annotated[str, typer.Option("--name", help="Custom release name")] = "",
    version: Annotated[
        str, typer.Option("--version", help="Custom release version (e.g.: 1.0.0, 1.0-beta.2+dev.10)")
    ] = "",
    timestamp_version: Annotated[
        bool,
        typer.Option(
            "--timestamp-version", help="Create release with the timestamp as the dev version (e.g.: 1+dev.TIMESTAMP)"
        ),
    ] = False,
    final: Annotated[bool, typer.Option("--final", help="Make it a final release")] = False,
    tarball: Annotated[
        Path | None, typer.Option("--tarball", help="Create release tarball at path (e.g.: /tmp/release.tgz)")
    ] = None,
    force: Force = False,
) -> None:
    from bosh.release.create import create_release as create

    session = sessions.of(context)
    made = create(
        folder,
        name=name,
        version=version,
        timestamp_version=timestamp_version,
        final=final,
        force=force,
        tarball=tarball.absolute() if tarball else None,
        manifest=manifest,
    )
    for warning in made.warnings:
        session.ui.error(warning)
    show(session, made.manifest, made.tarball)


def finalize_release(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH")],
    folder: Folder = Path(),
    name: Annotated[str, typer.Option("--name", help="Custom release name")] = "",
    version: Annotated[str, typer.Option("--version", help="Custom release version")] = "",
    force: Force = False,
) -> None:
    from bosh.release.create import finalize_release as finalize

    show(sessions.of(context), finalize(folder, path, name=name, version=version, force=force).manifest)


def vendor_package(
    context: typer.Context,
    package: Annotated[str, typer.Argument(metavar="PACKAGE")],
    source: Annotated[Path, typer.Argument(metavar="SRC-DIR")],
    folder: Folder = Path(),
    prefix: Annotated[str, typer.Option("--prefix", help="Prefix to add to the vendored packages' names")] = "",
) -> None:
    from bosh.release.create import vendor_package as vendor

    session = sessions.of(context)
    for name in vendor(folder, package, source, prefix=prefix):
        session.ui.line(f"Added package '{name}'")


def inspect_local_release(
    context: typer.Context, path: Annotated[Path, typer.Argument(metavar="PATH-TO-RELEASE")]
) -> None:
    from bosh.release import repack

    with doing("Extracting release"):
        manifest = repack.inspect(path)
    show(sessions.of(context), manifest, path)


def sha1ify_release(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH")],
    target: Annotated[Path, typer.Argument(metavar="DESTINATION")],
) -> None:
    from bosh.release import repack

    show(sessions.of(context), repack.redigest(path, target, "sha1").manifest(), target)


def sha2ify_release(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH")],
    target: Annotated[Path, typer.Argument(metavar="DESTINATION")],
) -> None:
    from bosh.release import repack

    show(sessions.of(context), repack.redigest(path, target, "sha256").manifest(), target)
