"""Releases of the director."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands import slugs
from bosh.cli.commands.downloads import download
from bosh.cli.commands.uploads import REMOTE, local_path, send_file, send_location, without_credentials
from bosh.cli.failures import flagged
from bosh.cli.output.table import Table
from bosh.cli.output.values import yaml_of
from bosh.cli.session import Session, SessionError, doing
from bosh.manifest.versions import release_version

if TYPE_CHECKING:
    from bosh.wire.release_mf import ReleaseManifest

_GIT = ("git://", "git+", "git@")


@dataclass(frozen=True, slots=True)
class Upload:
    """What is said about a release to upload; empty for what is not."""

    name: str = ""
    version: str = ""
    sha1: str = ""
    stemcell: str = ""
    """``os/version`` that it is compiled for."""
    rebase: bool = False
    fix: bool = False

    @property
    def query(self) -> dict[str, str]:
        return {key: "true" for key, wanted in (("rebase", self.rebase), ("fix", self.fix)) if wanted}


def releases(context: typer.Context) -> None:
    session = sessions.of(context)
    rows = []
    for release in sorted(_all(session), key=lambda item: str(item["name"])):
        versions = sorted(release["release_versions"], key=lambda item: release_version(item["version"]), reverse=True)
        for item in versions:
            deployed = "*" if item.get("currently_deployed") else ""
            uncommitted = "+" if item.get("uncommitted_changes") else ""
            rows.append((release["name"], item["version"] + deployed, (item.get("commit_hash") or "") + uncommitted))
    notes = ("(*) Currently deployed", "(+) Uncommitted changes")
    session.ui.table(Table("releases", ("Name", "Version", "Commit Hash"), tuple(rows), notes=notes))


def _all(session: Session) -> list[dict[str, Any]]:
    director = session.director()
    with doing("Finding releases"):
        found: list[dict[str, Any]] = director.get("/releases")
    return found


def exists(session: Session, name: str, version: str) -> bool:
    """Whether the director has this release version."""
    return any(
        item["version"] == version
        for release in _all(session)
        if release["name"] == name
        for item in release["release_versions"]
    )


def _contents(session: Session, name: str, version: str) -> dict[str, Any]:
    with doing(f"Expected to find release '{name}/{version}'"), doing(f"Finding release '{name}/{version}'"):
        found: dict[str, Any] = session.director().get(f"/releases/{name}", version=version)
    return found


def _is_usable(session: Session, chosen: Upload) -> bool:
    """Whether the director has the release with sources, or compiled for the stemcell."""
    if not exists(session, chosen.name, chosen.version):
        return False
    packages = _contents(session, chosen.name, chosen.version)["packages"]
    if not chosen.stemcell:
        return all(package.get("blobstore_id") for package in packages)
    return all(
        any(item["stemcell"] == chosen.stemcell for item in package.get("compiled_packages") or [])
        for package in packages
    )


def upload_release(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="URL", help="Path to a local file or URL")] = "",
    folder: Annotated[
        Path, typer.Option("--dir", help="Release directory path if not current working directory")
    ] = Path(),
    rebase: Annotated[
        bool, typer.Option("--rebase", help="Rebases this release onto the latest version known by the Director")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Replaces corrupt and missing jobs and packages")] = False,
    name: Annotated[
        str, typer.Option("--name", help="Name used in existence check (is not used with local release file)")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", help="Version used in existence check (is not used with local release file)")
    ] = "",
    sha1: Annotated[str, typer.Option("--sha1", help="SHA1 of the remote release (is not used with local files)")] = "",
    stemcell: Annotated[
        str,
        typer.Option(
            "--stemcell",
            metavar="OS/VERSION",
            help="Stemcell that the release is compiled against (applies to remote releases)",
        ),
    ] = "",
) -> None:
    if stemcell:
        with flagged("--stemcell"):
            slugs.os_and_version(stemcell)
    session = sessions.of(context)
    session.director()
    upload_one(session, source, Upload(name, version, sha1, stemcell, rebase=rebase, fix=fix), folder)


def upload_one(session: Session, source: str, chosen: Upload, folder: Path = Path()) -> None:
    """A URL, a git repository, a file, or what was built last in a release directory; unless the director has it.

    Raises:
        SessionError: it could not be uploaded.
    """
    if not chosen.fix and chosen.name and chosen.version and _is_usable(session, chosen):
        which = f" for stemcell '{chosen.stemcell}'" if chosen.stemcell else ""
        session.ui.line(f"Release '{chosen.name}/{chosen.version}'{which} already exists.")
    elif REMOTE.match(source):
        what = f"Uploading remote release '{without_credentials(source)}'"
        send_location(session, "/releases", source, sha1=chosen.sha1, what=what, query=chosen.query)
    elif source.startswith(_GIT):
        _upload_repository(session, source.removeprefix("git+"), chosen)
    elif source:
        _upload_file(session, local_path(source), chosen)
    else:
        _upload_built(session, folder, chosen)


def _upload_repository(session: Session, url: str, chosen: Upload) -> None:
    """The newest release of a release directory that lies in a git repository."""
    with tempfile.TemporaryDirectory(prefix="bosh-upload-release") as scratch:
        target = Path(scratch) / "clone"
        words = ["git", "clone", "--quiet", "--depth", "1", "--", url, str(target)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SessionError("Cloning git repo", done.stderr.strip() or f"git ended with {done.returncode}")
        _upload_built(session, target, chosen)


def _upload_built(session: Session, folder: Path, chosen: Upload) -> None:
    """What a release directory has built, as a tarball made for the upload."""
    from bosh.release import built
    from bosh.release.directory import ReleaseDir

    release = ReleaseDir(folder).find(chosen.name, chosen.version)
    known = _known_packages(session, release.manifest(), chosen)
    with tempfile.TemporaryDirectory(prefix="bosh-upload-release") as scratch:
        tarball = built.write(release, Path(scratch) / "release.tgz", skip=known)
        send_file(session, "/releases", tarball, what="Uploading release file", query=chosen.query)


def _upload_file(session: Session, path: Path, chosen: Upload) -> None:
    from bosh.release import repack

    try:
        path.stat()
    except OSError as error:
        raise SessionError(f"stat {path}: {(error.strerror or str(error)).lower()}") from error
    send_release(session, path, repack.inspect(path), chosen)


def send_release(session: Session, path: Path, manifest: ReleaseManifest, chosen: Upload) -> None:
    """A release tarball, without the packages that the director has already."""
    from bosh.release import repack

    known = _known_packages(session, manifest, chosen)
    if not known:
        send_file(session, "/releases", path, what="Uploading release file", query=chosen.query)
        return
    with tempfile.TemporaryDirectory(prefix="bosh-upload-release") as scratch:
        smaller = repack.without_packages(path, Path(scratch) / path.name, known)
        send_file(session, "/releases", smaller, what="Uploading release file", query=chosen.query)


def _known_packages(session: Session, manifest: ReleaseManifest, chosen: Upload) -> Collection[str]:
    """Fingerprints that need not be sent again; none under ``--fix``, which is there to replace them."""
    if chosen.fix:
        return ()
    from bosh.wire import release_mf

    place = "/packages/matches_compiled" if manifest.is_compiled else "/packages/matches"
    body, headers = release_mf.render(manifest).encode(), {"Content-Type": "text/yaml"}
    with doing("Matching packages"):
        found: list[str] = session.director().call("POST", place, body=body, headers=headers).json()
    return found


def export_release(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="NAME/VERSION")],
    stemcell: Annotated[str, typer.Argument(metavar="OS/VERSION")],
    folder: Annotated[Path, typer.Option("--dir", help="Destination directory")] = Path(),
    job: Annotated[list[str] | None, typer.Option("--job", help="Name of job to export")] = None,
) -> None:
    name, version = slugs.release(slug)
    os_name, os_version = slugs.os_and_version(stemcell)
    session = sessions.of(context)
    deployment = session.deployment()
    _check_jobs(session, name, version, job or [])
    body = {
        "deployment_name": deployment,
        "release_name": name,
        "release_version": version,
        "stemcell_os": os_name,
        "stemcell_version": os_version,
        "sha2": True,
        "jobs": [{"name": item} for item in job or []],
    }
    headers = {"Content-Type": "application/json"}
    task = session.run_task(
        "POST", "/releases/export", what="Exporting release", body=json.dumps(body).encode(), headers=headers
    )
    (result,) = session.director().result_rows(int(task["id"]))
    prefix = "-".join([*sorted(job or []), name, version, os_name, os_version])
    with doing("Downloading exported release"):
        download(session, result["blobstore_id"], result["sha1"], prefix=prefix, folder=folder)


def _check_jobs(session: Session, name: str, version: str, wanted: Collection[str]) -> None:
    """Raises SessionError: the release has no such job."""
    known = {job["name"] for job in _contents(session, name, version)["jobs"]} if wanted else set()
    for job in sorted(wanted):
        if job not in known:
            raise SessionError(f"Job '{job}' for release '{name}/{version}' doesn't exist")


def _links(items: list[dict[str, Any]]) -> str:
    """Names and types, and whether a link may be missing (bosh-cli: director/releases.go Link)."""
    shown = [
        {"name": item.get("name") or "", "type": item.get("type") or ""}
        | ({"optional": True} if item.get("optional") else {})
        for item in items
    ]
    return yaml_of(shown)


def inspect_release(context: typer.Context, slug: Annotated[str, typer.Argument(metavar="NAME/VERSION")]) -> None:
    name, version = slugs.release(slug)
    session = sessions.of(context)
    session.director()
    found = _contents(session, name, version)
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
    packages: list[tuple[str, str, str, str]] = []
    for package in found["packages"]:
        label = f"{package['name']}/{package['fingerprint']}"
        packages.append((label, "(source)", package.get("blobstore_id") or "", package.get("sha1") or ""))
        packages += [
            (label, item["stemcell"], item["blobstore_id"], item["sha1"])
            for item in package.get("compiled_packages") or []
        ]
    titles = ("Job", "Blobstore ID", "Digest", "Links Consumed", "Links Provided")
    others = ("Package", "Compiled for", "Blobstore ID", "Digest")
    session.ui.table(Table("jobs", titles, jobs, sort_by=(0,)), together=others)
    session.ui.table(Table("packages", others, tuple(packages), sort_by=(0,)), together=titles)


def delete_release(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="NAME[/VERSION]")],
    force: Annotated[bool, typer.Option("--force", help="Ignore errors")] = False,
) -> None:
    name, version = slugs.release_or_series(slug)
    session = sessions.of(context)
    session.director()
    session.ui.confirm()

    def is_there() -> bool:
        if version:
            return exists(session, name, version)
        return any(release["name"] == name for release in _all(session))

    if not is_there():
        session.ui.line(f"Release '{slug}' does not exist.")
        return
    query = {"version": version, "force": "true" if force else ""}
    what = f"Deleting release or series '{name}[/{version}]'"
    session.remove(f"/releases/{name}", what=what, is_there=is_there, query=query)
