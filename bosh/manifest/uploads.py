"""Which uploaded release and stemcell a manifest's name and version stand for.

(bosh: manifest/manifest.rb resolve_*, api/{release,stemcell}_manager.rb)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bosh.manifest.model import Catalog, JobSpec, LinkSpec, Release, StemcellChoice, StemcellImage
from bosh.manifest.reading import MISSING_FIELD, Node, no_such
from bosh.manifest.versions import exactly, latest_prefix, newest, stemcell_version

RELEASE_NOT_FOUND: Final = 30005
RELEASE_VERSION_NOT_FOUND: Final = 30006
STEMCELL_NOT_FOUND: Final = 50003
DUPLICATE_ALIAS: Final = 50005
DUPLICATE_RELEASE: Final = 190002
AMBIGUOUS_RELEASES: Final = 190001

ExportedFrom = tuple[tuple[str, str], ...]


def job_spec(
    release: str, version: str, fingerprint: str, sha1: str, blobstore_id: str, job_mf: Mapping[str, Any]
) -> JobSpec:
    """A job as its ``job.MF`` describes it; unknown keys are left out."""
    return JobSpec(
        name=str(job_mf["name"]),
        release=release,
        release_version=version,
        fingerprint=fingerprint,
        sha1=sha1,
        blobstore_id=blobstore_id,
        templates={str(source): str(target) for source, target in (job_mf.get("templates") or {}).items()},
        packages=tuple(str(name) for name in job_mf.get("packages") or ()),
        properties={str(name): about or {} for name, about in (job_mf.get("properties") or {}).items()},
        properties_schema=job_mf.get("properties_schema"),
        consumes=_link_specs(job_mf.get("consumes")),
        provides=_link_specs(job_mf.get("provides")),
        logs={str(name): str(glob) for name, glob in (job_mf.get("logs") or {}).items()},
    )


def _link_specs(entries: Iterable[Mapping[str, Any]] | None) -> tuple[LinkSpec, ...]:
    return tuple(
        LinkSpec(
            str(entry["name"]),
            str(entry["type"]),
            bool(entry.get("optional")),
            tuple(str(name) for name in entry.get("properties") or ()),
        )
        for entry in entries or ()
    )


# --- releases -----------------------------------------------------------------------------------------------------------------------


def releases(root: Node, catalog: Catalog) -> tuple[dict[str, Release], dict[str, ExportedFrom]]:
    """The manifest's releases by name, and from which stemcells each must have been exported."""
    found: dict[str, Release] = {}
    exported: dict[str, ExportedFrom] = {}
    for node in _release_nodes(root):
        node.known(("name", "version", "url", "sha1", "stemcell", "exported_from"))
        name, version = node.text("name"), node.text("version")
        if name in found:
            node.fault(f'release "{name}" is there twice', code=DUPLICATE_RELEASE, key="name")
        # What is not uploaded is one fault; jobs that refer to it are not wrong as well.
        found[name] = uploaded_release(node, name, version, catalog) or Release(name, "")
        if stemcells := exported_from(node):
            exported[name] = stemcells
    return found, exported


def _release_nodes(root: Node) -> list[Node]:
    if "release" not in root:
        return root.maps("releases")
    if "releases" in root:
        root.fault("both 'release' and 'releases' are there; use one of them", code=AMBIGUOUS_RELEASES, key="release")
    single = root.child("release")
    return [single] if single.is_map() else []


def exported_from(node: Node) -> ExportedFrom:
    return tuple((part.text("os"), part.text("version")) for part in node.maps("exported_from", ()))


def uploaded_release(node: Node, name: str, wanted: str, catalog: Catalog) -> Release | None:
    """The uploaded version that is meant; None, and a fault, when there is none."""
    if not name or not wanted:
        return None
    having = {release.version: release for release in catalog.releases if release.name == name}
    if not having:
        names = sorted({release.name for release in catalog.releases})
        node.fault(f"{no_such('release', name, names)}; upload it first", code=RELEASE_NOT_FOUND, key="name")
        return None
    prefix = latest_prefix(wanted)
    version = exactly(wanted, having) if prefix is None else newest(having, prefix=prefix)
    if version is None:
        message = f"{no_such(f'version of release {name!r}', wanted, [*sorted(having), 'latest'])}; upload it first"
        node.fault(message, code=RELEASE_VERSION_NOT_FOUND, key="version")
        return None
    return having[version]


# --- stemcells ----------------------------------------------------------------------------------------------------------------------


def stemcells(root: Node, catalog: Catalog) -> dict[str, StemcellChoice]:
    """The manifest's stemcells by alias."""
    found: dict[str, StemcellChoice] = {}
    for node in root.maps("stemcells"):
        node.known(("alias", "os", "name", "version"))
        alias = node.text("alias")
        if alias in found:
            node.fault(f'stemcell alias "{alias}" is there twice', code=DUPLICATE_ALIAS, key="alias")
        found[alias] = _stemcell(node, alias, catalog.stemcells) or StemcellChoice(alias, "", "", "")
    return found


def _stemcell(node: Node, alias: str, images: Sequence[StemcellImage]) -> StemcellChoice | None:
    name, os, wanted = node.text("name", ""), node.text("os", ""), node.text("version")
    if not name and not os:
        node.fault("'os' or 'name' is missing", code=MISSING_FIELD)
        return None
    if not wanted:
        return None
    key, kind, value = ("name", "stemcell", name) if name else ("os", "stemcell for OS", os)
    having = [image for image in images if getattr(image, key) == value]
    if not having:
        known = sorted({getattr(image, key) for image in images})
        node.fault(f"{no_such(kind, value, known)}; upload it first", code=STEMCELL_NOT_FOUND, key=key)
        return None
    versions = {image.version: image for image in reversed(having)}
    prefix = latest_prefix(wanted)
    version = (
        (wanted if wanted in versions else None)
        if prefix is None
        else newest(versions, prefix=prefix, parse=stemcell_version)
    )
    if version is None:
        message = f"{no_such(f'version of {kind} {value!r}', wanted, [*sorted(versions), 'latest'])}; upload it first"
        node.fault(message, code=STEMCELL_NOT_FOUND, key="version")
        return None
    image = versions[version]
    return StemcellChoice(alias, image.os, image.name, image.version, image.api_version)
