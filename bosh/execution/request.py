"""How a deploy was asked for: a task's arguments as values (bosh/director/api/README.md has the arguments)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bosh.plan.model import CurrentInstance, InstanceState, Options
from bosh.wire.errors import InstanceNotFound, JobNotFound, ValidationInvalidValue

STATES = ("started", "stopped", "detached", "restart", "recreate")


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What the operator wants, and how."""

    manifest: str
    cloud_config_ids: tuple[int, ...] | None = None
    """None: the newest."""
    runtime_config_ids: tuple[int, ...] | None = None
    recreate: bool = False
    recreate_persistent_disks: bool = False
    recreate_vms_created_before: str = ""
    fix: bool = False
    dry_run: bool = False
    force_latest_variables: bool = False
    skip_drain: frozenset[str] = frozenset()
    canaries: str = ""
    max_in_flight: str = ""
    deploy: bool = True
    """False for ``start``, ``stop``, ``restart`` and ``recreate``: variables keep the values they have."""
    new: bool = False
    job_states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Group or ``*`` → {index or id or ``*``: state}."""
    errands: frozenset[str] = frozenset()
    """Errand groups that are about to run: their instances alone are planned for, and get VMs."""


def request_from(arguments: Mapping[str, Any]) -> DeployRequest:
    """Read a task's arguments."""
    context = arguments.get("context") or {}
    skip = str(arguments.get("skip_drain") or "")
    return DeployRequest(
        manifest=str(arguments["manifest"]),
        cloud_config_ids=_ids(context.get("cloud_config_ids")),
        runtime_config_ids=_ids(context.get("runtime_config_ids")),
        recreate=bool(arguments.get("recreate")),
        recreate_persistent_disks=bool(arguments.get("recreate_persistent_disks")),
        recreate_vms_created_before=str(arguments.get("recreate_vms_created_before") or ""),
        fix=bool(arguments.get("fix")),
        dry_run=bool(arguments.get("dry_run")),
        force_latest_variables=bool(arguments.get("force_latest_variables")),
        skip_drain=frozenset(part.strip() for part in skip.split(",") if part.strip()),
        canaries=str(arguments.get("canaries") or ""),
        max_in_flight=str(arguments.get("max_in_flight") or ""),
        deploy=bool(arguments.get("deploy", True)),
        new=bool(arguments.get("new")),
        job_states=arguments.get("job_states") or {},
    )


def _ids(value: Any) -> tuple[int, ...] | None:
    return None if value is None else tuple(int(one) for one in value)


@dataclass(frozen=True, slots=True)
class AskedStates:
    """``job_states`` for the instances there are."""

    states: Mapping[str, InstanceState]
    restart: frozenset[str]
    recreate: frozenset[str]


def asked_states(job_states: Mapping[str, Mapping[str, str]], instances: Iterable[CurrentInstance]) -> AskedStates:
    """Instance ids by what was asked of them; ignored instances are passed over unless named alone.

    Raises:
        ValidationInvalidValue: an unknown state. JobNotFound, InstanceNotFound: nothing has that name.
    """
    known = tuple(instances)
    chosen: dict[str, str] = {}
    for group, wanted in job_states.items():
        members = [one for one in known if group in {"*", one.group}]
        if not members and group != "*":
            raise JobNotFound(f"Instance group '{group}' doesn't exist")
        for name, state in wanted.items():
            if state not in STATES:
                raise ValidationInvalidValue(f"cannot change to state '{state}'", details=f"known: {', '.join(STATES)}")
            for one in _named(members, group, str(name)):
                chosen[one.id] = state
    lasting: dict[str, InstanceState] = {}
    for instance_id, state in chosen.items():
        lasting[instance_id] = _STATE_OF[state]
    return AskedStates(
        states=lasting,
        restart=frozenset(key for key, state in chosen.items() if state == "restart"),
        recreate=frozenset(key for key, state in chosen.items() if state == "recreate"),
    )


_STATE_OF: Mapping[str, InstanceState] = {
    "started": "started",
    "stopped": "stopped",
    "detached": "detached",
    "restart": "started",
    "recreate": "started",
}


def _named(members: list[CurrentInstance], group: str, name: str) -> list[CurrentInstance]:
    if name == "*":
        return [one for one in members if not one.ignored and one.lifecycle == "service"]
    found = [one for one in members if name in {one.id, str(one.index)}]
    if not found:
        raise InstanceNotFound(f"Instance '{group}/{name}' doesn't exist")
    return found


def options_of(
    request: DeployRequest,
    asked: AskedStates,
    *,
    director_name: str,
    dns_domain: str,
    use_dns_addresses: bool,
    settings: tuple[str, str, str],
) -> Options:
    """The plan's options.

    Args:
        settings: fingerprints of trusted certificates, blobstore and bus settings.
    """
    return Options(
        recreate=asked.recreate | (frozenset({"*"}) if request.recreate else frozenset()),
        recreate_vms_created_before=request.recreate_vms_created_before,
        restart=asked.restart,
        recreate_persistent_disks=request.recreate_persistent_disks,
        fix=request.fix,
        skip_drain=request.skip_drain,
        canaries=request.canaries,
        max_in_flight=request.max_in_flight,
        states=asked.states,
        use_dns_addresses=use_dns_addresses,
        director_name=director_name,
        dns_domain=dns_domain,
        trusted_certs_sha1=settings[0],
        blobstore_config_sha1=settings[1],
        nats_config_sha1=settings[2],
        errands=request.errands,
    )
