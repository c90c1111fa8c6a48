"""Jobs of instance groups and addons, and how their links are to be satisfied.

(bosh: deployment_plan/instance_group_spec_parser.rb, links/link_helpers.rb)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bosh.manifest.model import Consume, CustomProvider, Job, JobSpec, Json, Properties, Provide, Release
from bosh.manifest.reading import INVALID_TYPE, Node, kind_of, no_such

UNKNOWN_RELEASE: Final = 140002
MISSING_JOB: Final = 140029
INVALID_LINK: Final = 190016

MANUAL_KEYS: Final = ("instances", "properties", "address")
_KEYS: Final = ("name", "release", "properties", "consumes", "provides", "custom_provider_definitions")


def job(node: Node, releases: Mapping[str, Release], inherited: Properties, *, addon: str = "") -> Job | None:
    """One job entry; None, and a fault, when its release or the job is unknown.

    Args:
        inherited: properties for a job that has none of its own.
    """
    node.known(_KEYS)
    name, spec = node.text("name"), _spec(node, releases)
    properties = node.mapping("properties", inherited)
    consumes = {link: _consume(child, link) for link, child in node.entries("consumes")}
    provides = {link: _provide(child, link) for link, child in node.entries("provides")}
    custom = tuple(_custom_provider(child) for child in node.maps("custom_provider_definitions", ()))
    if spec is None:
        return None
    _check_links(node, spec, custom)
    return Job(name, spec.release, spec, properties, consumes, provides, custom, addon)


def _spec(node: Node, releases: Mapping[str, Release]) -> JobSpec | None:
    name, release = node.text("name"), node.text("release")
    if not name or not release:
        return None
    if release not in releases:
        node.fault(no_such("release", release, releases), code=UNKNOWN_RELEASE, key="release")
        return None
    if not releases[release].version:
        return None
    spec = releases[release].jobs.get(name)
    if spec is None:
        message = f"{no_such('job', name, releases[release].jobs)} in release {release}/{releases[release].version}"
        node.fault(message, code=MISSING_JOB, key="name")
    return spec


def _check_links(node: Node, spec: JobSpec, custom: tuple[CustomProvider, ...]) -> None:
    """Names that the job does not know are only noted, as in the original; custom providers may not repeat its own."""
    own = {link.name for link in spec.provides}
    for link in node.mapping("consumes", {}):
        if link not in {consumed.name for consumed in spec.consumes}:
            node.child("consumes").child(link).warn(f'job "{spec.name}" does not consume link "{link}"')
    for link in node.mapping("provides", {}):
        if link not in own | {provider.name for provider in custom}:
            node.child("provides").child(link).warn(f'job "{spec.name}" does not provide link "{link}"')
    seen: set[str] = set()
    for at, provider in enumerate(custom):
        entry = node.child("custom_provider_definitions")
        if provider.name in own:
            entry.fault(f'job "{spec.name}" already provides link "{provider.name}"', code=INVALID_LINK, key=at)
        if provider.name in seen:
            entry.fault(f'custom provider "{provider.name}" is there twice', code=INVALID_LINK, key=at)
        seen.add(provider.name)


def _consume(node: Node, link: str) -> Consume:
    if node.value is None or node.value == "nil":
        return Consume(link, blocked=True)
    if not isinstance(node.value, Mapping):
        node.fault(f'expected a map or "nil", found {kind_of(node.value)}', code=INVALID_LINK)
        return Consume(link)
    _check_consume(node)
    manual: dict[str, Json] | None = None
    if any(key in node for key in MANUAL_KEYS):
        manual = {key: node.raw(key) for key in MANUAL_KEYS if key in node}
    return Consume(
        link,
        source=node.text("from", ""),
        deployment=node.text("deployment", ""),
        network=node.text("network", ""),
        manual=manual,
        ip_addresses=node.boolean("ip_addresses"),
    )


def _check_consume(node: Node) -> None:
    node.known(("from", "deployment", "network", "ip_addresses", "name", "type", *MANUAL_KEYS))
    for key in ("instances", "properties"):
        if key in node and "from" in node:
            node.fault(f"both '{key}' and 'from' are there; choose one", code=INVALID_LINK)
    if "properties" in node and "instances" not in node:
        node.fault("'properties' need 'instances'", code=INVALID_LINK)
    _no_name_or_type(node)


def _no_name_or_type(node: Node) -> None:
    if "name" in node or "type" in node:
        node.fault("'name' and 'type' of a link are the release's to say", code=INVALID_LINK)


def _provide(node: Node, link: str) -> Provide:
    if node.value is None or node.value == "nil":
        return Provide(link, blocked=True)
    if not isinstance(node.value, Mapping):
        node.fault(f'expected a map or "nil", found {kind_of(node.value)}', code=INVALID_LINK)
        return Provide(link)
    node.known(("as", "shared", "aliases", "name", "type"))
    _no_name_or_type(node)
    return Provide(
        link,
        as_name=node.text("as", ""),
        shared=node.raw("shared") is True,
        aliases=tuple(alias.value for alias in node.maps("aliases", ())),
    )


def _custom_provider(node: Node) -> CustomProvider:
    node.known(("name", "type", "properties"))
    for key in ("name", "type"):
        if key in node and node.raw(key) == "":
            node.fault(f"'{key}' must not be empty", code=INVALID_TYPE, key=key)
    return CustomProvider(node.text("name"), node.text("type"), tuple(node.texts("properties", ())))
