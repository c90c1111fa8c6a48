"""What has been uploaded: the director's memory → ``Catalog``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from bosh.manifest.model import Catalog, CompiledPackage, JobSpec, LinkSpec, Package, Release, StemcellImage
from bosh.state import records
from bosh.state.contract import Store

R = TypeVar("R", records.JobTemplate, records.Package)


def read_catalog(store: Store) -> Catalog:
    """All releases, stemcells and compiled packages."""
    jobs = _by_version(store.job_templates.list())
    packages = _by_version(store.packages.list())
    return Catalog(
        releases=tuple(
            Release(
                name=row.release,
                version=row.version,
                jobs={job.name: job_spec(job) for job in jobs.get((row.release, row.version), ())},
                packages={package.name: _package(package) for package in packages.get((row.release, row.version), ())},
            )
            for row in store.release_versions.list()
        ),
        stemcells=tuple(
            StemcellImage(row.name, row.os, row.version, row.cid, row.cpi, row.api_version)
            for row in store.stemcells.list()
        ),
        compiled=tuple(compiled_package(row) for row in store.compiled_packages.list()),
    )


def _by_version(rows: Iterable[R]) -> dict[tuple[str, str], list[R]]:
    grouped: dict[tuple[str, str], list[R]] = defaultdict(list)
    for row in rows:
        grouped[row.release, row.release_version].append(row)
    return grouped


def job_spec(row: records.JobTemplate) -> JobSpec:
    """A stored job with its ``job.MF`` read."""
    spec: Mapping[str, Any] = row.spec or {}
    return JobSpec(
        name=row.name,
        release=row.release,
        release_version=row.release_version,
        fingerprint=row.fingerprint,
        sha1=row.sha1,
        blobstore_id=row.blobstore_id,
        templates=spec.get("templates") or {},
        packages=tuple(spec.get("packages") or ()),
        properties={name: about or {} for name, about in (spec.get("properties") or {}).items()},
        properties_schema=spec.get("properties_schema"),
        consumes=_links(spec.get("consumes")),
        provides=_links(spec.get("provides")),
        logs=spec.get("logs") or {},
    )


def _links(entries: Iterable[Mapping[str, Any]] | None) -> tuple[LinkSpec, ...]:
    return tuple(
        LinkSpec(
            name=entry["name"],
            type=entry["type"],
            optional=bool(entry.get("optional", False)),
            properties=tuple(entry.get("properties") or ()),
        )
        for entry in entries or ()
    )


def _package(row: records.Package) -> Package:
    return Package(
        name=row.name,
        release=row.release,
        release_version=row.release_version,
        fingerprint=row.fingerprint,
        sha1=row.sha1,
        blobstore_id=row.blobstore_id,
        dependencies=tuple(row.dependencies or ()),
    )


def compiled_package(row: records.CompiledPackage) -> CompiledPackage:
    """A stored compiled package as the plan sees it."""
    return CompiledPackage(
        package_fingerprint=row.package_fingerprint,
        dependency_key=row.dependency_key,
        stemcell_os=row.stemcell_os,
        stemcell_version=row.stemcell_version,
        sha1=row.sha1,
        blobstore_id=row.blobstore_id,
    )
