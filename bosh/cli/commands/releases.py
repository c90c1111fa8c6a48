"""Releases of the director."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.downloads import download
from bosh.cli.commands.slugs import name_and_version
from bosh.cli.commands.uploads import REMOTE, local_path, send_file, send_location
from bosh.cli.output.table import Table
from bosh.cli.session import Session
from bosh.clients.director import DirectorError
from bosh.manifest.versions import release_version


def releases(context: typer.Context) -> None:
    session = sessions.of(context)
    rows = []
    for release in sorted(session.director().get("/releases"), key=lambda item: str(item["name"])):
        versions = sorted(release["release_versions"], key=lambda item: release_version(item["version"]), reverse=True)
        for item in versions:
            deployed = "*" if item.get("currently_deployed") else ""
            uncommitted = "+" if item.get("uncommitted_changes") else ""
            rows.append((release["name"], item["version"] + deployed, (item.get("commit_hash") or "") + uncommitted))
    notes = ("(*) Currently deployed", "(+) Uncommitted changes")
    session.ui.table(Table("releases", ("Name", "Version", "Commit Hash"), tuple(rows), notes=notes))


def exists(session: Session, name: str, version: str) -> bool:
    """Whether the director has this release version."""
    try:
        return version in session.director().get(f"/releases/{name}")["versions"]
    except DirectorError as error:
        if error.status == 404:
            return False
        raise


def upload_release(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="[PATH|URL]", help="Path to a local file or URL")] = "",
    folder: Annotated[
        Path, typer.Option("--dir", help="Release directory path if not current working directory")
    ] = Path(),
    rebase: Annotated[
        bool, typer.Option("--rebase", help="Rebases this release onto the latest version known by the Director")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Replaces corrupt and missing jobs and packages")] = False,
    name: Annotated[str, typer.Option("--name", help="Name used in existence check")] = "",
    version: Annotated[str, typer.Option("--version", help="Version used in existence check")] = "",
    sha1: Annotated[str, typer.Option("--sha1", help="SHA1 of the remote release")] = "",
    stemcell: Annotated[
        str, typer.Option("--stemcell", metavar="OS/VERSION", help="Stemcell that the release is compiled against")
    ] = "",
) -> None:
    session = sessions.of(context)
    if name and version and not fix and exists(session, name, version):
        session.ui.line(f"Release '{name}/{version}' already exists.")
        return
    query = {key: "true" for key, wanted in (("rebase", rebase), ("fix", fix)) if wanted}
    if REMOTE.match(source):
        send_location(session, "/releases", source, sha1=sha1, what="Uploading remote release", query=query)
        return
    if source:
        send_file(session, "/releases", local_path(source), what="Uploading release file", query=query)
    else:
        _upload_newest(session, folder, query)


def _upload_newest(session: Session, folder: Path, query: dict[str, str]) -> None:
    """The newest release of a release directory, as a tarball made for the upload."""
    from bosh.release import built
    from bosh.release.directory import ReleaseDir

    release = ReleaseDir(folder).find_last()
    if "fix" not in query and exists(session, release.name, release.version):
        session.ui.line(f"Release '{release.name}/{release.version}' already exists.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        tarball = built.write(release, Path(scratch) / "release.tgz")
        send_file(session, "/releases", tarball, what="Uploading release file", query=query)


def export_release(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="NAME/VERSION")],
    stemcell: Annotated[str, typer.Argument(metavar="OS/VERSION")],
    folder: Annotated[Path, typer.Option("--dir", help="Destination directory")] = Path(),
    job: Annotated[list[str] | None, typer.Option("--job", help="Name of job to export")] = None,
) -> None:
    session = sessions.of(context)
    name, version = name_and_version(slug)
    os_name, os_version = name_and_version(stemcell)
    body = {
        "deployment_name": session.deployment(),
        "release_name": name,
        "release_version": version,
        "stemcell_os": os_name,
        "stemcell_version": os_version,
        "sha2": True,
        "jobs": [{"name": item} for item in job or []],
    }
    headers = {"Content-Type": "application/json"}
    task = session.run_task(
        "POST", "/releases/export", what=f"Exporting release '{slug}'", body=json.dumps(body).encode(), headers=headers
    )
    (result,) = session.director().result_rows(int(task["id"]))
    prefix = f"{name}-{version}-{os_name}-{os_version}"
    download(session, result["blobstore_id"], result["sha1"], prefix=prefix, folder=folder)


def _links(items: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(item, sort_keys=True) for item in items]


def inspect_release(context: typer.Context, slug: Annotated[str, typer.Argument(metavar="NAME/VERSION")]) -> None:
    session = sessions.of(context)
    name, version = name_and_version(slug)
    found = session.director().get(f"/releases/{name}", version=version)
    jobs = tuple(
        (
            f"{job['name']}/{job['fingerprint']}",
            job["blobstore_id"] or "",
            job["sha1"] or "",
            _links(job.get("consumes") or []),
            _links(job.get("provides") or []),
        )
        for job in found["jobs"]
    )
    session.ui.table(
        Table(
            "jobs",
            ("Job", "Blobstore ID", "Digest", "Links Consumed", "Links Provided"),
            jobs,
            sort_by=(0,),
            fill_first=True,
        )
    )
    packages: list[tuple[str, str, str, str]] = []
    for package in found["packages"]:
        label = f"{package['name']}/{package['fingerprint']}"
        if package.get("blobstore_id"):
            packages.append((label, "(source)", package["blobstore_id"], package["sha1"]))
        packages += [
            (label, item["stemcell"], item["blobstore_id"], item["sha1"])
            for item in package.get("compiled_packages") or []
        ]
    session.ui.table(
        Table(
            "packages",
            ("Package", "Compiled for", "Blobstore ID", "Digest"),
            tuple(packages),
            sort_by=(0, 1),
            fill_first=True,
        )
    )


def delete_release(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="NAME[/VERSION]")],
    force: Annotated[bool, typer.Option("--force", help="Ignore errors")] = False,
) -> None:
    session = sessions.of(context)
    name, _, version = slug.partition("/")
    session.ui.confirm()
    query = {"version": version, "force": "true" if force else ""}
    session.run_task("DELETE", f"/releases/{name}", what=f"Deleting release '{slug}'", query=query)
