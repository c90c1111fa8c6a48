"""Release manifests and rows: how compiled packages are found, and who uses a blob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bosh.state.contract import Store


def dependency_keys(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Package name → dependency key, of a manifest's packages ``{name, fingerprint, dependencies}``."""
    from bosh.manifest.model import Package
    from bosh.plan.compilation import dependency_key

    packages = {
        str(entry["name"]): Package(
            name=str(entry["name"]),
            release="",
            release_version="",
            fingerprint=str(entry.get("fingerprint")),
            sha1="",
            blobstore_id="",
            dependencies=tuple(entry.get("dependencies") or ()),
        )
        for entry in entries
    }
    return {name: dependency_key(name, packages) for name in packages}


def compiled_key(entry: Mapping[str, Any], dependency_key: str) -> dict[str, Any]:
    """What identifies one compiled package."""
    os_name, _, os_version = str(entry.get("stemcell", "")).partition("/")
    return {
        "package_name": str(entry["name"]),
        "package_fingerprint": str(entry.get("fingerprint")),
        "stemcell_os": os_name,
        "stemcell_version": os_version,
        "dependency_key": dependency_key,
    }


def blob_is_used(store: Store, blob_id: str) -> bool:
    """Whether any job, package or compiled package is kept in this blob."""
    return bool(
        store.packages.count(blobstore_id=blob_id)
        or store.job_templates.count(blobstore_id=blob_id)
        or store.compiled_packages.count(blobstore_id=blob_id)
    )
