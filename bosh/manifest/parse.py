"""Manifest, configs and catalog → ``Desired``, or every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bosh.manifest.addons import Addon, add, addons, check_listed, runtime_releases
from bosh.manifest.cloud import Cloud, cloud, cpi_names
from bosh.manifest.configs import ConfigText, root, single
from bosh.manifest.features import features, variables
from bosh.manifest.groups import Setting, check_group, check_migrations, group
from bosh.manifest.model import (
    Amount,
    Catalog,
    Desired,
    InstanceGroup,
    Properties,
    Release,
    StemcellChoice,
    Update,
    WatchTime,
)  # fmt: skip
from bosh.manifest.names import name_of, unique_names
from bosh.manifest.reading import MISSING_FIELD, Findings, Node
from bosh.manifest.references import (
    CLOUD_KEPT,
    CPI_KEPT,
    MANIFEST_KEPT,
    RUNTIME_KEPT,
    Lookup,
    Resolution,
    Subtree,
)  # fmt: skip
from bosh.manifest.updates import update
from bosh.manifest.uploads import exported_from, releases, stemcells

__all__ = ["ConfigText", "ParseOptions", "parse", "validate_config"]

GROUP_NAME_TAKEN: Final = 190006
RUNTIME_PARSE_ERROR: Final = 530006
MERGE_ERROR: Final = 570000
NO_STEMCELLS: Final = 190019

_KEYS: Final = (
    "name", "releases", "release", "stemcells", "update", "instance_groups", "addons", "variables", "features", "tags",
    "properties", "manifest_version", "director_uuid",
)  # fmt: skip
_FORBIDDEN: Final = (
    ("networks", 140026, "networks belong into a cloud config"),
    ("disk_pools", 140027, "disks belong into a cloud config, as disk_types"),
    ("jobs", 140023, "jobs belong into instance groups"),
    ("resource_pools", 140028, "VM sizes belong into a cloud config, as vm_types"),
    ("vm_types", 190014, "it belongs into a cloud config"),
    ("azs", 190014, "it belongs into a cloud config"),
    ("disk_types", 190014, "it belongs into a cloud config"),
    ("compilation", 190014, "it belongs into a cloud config"),
)
_RUNTIME_KEYS: Final = ("releases", "addons", "tags", "variables")
_NO_UPDATE: Final = Update(Amount(1), Amount(1), WatchTime(0, 0), WatchTime(0, 0))


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """What bears on a manifest from outside it."""

    canaries: str = ""
    """The deploy command's ``--canaries``."""
    max_in_flight: str = ""
    """The deploy command's ``--max-in-flight``."""
    teams: tuple[str, ...] = ()
    """Teams that own the deployment, for addon filters."""
    lookup: Lookup | None = None
    """Values of variables, for references that must be resolved now."""
    director_ips: tuple[str, ...] = ()
    default_vm_strategy: str = ""
    remove_dev_tools: bool = False
    ignore_missing_gateway: bool = False


def parse(
    manifest_text: str,
    *,
    cloud_configs: Sequence[ConfigText] = (),
    runtime_configs: Sequence[ConfigText] = (),
    cpi_config: ConfigText | None = None,
    cpi_configs: Sequence[ConfigText] = (),
    catalog: Catalog,
    director_name: str,
    options: ParseOptions | None = None,
    source: str = "manifest",
) -> Desired:
    """What the operator wants.

    Args:
        cpi_config, cpi_configs: the CPI configs, one or several; without any, AZs need not name a CPI.
        source: what faults call the manifest.

    Raises:
        ManifestFaults: everything wrong in any of the texts.
    """
    given = options or ParseOptions()
    findings = Findings()
    documents = _Documents(director_name, findings, given, manifest_text, source)
    manifest = documents.manifest
    clouds = documents.configs(cloud_configs, CLOUD_KEPT, absolute_only=True)
    runtimes = documents.configs(runtime_configs, RUNTIME_KEPT)
    cpi_texts = [*([cpi_config] if cpi_config else []), *cpi_configs]
    cpis = documents.configs(cpi_texts, CPI_KEPT)
    if manifest is None:
        # Nothing can be said about a manifest that cannot be read; the configs' faults are reported with it.
        findings.check()
        raise AssertionError("a manifest that cannot be read is a fault")
    if not clouds:
        manifest.fault("there is no cloud config; upload one with networks and vm_types", code=MISSING_FIELD)
        # Without one every name in the manifest would be unknown; that is noise.
        findings.check()
    available = cloud(
        clouds,
        cpis=cpi_names(cpis) if cpi_texts else None,
        director_ips=given.director_ips,
        gateway_optional=given.ignore_missing_gateway,
    )
    desired = _desired(manifest, runtimes, available, catalog, director_name, given)
    findings.check()
    return replace(desired, warnings=tuple(dict.fromkeys(findings.warnings)))


def validate_config(text: str, *, type: str, name: str = "default", director_name: str = "") -> None:  # noqa: A002
    """Check a cloud, runtime or CPI config alone, when it is uploaded; other types need only be YAML maps.

    Raises:
        ManifestFaults: everything wrong in it.
    """
    findings = Findings()
    config = ConfigText(name, text, type)
    kept = {"cloud": CLOUD_KEPT, "runtime": RUNTIME_KEPT, "cpi": CPI_KEPT}.get(type, ((),))
    node = root(text, config.source, findings, Resolution(director_name, "", kept, findings))
    if node is not None and type == "runtime":
        _check_runtime(node)
    elif node is not None and type == "cpi":
        cpi_names([node])
    findings.check()


def _check_runtime(node: Node) -> None:
    node.known(_RUNTIME_KEYS)
    listed = {name_of(part) for part in node.maps("releases", ())}
    runtime_releases(node, set(), {}, Catalog())
    for addon in addons(node, "runtime"):
        check_listed(addon, listed, "runtime config")


class _Documents:
    """Reads the texts and resolves the references in them."""

    def __init__(self, director: str, findings: Findings, options: ParseOptions, manifest: str, source: str) -> None:
        self._director = director
        self._findings = findings
        self._lookup = options.lookup
        self._deployment = ""
        plain = root(manifest, source, findings, lambda document: document.value)
        self._deployment = str(plain.raw("name") or "") if plain else ""
        self.manifest = (
            Node(plain.document, (), self._resolution(MANIFEST_KEPT)(plain.document), findings)
            if plain and plain.value
            else plain
        )

    def configs(
        self, texts: Sequence[ConfigText], kept: tuple[Subtree, ...], *, absolute_only: bool = False
    ) -> list[Node]:
        resolve = self._resolution(kept, absolute_only=absolute_only)
        nodes = [root(config.text, config.source, self._findings, resolve) for config in texts]
        return [node for node in nodes if node is not None]

    def _resolution(self, kept: tuple[Subtree, ...], *, absolute_only: bool = False) -> Resolution:
        return Resolution(self._director, self._deployment, kept, self._findings, self._lookup, absolute_only)


def _desired(
    manifest: Node, runtimes: Sequence[Node], available: Cloud, catalog: Catalog, director: str, given: ParseOptions
) -> Desired:
    _check_top(manifest)
    name = manifest.text("name")
    own_releases, exported = releases(manifest, catalog)
    choices = _stemcells(manifest, catalog)
    flags = features(manifest)
    setting = Setting(
        cloud=available,
        releases=own_releases,
        stemcells=choices,
        update=_update(manifest, given),
        features=flags,
        properties=manifest.mapping("properties", {}),
        exported_from=exported,
        canaries=given.canaries,
        max_in_flight=given.max_in_flight,
        remove_dev_tools=given.remove_dev_tools,
    )
    nodes = manifest.maps("instance_groups", ())
    groups = _groups(nodes, setting)
    setting, groups = _with_addons(manifest, runtimes, groups, setting, catalog, given)
    for node, wanted in zip(nodes, groups, strict=True):
        check_group(node, wanted, setting)
    return Desired(
        deployment=name,
        releases=tuple(setting.releases.values()),
        stemcells=tuple(choices.values()),
        groups=tuple(groups),
        networks=available.networks,
        azs=available.azs,
        compilation=available.compilation,
        update=setting.update,
        variables=variables(
            [manifest, *runtimes], director=director, deployment=name, converge=flags.converge_variables
        ),
        features=flags,
        tags=_tags(manifest, runtimes),
        exported_from=setting.exported_from,
    )


def _check_top(manifest: Node) -> None:
    manifest.known(_KEYS + tuple(key for key, _, _ in _FORBIDDEN))
    for key, code, advice in _FORBIDDEN:
        if key in manifest:
            manifest.fault(f"'{key}' cannot be in a deployment manifest: {advice}", code=code, key=key)
    if "properties" in manifest:
        manifest.child("properties").warn("deprecated: say the properties at the job")


def _stemcells(manifest: Node, catalog: Catalog) -> dict[str, StemcellChoice]:
    found = stemcells(manifest, catalog)
    if not found and manifest.raw("stemcells") == []:
        manifest.fault("there must be a stemcell", code=NO_STEMCELLS, key="stemcells")
    return found


def _update(manifest: Node, given: ParseOptions) -> Update:
    manifest.mapping("update")
    child = manifest.child("update")
    if not isinstance(child.value, Mapping):
        return _NO_UPDATE
    return update(
        child,
        None,
        canaries=given.canaries,
        max_in_flight=given.max_in_flight,
        default_vm_strategy=given.default_vm_strategy,
    )


def _groups(nodes: list[Node], setting: Setting) -> list[InstanceGroup]:
    unique_names(nodes, what="instance group", code=GROUP_NAME_TAKEN, in_dns=True)
    check_migrations(nodes)
    return [group(node, setting) for node in nodes]


def _tags(manifest: Node, runtimes: Sequence[Node]) -> dict[str, str]:
    """The runtime configs' tags under the manifest's."""
    having = single(runtimes, "tags", what="Runtime config", code=RUNTIME_PARSE_ERROR)
    below: Properties = having.mapping("tags") if having else {}
    return {str(key): str(value) for key, value in {**below, **manifest.mapping("tags", {})}.items()}


# --- addons -------------------------------------------------------------------------------------------------------------------------


def _with_addons(
    manifest: Node,
    runtimes: Sequence[Node],
    groups: list[InstanceGroup],
    setting: Setting,
    catalog: Catalog,
    given: ParseOptions,
) -> tuple[Setting, list[InstanceGroup]]:
    """Addons of the manifest first, then those of each runtime config, which may look at jobs that earlier ones brought."""
    name = str(manifest.raw("name") or "")
    own = addons(manifest, "deployment")
    listed = {name_of(node) for node in manifest.maps("releases", ())}
    for addon in own:
        check_listed(addon, listed, "manifest")
    groups = _colocated(own, groups, setting.releases, name, ())
    for runtime in runtimes:
        runtime.known(_RUNTIME_KEYS)
        setting, groups = _with_runtime(runtime, groups, setting, catalog, name, given.teams)
    return setting, groups


def _with_runtime(
    runtime: Node, groups: list[InstanceGroup], setting: Setting, catalog: Catalog, name: str, teams: tuple[str, ...]
) -> tuple[Setting, list[InstanceGroup]]:
    found = addons(runtime, "runtime")
    listed = {name_of(node) for node in runtime.maps("releases", ())}
    for addon in found:
        check_listed(addon, listed, "runtime config")
    used = {
        release
        for addon in found
        if any(addon.applies(group, name, teams) for group in groups)
        for release in addon.releases
    }
    brought = runtime_releases(runtime, used, setting.releases, catalog)
    exported = {
        name_of(node): stemcells
        for node in runtime.maps("releases", ())
        if name_of(node) in set(brought) - set(setting.releases) and (stemcells := exported_from(node))
    }
    setting = replace(
        setting,
        releases={**setting.releases, **brought},
        exported_from={**setting.exported_from, **exported},
    )
    return setting, _colocated(found, groups, setting.releases, name, teams)


def _colocated(
    found: Sequence[Addon],
    groups: list[InstanceGroup],
    releases: Mapping[str, Release],
    name: str,
    teams: tuple[str, ...],
) -> list[InstanceGroup]:
    for addon in found:
        groups = [add(addon, each, releases) if addon.applies(each, name, teams) else each for each in groups]
    return groups
