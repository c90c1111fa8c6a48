"""Addons of the manifest and the runtime configs (bosh: addon/{addon,filter,parser}.rb, runtime_config/release.rb)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from bosh.manifest.jobs import job
from bosh.manifest.model import Catalog, InstanceGroup, Job, Properties, Release
from bosh.manifest.reading import Node, no_such
from bosh.manifest.uploads import uploaded_release
from bosh.manifest.versions import latest_prefix

RELEASE_VERSION_NEEDED: Final = 530001
RELEASE_NOT_LISTED: Final = 530002
RELEASE_CONFLICT: Final = 530003
INCOMPLETE_JOB_FILTER: Final = 530004
INCOMPLETE_STEMCELL_FILTER: Final = 530005
DEPLOYMENT_FILTER: Final = 530006
INVALID_JOBS: Final = 140010

Level = Literal["deployment", "runtime"]
_FILTER_KEYS: Final = ("stemcell", "deployments", "jobs", "instance_groups", "networks", "teams", "azs", "lifecycle")


@dataclass(frozen=True, slots=True)
class Filter:
    """Kinds combine with AND, members of a kind with OR; an empty kind says nothing."""

    deployments: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    stemcells: tuple[str, ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()
    """(job, release)"""
    groups: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    azs: tuple[str, ...] = ()
    lifecycle: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    def matches(self, group: InstanceGroup, deployment: str, teams: Sequence[str]) -> bool:
        """Whether every kind that says something agrees."""
        return all(
            not wanted or bool(set(wanted) & set(having))
            for wanted, having in (
                (self.deployments, (deployment,)),
                (self.teams, teams),
                (self.stemcells, (group.stemcell.os,)),
                (self.jobs, tuple((entry.name, entry.release) for entry in group.jobs)),
                (self.groups, (group.name,)),
                (self.networks, tuple(network.name for network in group.networks)),
                (self.azs, group.azs),
                ((self.lifecycle,) if self.lifecycle else (), (group.lifecycle,)),
            )
        )


@dataclass(frozen=True, slots=True)
class Addon:
    name: str
    node: Node
    include: Filter
    exclude: Filter

    def applies(self, group: InstanceGroup, deployment: str, teams: Sequence[str]) -> bool:
        excluded = not self.exclude.is_empty and self.exclude.matches(group, deployment, teams)
        return self.include.matches(group, deployment, teams) and not excluded

    @property
    def releases(self) -> set[str]:
        return {str(entry.raw("release")) for entry in self.node.maps("jobs", ())}


def addons(root: Node, level: Level) -> list[Addon]:
    """The addons of one document. Their jobs are read when their releases are known, see ``add``."""
    return [_addon(node, level) for node in root.maps("addons", ())]


def _addon(node: Node, level: Level) -> Addon:
    node.known(("name", "jobs", "properties", "include", "exclude"))
    if "properties" in node:
        node.child("properties").warn("deprecated: say the properties at the job")
    return Addon(node.text("name"), node, _filter(node, "include", level), _filter(node, "exclude", level))


def _filter(node: Node, key: str, level: Level) -> Filter:
    if key not in node:
        return Filter()
    child = node.child(key)
    if not child.is_map():
        return Filter()
    child.known(_FILTER_KEYS)
    deployments = tuple(child.texts("deployments", ()))
    if level == "deployment" and deployments:
        message = "a deployment's own addon cannot be filtered by deployments"
        child.fault(message, code=DEPLOYMENT_FILTER, key="deployments")
    return Filter(
        deployments=deployments if level == "runtime" else (),
        teams=tuple(child.texts("teams", ())) if level == "runtime" else (),
        stemcells=_stemcells(child),
        jobs=_jobs(child),
        groups=tuple(child.texts("instance_groups", ())),
        networks=tuple(child.texts("networks", ())),
        azs=tuple(child.texts("azs", ())),
        lifecycle=child.text("lifecycle", ""),
    )


def _stemcells(node: Node) -> tuple[str, ...]:
    names = []
    for entry in node.maps("stemcell", ()):
        names.append(entry.text("os", ""))
        if not names[-1]:
            entry.fault("'os' is missing", code=INCOMPLETE_STEMCELL_FILTER)
    return tuple(names)


def _jobs(node: Node) -> tuple[tuple[str, str], ...]:
    pairs = []
    for entry in node.maps("jobs", ()):
        pairs.append((entry.text("name", ""), entry.text("release", "")))
        if not all(pairs[-1]):
            entry.fault("both 'name' and 'release' must be there", code=INCOMPLETE_JOB_FILTER)
    return tuple(pairs)


# --- releases of runtime configs ----------------------------------------------------------------------------------------------------


def runtime_releases(root: Node, used: set[str], having: Mapping[str, Release], catalog: Catalog) -> dict[str, Release]:
    """The releases that a runtime config brings for the addons that apply; ``having`` are the manifest's.

    Every version is checked for form, only those ``used`` for being there and fitting the manifest's.
    """
    found: dict[str, Release] = {}
    for node in root.maps("releases", ()):
        node.known(("name", "version", "url", "sha1", "stemcell", "exported_from"))
        name, version = node.text("name"), node.text("version")
        if latest_prefix(version) is not None:
            message = f'release "{name}" needs an exact version in a runtime config, not "{version}"'
            node.fault(message, code=RELEASE_VERSION_NEEDED, key="version")
        elif name in used:
            release = _fitting(node, name, version, {**having, **found}, catalog)
            if release:
                found[name] = release
    return found


def _fitting(node: Node, name: str, version: str, having: Mapping[str, Release], catalog: Catalog) -> Release | None:
    other = having.get(name)
    if other and other.version != version:
        message = f'release "{name}" has version "{version}" here and "{other.version}" elsewhere'
        node.fault(message, code=RELEASE_CONFLICT, key="version")
        return other
    return other or uploaded_release(node, name, version, catalog)


def check_listed(addon: Addon, listed: set[str], where: str) -> None:
    """An addon may use only releases that its own document lists."""
    for entry in addon.node.maps("jobs", ()):
        release = entry.text("release", "")
        if release and release not in listed:
            message = f"{no_such('release', release, sorted(listed))} in the releases of the {where}"
            entry.fault(message, code=RELEASE_NOT_LISTED, key="release")


# --- adding the jobs ----------------------------------------------------------------------------------------------------------------


def add(addon: Addon, group: InstanceGroup, releases: Mapping[str, Release]) -> InstanceGroup:
    """The group with the addon's jobs."""
    properties: Properties = addon.node.mapping("properties", {})
    jobs: list[Job] = list(group.jobs)
    for entry in addon.node.maps("jobs", ()):
        parsed = job(entry, releases, properties, addon=addon.name)
        if parsed is None:
            continue
        if parsed.name in {existing.name for existing in jobs}:
            message = f'job "{parsed.name}" is already in instance group "{group.name}"'
            entry.fault(message, code=INVALID_JOBS, key="name")
        else:
            jobs.append(parsed)
    return replace(group, jobs=tuple(jobs))
