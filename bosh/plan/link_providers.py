"""What a deployment's groups offer: links of jobs and disks, with their content (bosh: links/link_providers_parser.rb, link.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bosh.manifest.model import InstanceGroup, Job, Json, LinkSpec, Provide
from bosh.plan.model import SharedProvider
from bosh.plan.naming import Naming
from bosh.plan.properties import pick
from bosh.plan.seats import Seat, defaults_of


@dataclass(frozen=True, slots=True)
class Provider:
    """One link on offer, by a job, a custom definition or a named disk."""

    deployment: str
    group: str
    job: str
    """Empty for a disk."""
    original: str
    name: str
    """``as``, or the original name."""
    type: str
    shared: bool
    content: Mapping[str, Json]
    """With both ``addresses`` and ``dns_addresses`` of every instance."""
    aliases: tuple[Mapping[str, Json], ...] = ()

    @property
    def dns_group(self) -> str:
        return f"{self.name}-{self.type}"

    def __str__(self) -> str:
        if not self.job:
            return f"Disk link provider '{self.original}' from instance group '{self.group}'"
        alias = f"with alias '{self.name}' " if self.name != self.original else ""
        return (
            f"Link provider '{self.original}' {alias}from job '{self.job}' in instance group '{self.group}' "
            f"in deployment '{self.deployment}'"
        )


def remembered(providers: Iterable[Provider], *, shared_only: bool = False) -> tuple[SharedProvider, ...]:
    """Providers as they are kept for other deployments' consumers and for the links API."""
    return tuple(
        SharedProvider(
            deployment=one.deployment,
            group=one.group,
            job=one.job,
            name=one.name,
            type=one.type,
            content=one.content,
            shared=one.shared,
            original_name=one.original,
            aliases=one.aliases,
        )
        for one in providers
        if one.shared or not shared_only
    )


def provided(
    group: InstanceGroup, seats: Mapping[str, Sequence[Seat]], naming: Naming, faults: list[str]
) -> Iterator[Provider]:
    """Every link a group offers: custom ones, those of the jobs' specs, and named disks.

    Args:
        faults: texts of what is misdescribed are added here.
    """
    content = _GroupContent(group, seats.get(group.name, ()), naming)
    for job in group.jobs:
        yield from _provided_by_job(job, content, faults)
    for disk in group.persistent_disks:
        if disk.name:
            yield _disk_provider(group.name, disk.name, naming.deployment)


def _provided_by_job(job: Job, content: _GroupContent, faults: list[str]) -> Iterator[Provider]:
    own = {spec.name for spec in job.spec.provides}
    custom = [LinkSpec(one.name, one.type, properties=one.properties) for one in job.custom_providers]
    faults += [
        f"Custom provider '{spec.name}' in job '{job.name}' in instance group '{content.group.name}' "
        f"is already defined in release '{job.release}'"
        for spec in custom
        if spec.name in own
    ]
    for spec in (*custom, *job.spec.provides):
        provide = job.provides.get(spec.name) or Provide(spec.name)
        if provide.blocked:
            continue
        shared_properties, unknown = pick(job.spec.properties, job.properties, spec.properties, job=job.name)
        faults += [f"Link property {name} in template {job.name} is not defined in release spec" for name in unknown]
        if not unknown:
            yield _job_provider(job, spec, provide, content, shared_properties)


def _job_provider(
    job: Job, spec: LinkSpec, provide: Provide, content: _GroupContent, properties: Mapping[str, Json]
) -> Provider:
    name = provide.as_name or spec.name
    return Provider(
        deployment=content.naming.deployment,
        group=content.group.name,
        job=job.name,
        original=spec.name,
        name=name,
        type=spec.type,
        shared=provide.shared,
        content=content.of(f"{name}-{spec.type}", properties),
        aliases=provide.aliases,
    )


def _disk_provider(group: str, disk: str, deployment: str) -> Provider:
    content = {"deployment_name": deployment, "properties": {"name": disk}, "networks": [], "instances": []}
    return Provider(deployment, group, "", disk, disk, "disk", shared=False, content=content)


class _GroupContent:
    """Link content of one group; its list of instances is made once unless names depend on the link."""

    def __init__(self, group: InstanceGroup, seats: Sequence[Seat], naming: Naming) -> None:
        self.group = group
        self.naming = naming
        self._seats = seats
        self._defaults = defaults_of(group)
        self._instances: dict[str, list[Json]] = {}

    def of(self, link_group: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Content with both kinds of addresses, before a consumer chose (bosh: deployment_plan/links/link.rb)."""
        naming = self.naming
        return {
            "deployment_name": naming.deployment,
            "domain": naming.domain,
            "default_network": self._default_network,
            "networks": [network.name for network in self.group.networks],
            "instance_group": self.group.name,
            "properties": properties,
            "use_short_dns_addresses": naming.short,
            "use_dns_addresses": naming.prefer_dns,
            "use_link_dns_names": naming.by_link,
            "instances": self._listed(link_group if naming.by_link else ""),
        }

    @property
    def _default_network(self) -> str:
        return self._defaults.get("addressable") or self._defaults.get("gateway", "")

    def _listed(self, link_group: str) -> list[Json]:
        if link_group not in self._instances:
            self._instances[link_group] = [self._instance(seat, link_group) for seat in self._seats]
        return self._instances[link_group]

    def _instance(self, seat: Seat, link_group: str) -> dict[str, Json]:
        plain, names = (
            {
                network: self.naming.link_address(seat, network, link_group=link_group, prefer_dns=prefer_dns)
                for network in seat.networks
            }
            for prefer_dns in (False, True)
        )
        return {
            "name": self.group.name,
            "id": seat.id,
            "index": seat.index,
            "bootstrap": seat.bootstrap,
            "az": seat.az or None,
            "address": (names if self.naming.prefer_dns else plain).get(self._default_network, ""),
            "addresses": plain,
            "dns_addresses": names,
        }
