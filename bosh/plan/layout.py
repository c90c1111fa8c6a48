"""``lay_out``: fix who lives where, before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bosh.manifest.model import Catalog, Desired, InstanceGroup, Json, Package, Properties, StemcellChoice
from bosh.plan.addresses import AddressBook
from bosh.plan.dns import Numbers
from bosh.plan.errors import JobInstanceIgnored, PackageCollision, PackageDependencyMissing
from bosh.plan.link_providers import Provider, remembered
from bosh.plan.links import Resolution, resolve
from bosh.plan.model import Current, CurrentInstance, InstanceState, LaidInstance, LaidJob, Layout, Options
from bosh.plan.naming import Naming
from bosh.plan.placement import existing_of, place, refuse_deleting_ignored
from bosh.plan.properties import bind
from bosh.plan.seats import Ids, Seat, defaults_of, seats_of
from bosh.plan.slots import Placement

__all__ = ["Ids", "lay_out"]

_STATES: Mapping[str, InstanceState] = {"started": "started", "stopped": "stopped", "detached": "detached"}


def lay_out(desired: Desired, current: Current, *, options: Options, ids: Ids) -> Layout:
    """Decide ids, indexes, zones, addresses, links and jobs of every wanted instance.

    Existing instances keep what still fits; see ``placement``, ``seats``, ``links``. Calling it again with the outcome as what exists
    changes nothing.

    Args:
        ids: source of new instance ids.

    Raises:
        BoshError: with the original's number; nothing was decided.
    """
    _refuse_touching_ignored(desired, current, options)
    by_group = _by_group(current.instances)
    continued = {group.name: existing_of(group, desired, by_group) for group in desired.groups}
    book = AddressBook(desired.networks, _in_use(current), names=_owner_names(current, continued))
    numbers = Numbers(current.dns_ids)
    placements = {
        group.name: place(
            group, continued[group.name], book, networks=desired.networks, ranks=_ranks(group, desired, ids)
        )
        for group in desired.groups
    }
    seats = {
        group.name: seats_of(
            group,
            placements[group.name],
            current.instances if group.migrated_from else by_group.get(group.name, ()),
            desired=desired,
            book=book,
            ids=ids,
            domain=options.dns_domain,
        )
        for group in desired.groups
    }
    naming = Naming.of(desired, options, numbers)
    links = resolve(desired, seats, current, naming=naming)
    _number_everything(seats, links, desired.deployment, numbers)
    instances = [
        instance
        for group in desired.groups
        for instance in _Group(group, desired, current.catalog, options, links, naming).instances(seats[group.name])
    ]
    return Layout(
        deployment=desired.deployment,
        instances=tuple(instances),
        obsolete=_obsolete(current, placements, continued),
        providers=remembered(links.providers),
        links=links.rows,
        notes=tuple(_notes(desired, instances)),
        dns_ids=numbers.frozen(),
        variable_names=links.variable_names,
    )


def _by_group(instances: Sequence[CurrentInstance]) -> dict[str, list[CurrentInstance]]:
    groups: dict[str, list[CurrentInstance]] = {}
    for instance in instances:
        groups.setdefault(instance.group, []).append(instance)
    return groups


def _ranks(group: InstanceGroup, desired: Desired, ids: Ids) -> dict[str, str]:
    """With ``features.randomize_az_placement`` chance decides which zones get one instance more."""
    return {az: ids.uuid() for az in group.azs} if desired.features.randomize_az_placement else {}


def _in_use(current: Current) -> dict[str, str]:
    """Address → owner: those of others as they were told to us, our own by instance id."""
    held = {r.ip: one.id for one in current.instances for r in one.reservations if r.ip and r.kind != "dynamic"}
    return {**current.taken_addresses, **held}


def _owner_names(current: Current, continued: Mapping[str, Sequence[CurrentInstance]]) -> dict[str, str]:
    names = {one.id: f"{one.group}/{one.id}" for one in current.instances}
    names |= {one.id: f"{group}/{one.id}" for group, ones in continued.items() for one in ones}
    return {key: f"instance '{name}' from deployment '{current.deployment}'" for key, name in names.items()}


def _refuse_touching_ignored(desired: Desired, current: Current, options: Options) -> None:
    named = {*options.states, *options.recreate, *options.restart}
    written = {group.name: group.instance_states for group in desired.groups}
    for instance in current.instances:
        states = written.get(instance.group, {})
        if instance.ignored and (instance.id in named or instance.id in states or str(instance.index) in states):
            raise JobInstanceIgnored(
                f"You are trying to change the state of the ignored instance '{instance.group}/{instance.id}'. "
                "This operation is not allowed. You need to unignore it first.",
                resolution=f"Run 'bosh unignore {instance.group}/{instance.id}' first.",
            )


def _obsolete(
    current: Current, placements: Mapping[str, Placement], continued: Mapping[str, Sequence[CurrentInstance]]
) -> tuple[CurrentInstance, ...]:
    """Instances of groups that are gone, then, group by group, those beyond the wanted number."""
    adopted = {one.id for ones in continued.values() for one in ones}
    orphans = [one for one in current.instances if one.id not in adopted]
    refuse_deleting_ignored(orphans)
    return (*orphans, *(one for placement in placements.values() for one in placement.obsolete))


def _number_everything(
    seats: Mapping[str, Sequence[Seat]], links: Resolution, deployment: str, numbers: Numbers
) -> None:
    """Give DNS numbers to all that will appear in the records blob."""
    for group, ones in seats.items():
        numbers.group("instance-group", group, deployment)
        for seat in ones:
            numbers.instance(seat.id)
            if seat.az:
                numbers.az(seat.az)
            for network in seat.networks:
                numbers.network(network)
    for provider in links.providers:
        if provider.job:
            numbers.group("link", provider.dns_group, deployment)


def _notes(desired: Desired, instances: Sequence[LaidInstance]) -> list[str]:
    hotswap = [group.name for group in desired.groups if group.update.vm_strategy == "create-swap-delete"]
    return [
        f"{name}: vm_strategy create-swap-delete is carried out as delete-create: the old VM goes before the new one comes"
        for name in hotswap
    ]


# --- one group ------------------------------------------------------------------------------------------------------------------------


class _Group:
    """What all instances of a group have in common is made once."""

    def __init__(
        self,
        group: InstanceGroup,
        desired: Desired,
        catalog: Catalog,
        options: Options,
        links: Resolution,
        naming: Naming,
    ) -> None:
        self._group = group
        self._desired = desired
        self._options = options
        self._naming = naming
        self._catalog = catalog
        self._jobs = tuple(_laid_jobs(group, links, naming))
        self._packages = packages_of(group, desired)
        self._tags = {**desired.tags, **group.tags}
        self._defaults = defaults_of(group)
        self._by_az: dict[str, tuple[str, Properties, StemcellChoice]] = {}

    def instances(self, seats: Sequence[Seat]) -> list[LaidInstance]:
        return [self._instance(seat) for seat in seats]

    def _instance(self, seat: Seat) -> LaidInstance:
        group = self._group
        cpi, cloud_properties, stemcell = self._place(seat.az)
        return LaidInstance(
            id=seat.id,
            group=group.name,
            index=seat.index,
            az=seat.az,
            bootstrap=seat.bootstrap,
            lifecycle=group.lifecycle,
            state=self._state(seat),
            stemcell=stemcell,
            vm=group.vm,
            cpi=cpi,
            cloud_properties=cloud_properties,
            env=group.env,
            jobs=self._jobs,
            packages=self._packages,
            reservations=seat.reservations,
            network_settings=seat.networks,
            disks=group.persistent_disks,
            update=group.update,
            address=self._address(seat),
            ip=self._ip(seat),
            dns_domain=self._options.dns_domain,
            tags=self._tags,
        )

    def _state(self, seat: Seat) -> InstanceState:
        """What the operator asked for now, else what the manifest says, else what it was (bosh: instance_group.rb)."""
        written = self._group.instance_states
        said = written.get(seat.id) or written.get(str(seat.index)) or self._group.state
        recorded: InstanceState = seat.current.state if seat.current else "started"
        return self._options.states.get(seat.id) or (_STATES[said] if said else recorded)

    def _place(self, az_name: str) -> tuple[str, Properties, StemcellChoice]:
        """CPI, merged cloud properties and the stemcell's name there, for a zone."""
        if az_name not in self._by_az:
            az = self._desired.azs.get(az_name)
            cpi = az.cpi if az else ""
            below = az.cloud_properties if az else {}
            merged = {} if self._group.vm.vm_resources else {**below, **self._group.vm.cloud_properties}
            self._by_az[az_name] = cpi, merged, _stemcell_on(self._group.stemcell, cpi, self._catalog)
        return self._by_az[az_name]

    def _address(self, seat: Seat) -> str:
        network = self._defaults.get("addressable") or self._defaults.get("gateway", "")
        return self._naming.address(seat, network) if network in seat.networks else ""

    def _ip(self, seat: Seat) -> str:
        network = self._defaults.get("addressable") or self._defaults.get("gateway", "")
        settings: Mapping[str, Json] = seat.networks.get(network) or {}
        return str(settings.get("ip") or "")


def _stemcell_on(choice: StemcellChoice, cpi: str, catalog: Catalog) -> StemcellChoice:
    """The choice with the name its image has on a CPI: names differ between clouds, OS and version do not."""
    images = [
        one for one in catalog.stemcells if one.version == choice.version and one.os == choice.os and one.cpi == cpi
    ]
    if not cpi or not images or any(one.name == choice.name for one in images):
        return choice
    return replace(choice, name=images[0].name, api_version=images[0].api_version)


def _laid_jobs(group: InstanceGroup, links: Resolution, naming: Naming) -> list[LaidJob]:
    return [
        LaidJob(
            name=job.name,
            release=job.spec.release,
            release_version=job.spec.release_version,
            fingerprint=job.spec.fingerprint,
            sha1=job.spec.sha1,
            blobstore_id=job.spec.blobstore_id,
            properties=bind(job.spec.properties, job.properties, job=job.name),
            links=links.links.get((group.name, job.name), {}),
            logs=job.spec.logs,
            link_group_names=_link_groups(links.providers, group.name, job.name, naming),
        )
        for job in group.jobs
    ]


def _link_groups(providers: Sequence[Provider], group: str, job: str, naming: Naming) -> tuple[Mapping[str, str], ...]:
    rows = [
        {
            "name": one.name,
            "type": one.type,
            "group": str(naming.numbers.group("link", one.dns_group, naming.deployment)),
        }
        for one in providers
        if one.group == group and one.job == job
    ]
    return tuple(sorted(rows, key=lambda row: row["group"]))


def packages_of(group: InstanceGroup, desired: Desired) -> tuple[Package, ...]:
    """The packages the group's jobs list in their specs, by name.

    Raises:
        PackageDependencyMissing: 80003, a job lists a package its release does not have.
        PackageCollision: 80011, two releases bring different packages of the same name.
    """
    releases = {release.name: release for release in desired.releases}
    chosen: dict[str, Package] = {}
    for job in group.jobs:
        release = releases.get(job.spec.release)
        for name in job.spec.packages:
            package = release.packages.get(name) if release else None
            if package is None:
                raise PackageDependencyMissing(
                    f"Job '{job.name}' needs package '{name}', which release '{job.spec.release}' does not have"
                )
            other = chosen.setdefault(name, package)
            if other.fingerprint != package.fingerprint:
                raise PackageCollision(
                    f"Package name collision detected in instance group '{group.name}': job '{job.spec.release}/{job.name}' "
                    f"depends on package '{package.release}/{name}', another job on '{other.release}/{name}'",
                    resolution="Put the two jobs on different instance groups: a VM holds one package of a name.",
                )
    return tuple(chosen[name] for name in sorted(chosen))
