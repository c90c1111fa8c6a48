"""Golden plans: a small text script tells a world and its changes; the printed plan of every step is kept with it.

    One sentence on what this script shows.

    > deploy
    groups:
      web: {instances: 2, azs: [z1, z2]}
    = plan
    Plan for deployment 'shop'
    …

    > deploy
    stemcell: "1.3"
    = plan
    …

Each step's YAML is merged into what the steps before said (null removes); ``options`` and ``meanwhile`` hold for one step. After
``deploy`` the plan counts as carried out, after ``dry-run`` it does not. Instances are written ``group/index`` in ``options`` and
``meanwhile``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from bosh.manifest.model import (
    Az,
    Consume,
    CustomProvider,
    Desired,
    DiskRequest,
    Features,
    GroupNetwork,
    InstanceGroup,
    Job,
    JobSpec,
    LinkSpec,
    MigratedFrom,
    Network,
    Package,
    Provide,
    Release,
    Subnet,
    VmRequest,
)
from bosh.plan.check import check
from bosh.plan.decide import decide
from bosh.plan.describe import describe
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, CurrentInstance, Options
from bosh.testing import builders
from bosh.wire.errors import BoshError

_OUTPUT = "= plan"
_ONE_STEP_ONLY = ("options", "meanwhile")


@dataclass(frozen=True, slots=True)
class Step:
    command: str
    """``deploy`` or ``dry-run``."""
    text: str
    """The YAML as it stands."""
    output: str


def parse(script: str) -> tuple[str, list[Step]]:
    """The title and the steps of a script.

    Raises:
        ValueError: an unknown command.
    """
    title, *parts = script.split("\n> ")
    steps = []
    for part in parts:
        command, _, rest = part.partition("\n")
        if command.strip() not in ("deploy", "dry-run"):
            raise ValueError(f"unknown command {command!r}")
        text, _, output = f"{rest}\n".partition(f"{_OUTPUT}\n")
        steps.append(Step(command.strip(), text.rstrip("\n"), output.strip("\n")))
    return title.rstrip("\n"), steps


def run(script: str) -> str:
    """The script with every output as it is now."""
    title, steps = parse(script)
    world = _World()
    parts = [title]
    for step in steps:
        text = f"{step.text}\n" if step.text else ""
        parts.append(f"\n> {step.command}\n{text}{_OUTPUT}\n{world.step(step)}")
    return "\n".join(parts).rstrip("\n") + "\n"


class _World:
    def __init__(self) -> None:
        self._said: dict[str, Any] = {}
        self._current: Current = builders.nothing()
        self._ids = builders.CountingIds()

    def step(self, step: Step) -> str:
        said = yaml.safe_load(step.text) or {}
        self._said = _merged(self._said, {key: value for key, value in said.items() if key not in _ONE_STEP_ONLY})
        self._meanwhile(said.get("meanwhile") or {})
        options = self._options(said.get("options") or {})
        try:
            return self._plan(_desired(self._said), options, keep=step.command == "deploy")
        except BoshError as error:
            return f"Error {error.code}: {error}"

    def _plan(self, desired: Desired, options: Options, *, keep: bool) -> str:
        layout = lay_out(desired, self._current, options=options, ids=self._ids)
        plan = decide(desired, self._current, layout, builders.rendered(layout), options=options)
        findings = check(plan, layout, self._current, options=options)
        text = describe(plan, layout) + "".join(f"UNSOUND: {finding}\n" for finding in findings)
        if keep:
            self._current = builders.carried_out(plan, layout, self._current)
        return text.rstrip("\n")

    def _meanwhile(self, events: Mapping[str, Mapping[str, Any]]) -> None:
        """What happened to instances, or to addresses, outside of any deploy."""
        taken = {**self._current.taken_addresses, **(events.get("taken_addresses") or {})}
        instances = tuple(
            _happened(one, events.get(f"{one.group}/{one.index}") or {}) for one in self._current.instances
        )
        self._current = replace(self._current, instances=instances, taken_addresses=taken)

    def _options(self, said: Mapping[str, Any]) -> Options:
        names = {f"{one.group}/{one.index}": one.id for one in self._current.instances}
        fields = dict(said)
        for key in ("recreate", "restart"):
            if key in fields:
                fields[key] = frozenset(names.get(name, name) for name in fields[key])
        if "skip_drain" in fields:
            fields["skip_drain"] = frozenset(fields["skip_drain"])
        if "states" in fields:
            fields["states"] = {names[name]: state for name, state in fields["states"].items()}
        return Options(**fields)


def _happened(one: CurrentInstance, event: Mapping[str, Any]) -> CurrentInstance:
    if "vm" in event and event["vm"] is None:
        one = replace(one, vm=None)
    vm_fields = {key: event[key] for key in ("responsive", "job_state", "created_at") if key in event}
    if vm_fields and one.vm:
        one = replace(one, vm=replace(one.vm, **vm_fields))
    return replace(one, **{key: event[key] for key in ("dirty", "ignored", "state") if key in event})


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    result = dict(old)
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


# --- from YAML to values --------------------------------------------------------------------------------------------------------------


def _desired(said: Mapping[str, Any]) -> Desired:
    stemcell = replace(builders.STEMCELL, version=str(said.get("stemcell", "1.2")))
    specs = _job_specs(said)
    packages = _packages(said)
    groups = [_group(name, row or {}, said, specs, stemcell) for name, row in said.get("groups", {}).items()]
    version = str(said.get("release", "1"))
    networks = [_network(name, row) for name, row in (said.get("networks") or {}).items()]
    azs = [_az(name, row or {}) for name, row in (said.get("azs") or {}).items()]
    return builders.desired(
        *groups,
        networks=networks,
        azs=azs,
        releases=[Release("web", version, specs, packages)],
        features=Features(**said.get("features", {})),
        tags=said.get("tags", {}),
    )


def _az(name: str, row: Mapping[str, Any]) -> Az:
    return Az(name, row.get("cpi", ""), row.get("cloud_properties", {}))


def _network(name: str, row: Mapping[str, Any]) -> Network:
    subnets = tuple(_subnet(one) for one in row.get("subnets", ()))
    return Network(name, row.get("type", "manual"), subnets)


def _subnet(row: Mapping[str, Any]) -> Subnet:
    if "range" not in row:
        return Subnet(static=builders.spans(*row.get("static", ())), azs=tuple(row.get("azs", ())))
    return builders.subnet(
        row["range"], azs=row.get("azs", ()), reserved=row.get("reserved", ()), static=row.get("static", ())
    )


def _job_specs(said: Mapping[str, Any]) -> dict[str, JobSpec]:
    named = {name: row or {} for name, row in (said.get("jobs") or {}).items()}
    for group in (said.get("groups") or {}).values():
        for one in _job_rows(group or {}):
            named.setdefault(one["name"], {})
    return {name: _job_spec(name, row, str(said.get("release", "1"))) for name, row in named.items()}


def _job_spec(name: str, row: Mapping[str, Any], version: str) -> JobSpec:
    spec = builders.job_spec(
        name,
        version=str(row.get("version", "1")),
        packages=row.get("packages", ()),
        properties=row.get("properties", {}),
        provides=[_link(link, one) for link, one in row.get("provides", {}).items()],
        consumes=[_link(link, one) for link, one in row.get("consumes", {}).items()],
    )
    return replace(spec, release_version=version)


def _link(name: str, row: str | Mapping[str, Any]) -> LinkSpec:
    if isinstance(row, str):
        return LinkSpec(name, row)
    return LinkSpec(name, row["type"], row.get("optional", False), tuple(row.get("properties", ())))


def _packages(said: Mapping[str, Any]) -> dict[str, Package]:
    version = str(said.get("release", "1"))
    rows = {name: row or {} for name, row in (said.get("packages") or {}).items()}
    for job in (said.get("jobs") or {}).values():
        for name in (job or {}).get("packages", ()):
            rows.setdefault(name, {})
    return {
        name: builders.package(name, *row.get("needs", ()), version=version, content=str(row.get("version", "1")))
        for name, row in rows.items()
    }


def _job_rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": one} if isinstance(one, str) else one for one in row.get("jobs", ())]


def _group(
    name: str, row: Mapping[str, Any], said: Mapping[str, Any], specs: Mapping[str, JobSpec], stemcell: Any
) -> InstanceGroup:
    fields: dict[str, Any] = {key: row[key] for key in ("lifecycle", "env", "tags") if key in row}
    return builders.group(
        name,
        row.get("instances", 1),
        jobs=[_job(one, specs[one["name"]]) for one in _job_rows(row)],
        azs=tuple(row.get("azs", ())),
        networks=[_group_network(one) for one in row.get("networks", ["default"])],
        stemcell=stemcell,
        vm=_vm(row.get("vm_type", "small"), said),
        update=_update(_merged(said.get("update", {}), row.get("update", {}))),
        persistent_disks=tuple(_disks(row)),
        migrated_from=tuple(MigratedFrom(**one) for one in row.get("migrated_from", ())),
        **fields,
    )


def _vm(name: str, said: Mapping[str, Any]) -> VmRequest:
    return builders.vm(name, **(said.get("vm_types", {}).get(name) or {}))


def _update(row: Mapping[str, Any]) -> Any:
    fields = dict(row)
    return builders.update(str(fields.pop("canaries", "1")), str(fields.pop("max_in_flight", "1")), **fields)


def _disks(row: Mapping[str, Any]) -> list[DiskRequest]:
    named = [builders.disk(size, name) for name, size in row.get("disks", {}).items()]
    return [builders.disk(row["disk"])] if "disk" in row else named


def _group_network(row: str | Mapping[str, Any]) -> GroupNetwork:
    if isinstance(row, str):
        return GroupNetwork(row)
    return GroupNetwork(row["name"], tuple(row.get("static_ips", ())), tuple(row.get("default", ())))


def _job(row: Mapping[str, Any], spec: JobSpec) -> Job:
    return Job(
        name=spec.name,
        release=spec.release,
        spec=spec,
        properties=row.get("properties", {}),
        consumes={link: _consume(link, one) for link, one in row.get("consumes", {}).items()},
        provides={link: Provide(link, **one) for link, one in row.get("provides", {}).items()},
        custom_providers=tuple(
            CustomProvider(one["name"], one["type"], tuple(one.get("properties", ())))
            for one in row.get("custom_provider_definitions", ())
        ),
    )


def _consume(link: str, row: str | Mapping[str, Any]) -> Consume:
    if row == "nil":
        return Consume(link, blocked=True)
    assert isinstance(row, Mapping)
    if "instances" in row:
        return Consume(link, manual=row)
    fields = dict(row)
    return Consume(link, source=fields.pop("from", ""), **fields)
