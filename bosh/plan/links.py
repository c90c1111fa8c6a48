"""Links: who provides what, who consumes it, and the content in between (bosh: links/links_manager.rb, links_parser.rb).

Everything wrong with the links of a deployment is told in one error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bosh.manifest.model import Consume, Desired, Job, Json, LinkSpec, Variable
from bosh.plan.link_providers import Provider, provided
from bosh.plan.model import Current, SharedProvider
from bosh.plan.naming import Naming
from bosh.plan.seats import Seat
from bosh.wire.errors import DeploymentInvalidLink

LinkRow = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the links of a deployment resolved to."""

    links: Mapping[tuple[str, str], Mapping[str, Mapping[str, Json]]]
    """(group, job) → link name → content; ``group_name`` (``name-type`` of the provider) added for the templates."""
    rows: tuple[LinkRow, ...]
    providers: tuple[Provider, ...]
    variable_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Variable → consumed name → DNS name."""


@dataclass(frozen=True, slots=True)
class _Consumer:
    group: str
    job: Job
    spec: LinkSpec

    @property
    def consume(self) -> Consume | None:
        return self.job.consumes.get(self.spec.name)

    @property
    def name(self) -> str:
        return (self.consume.source if self.consume else "") or self.spec.name


@dataclass
class _Faults:
    providers: list[str] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)

    def raise_if_any(self, deployment: str) -> None:
        if self.providers:
            lines = "".join(f"\n  - {text}" for text in self.providers)
            raise DeploymentInvalidLink(f"Unable to process links for deployment. Errors are:{lines}")
        if self.consumers:
            lines = "".join(f"\n  - {text}" for text in self.consumers)
            raise DeploymentInvalidLink(
                f"Failed to resolve links from deployment '{deployment}'. See errors below:{lines}"
            )


def resolve(desired: Desired, seats: Mapping[str, Sequence[Seat]], current: Current, *, naming: Naming) -> Resolution:
    """Match every consumer of the deployment with a provider.

    Args:
        seats: group name → its wanted instances.
        naming: how addresses are written.

    Raises:
        DeploymentInvalidLink: 190016, all unresolved and misdescribed links of the deployment in one text.
    """
    faults = _Faults()
    providers = [provider for group in desired.groups for provider in provided(group, seats, naming, faults.providers)]
    faults.raise_if_any(desired.deployment)
    matcher = _Matcher(desired, current, providers, faults)
    links: dict[tuple[str, str], dict[str, Mapping[str, Json]]] = {}
    rows = []
    for consumer in _consumers(desired):
        found = matcher.match(consumer)
        if found is None:
            continue
        content, provider = found
        group_name = provider.dns_group if provider else ""
        links.setdefault((consumer.group, consumer.job.name), {})[consumer.spec.name] = {
            **content,
            "group_name": group_name,
        }
        rows.append(_row(consumer, provider, content))
    names = {one.name: _variable_names(one, providers, naming, faults) for one in desired.variables if one.consumes}
    faults.raise_if_any(desired.deployment)
    return Resolution(links, tuple(rows), tuple(providers), names)


def _consumers(desired: Desired) -> Iterator[_Consumer]:
    for group in desired.groups:
        for job in group.jobs:
            for spec in job.spec.consumes:
                yield _Consumer(group.name, job, spec)


def _row(consumer: _Consumer, provider: Provider | None, content: Mapping[str, Json]) -> LinkRow:
    return {
        "consumer_group": consumer.group,
        "consumer_job": consumer.job.name,
        "name": consumer.spec.name,
        "type": consumer.spec.type,
        "optional": consumer.spec.optional,
        "provider": provider
        and {
            "deployment": provider.deployment,
            "group": provider.group,
            "job": provider.job,
            "name": provider.name,
        },
        "content": content,
    }


# --- consumers ------------------------------------------------------------------------------------------------------------------------


class _Matcher:
    def __init__(self, desired: Desired, current: Current, providers: Sequence[Provider], faults: _Faults) -> None:
        self._deployment = desired.deployment
        self._faults = faults
        self._own: dict[str, list[Provider]] = {}
        for provider in providers:
            self._own.setdefault(provider.type, []).append(provider)
        self._others = [_from_elsewhere(one) for one in current.shared_providers]
        self._chosen: dict[tuple[int, str, bool | None], Mapping[str, Json]] = {}

    def match(self, consumer: _Consumer) -> tuple[Mapping[str, Json], Provider | None] | None:
        """Content and provider, or None when the link stays unset or is a fault."""
        consume = consumer.consume
        if consume and consume.manual is not None:
            return _manual(consume.manual, self._deployment), None
        found = [] if consume and consume.blocked else self._candidates(consumer)
        if not found and consumer.spec.optional and (consume is None or consume.blocked):
            return None
        network = consume.network if consume else ""
        if len(found) != 1:
            self._faults.consumers.append(self._unresolved(consumer, found))
            return None
        if network and network not in found[0].content.get("networks", ()):
            self._faults.consumers.append(_outside_network(consumer, found[0], network))
            return None
        return self._content(found[0], network, by_ip=consume.ip_addresses if consume else None), found[0]

    def _candidates(self, consumer: _Consumer) -> list[Provider]:
        consume = consumer.consume
        other = consume.deployment if consume else ""
        if other and other != self._deployment:
            pool = [one for one in self._others if one.deployment == other and one.type == consumer.spec.type]
        else:
            pool = self._own.get(consumer.spec.type, [])
        return [one for one in pool if consume is None or one.name == consumer.name]

    def _content(self, provider: Provider, network: str, *, by_ip: bool | None) -> Mapping[str, Json]:
        key = (id(provider.content), network, by_ip)
        if key not in self._chosen:
            self._chosen[key] = _addressed(provider.content, network, by_ip=by_ip)
        return self._chosen[key]

    def _unresolved(self, consumer: _Consumer, found: Sequence[Provider]) -> str:
        if len(found) > 1:
            details = [str(provider) for provider in found]
            return _told(consumer, "Multiple link providers found:", [*details, _advise_many(consumer, found)])
        return _told(consumer, "Details below:", ["No link providers found", self._advise_none(consumer)])

    def _advise_none(self, consumer: _Consumer) -> str:
        consume = consumer.consume
        if consume and consume.blocked:
            return f"To fix it: the link is not optional, remove 'consumes: {{{consumer.spec.name}: nil}}'"
        if consume and consume.deployment and consume.deployment != self._deployment:
            return self._advise_elsewhere(consumer, consume)
        same_type = self._own.get(consumer.spec.type, [])
        if same_type:
            names = ", ".join(f"'{provider.name}'" for provider in same_type)
            return f"To fix it: 'from' must be one of {names}"
        return (
            f"To fix it: add a job that provides type '{consumer.spec.type}', or describe it by hand: "
            f"consumes: {{{consumer.spec.name}: {{instances: [{{address: ADDRESS}}], properties: {{}}}}}}"
        )

    def _advise_elsewhere(self, consumer: _Consumer, consume: Consume) -> str:
        offered = [one.name for one in self._others if one.deployment == consume.deployment]
        listed = ", ".join(f"'{name}'" for name in offered) or "nothing"
        return (
            f"To fix it: deployment '{consume.deployment}' shares {listed}; it must provide '{consumer.name}' "
            f"of type '{consumer.spec.type}' with 'shared: true' and be deployed first"
        )


def _from_elsewhere(one: SharedProvider) -> Provider:
    return Provider(
        deployment=one.deployment,
        group=one.group,
        job=one.job,
        original=one.original_name or one.name,
        name=one.name,
        type=one.type,
        shared=True,
        content=one.content,
    )


def _manual(written: Mapping[str, Json], deployment: str) -> dict[str, Json]:
    """A link written by hand; keys not written are null (bosh: link_consumers_parser.rb)."""
    return {key: written.get(key) for key in ("instances", "properties", "address")} | {"deployment_name": deployment}


def _addressed(content: Mapping[str, Json], network: str, *, by_ip: bool | None) -> dict[str, Json]:
    """The content with one address per instance: on the consumer's network, as IP or name as it asked."""
    chosen = dict(content)
    if "default_network" in content:
        network = chosen["default_network"] = network or content["default_network"]
    by_name = bool(content.get("use_dns_addresses")) if by_ip is None else not by_ip
    chosen["instances"] = [_one_address(one, network, by_name=by_name) for one in content.get("instances") or ()]
    return chosen


def _one_address(instance: Mapping[str, Json], network: str, *, by_name: bool) -> dict[str, Json]:
    plain = {key: value for key, value in instance.items() if key not in ("addresses", "dns_addresses")}
    offered: Mapping[str, Json] = instance.get("dns_addresses" if by_name else "addresses") or {}
    return plain | {"address": offered.get(network, instance.get("address"))}


# --- variables ------------------------------------------------------------------------------------------------------------------------


def _variable_names(
    variable: Variable, providers: Sequence[Provider], naming: Naming, faults: _Faults
) -> dict[str, str]:
    """The DNS names a certificate is to have because of links (bosh: config_server/client.rb, generate_links)."""
    names = {}
    for link, said in variable.consumes.items():
        wanted = (said.get("from") or link, said.get("link_type") or "address")
        found = [one for one in providers if (one.name, one.type) == wanted]
        if len(found) == 1:
            name = naming.group_name(found[0].group, found[0].content["default_network"], link_group=found[0].dns_group)
            wildcard = (said.get("properties") or {}).get("wildcard") is True
            names[link] = f"*.{name.partition('.')[2]}" if wildcard else name
        else:
            head = f"Failed to resolve link '{link}' with alias '{wanted[0]}' and type '{wanted[1]}' from variable '{variable.name}'."
            details = [str(one) for one in found] or ["No link providers found"]
            outcome = "Multiple link providers found:" if found else "Details below:"
            faults.consumers.append(f"{head} {outcome}" + "".join(f"\n    - {detail}" for detail in details))
    return names


# --- texts ----------------------------------------------------------------------------------------------------------------------------


def _told(consumer: _Consumer, outcome: str, details: Iterable[str]) -> str:
    alias = f"alias '{consumer.name}' and " if consumer.name != consumer.spec.name else ""
    head = (
        f"Failed to resolve link '{consumer.spec.name}' with {alias}type '{consumer.spec.type}' from job "
        f"'{consumer.job.name}' in instance group '{consumer.group}'. {outcome}"
    )
    return head + "".join(f"\n    - {detail}" for detail in details)


def _advise_many(consumer: _Consumer, found: Sequence[Provider]) -> str:
    names = [provider.name for provider in found]
    link = consumer.spec.name
    if len(set(names)) == len(names):
        return f"To fix it, choose one: consumes: {{{link}: {{from: {names[0]}}}}}"
    first = found[0]
    return (
        f"To fix it, rename one: provides: {{{first.original}: {{as: {first.group}-{first.original}}}}} on job '{first.job}' in "
        f"instance group '{first.group}', then consumes: {{{link}: {{from: {first.group}-{first.original}}}}}"
    )


def _outside_network(consumer: _Consumer, provider: Provider, network: str) -> str:
    if not provider.job:
        return _told(consumer, "Details below:", [f"{provider} does not contain any networks"])
    offered = ", ".join(provider.content.get("networks", ()))
    return _told(
        consumer,
        "Details below:",
        [f"{provider} does not belong to network '{network}'", f"To fix it: it is on {offered}"],
    )
