"""Pieces that LRPs and tasks share."""

from __future__ import annotations

from typing import Any

from cf_wire.bbs.actions_pb2 import (
    Action,
    CodependentAction,
    DownloadAction,
    EmitProgressAction,
    File,
    ParallelAction,
    RunAction,
    SerialAction,
    TimeoutAction,
    TryAction,
    UploadAction,
)
from cf_wire.bbs.containers_pb2 import (
    CachedDependency,
    CertificateProperties,
    ICMPInfo,
    LogRateLimit,
    MetricTagValue,
    Network,
    PortRange,
    SecurityGroupRule,
)

from cloud_controller.config import Config
from cloud_controller.diego import environment
from cloud_controller.diego.facts import AppFacts, MissingFacts
from cloud_controller.state.store import Record

APP_PORT = 8080
RUN_USER = "vcap"
LAUNCHER = "/tmp/lifecycle/launcher"
LIFECYCLE_FOLDER = "/tmp/lifecycle"
SYSTEM_CERTIFICATES = "/etc/cf-system-certificates"
RESERVED_METRIC_TAGS = frozenset({"deployment", "index", "ip", "job"})

AnyAction = (
    RunAction
    | DownloadAction
    | UploadAction
    | TimeoutAction
    | EmitProgressAction
    | TryAction
    | ParallelAction
    | SerialAction
    | CodependentAction
)
_FIELDS = {
    RunAction: "run_action",
    DownloadAction: "download_action",
    UploadAction: "upload_action",
    TimeoutAction: "timeout_action",
    EmitProgressAction: "emit_progress_action",
    TryAction: "try_action",
    ParallelAction: "parallel_action",
    SerialAction: "serial_action",
    CodependentAction: "codependent_action",
}


def action(inner: AnyAction) -> Action:
    """Any kind of action as the message that holds one."""
    holder = Action()
    getattr(holder, _FIELDS[type(inner)]).CopyFrom(inner)
    return holder


def serial(*actions: AnyAction) -> SerialAction:
    """One after the other."""
    return SerialAction(actions=[action(inner) for inner in actions])


def parallel(*actions: AnyAction) -> ParallelAction:
    """All at once."""
    return ParallelAction(actions=[action(inner) for inner in actions])


def codependent(*actions: AnyAction) -> CodependentAction:
    """All at once; when one ends, all end."""
    return CodependentAction(actions=[action(inner) for inner in actions])


def cpu_weight(memory_in_mb: int) -> int:
    """The share of the processor that memory buys (cloud_controller_ng: task_cpu_weight_calculator.rb)."""
    return max(1, 100 * min(memory_in_mb, 8192) // 8192)


def certificate(about: AppFacts) -> CertificateProperties:
    """Whose certificate the container gets."""
    guids = (("organization", about.organization), ("space", about.space), ("app", about.app))
    return CertificateProperties(organizational_unit=[f"{noun}:{record['guid']}" for noun, record in guids])


def network(about: AppFacts, ports: list[int], workload: str) -> Network:
    """What the container network knows of the container."""
    app = about.app["guid"]
    return Network(
        properties={
            "policy_group_id": app,
            "app_id": app,
            "space_id": about.space["guid"],
            "org_id": about.organization["guid"],
            "ports": ",".join(str(port) for port in sorted(set(ports))),
            "container_workload": workload,
        }
    )


def log_rate(bytes_per_second: int) -> LogRateLimit:
    """-1 is no limit."""
    return LogRateLimit(bytes_per_second=bytes_per_second)


def tags(about: AppFacts, config: Config) -> dict[str, MetricTagValue]:
    """What is written beside every log line and metric of the container."""
    told = {
        "source_id": about.app["guid"],
        "organization_id": about.organization["guid"],
        "space_id": about.space["guid"],
        "app_id": about.app["guid"],
        "organization_name": about.organization["name"],
        "space_name": about.space["name"],
        "app_name": about.app["name"],
    }
    found = {name: MetricTagValue(static=value) for name, value in told.items()}
    for key, value in about.labels.items():
        prefix, _, name = key.rpartition("/")
        if prefix in config.custom_metric_tag_prefixes and name not in found and name not in RESERVED_METRIC_TAGS:
            found[name] = MetricTagValue(static=value or "")
    return found


def egress(groups: list[Record]) -> list[SecurityGroupRule]:
    """Rules of security groups; rules that log come last, for the first match wins (cloud_controller_ng: egress_rules.rb)."""
    owners: dict[str, tuple[Record, list[str]]] = {}
    for group in groups:
        for rule in group["rules"] or []:
            owners.setdefault(repr(sorted(rule.items())), (rule, []))[1].append(group["guid"])
    rules = [_rule(rule, guids) for rule, guids in owners.values()]
    return sorted(rules, key=lambda rule: rule.log)


def _rule(rule: Record, owners: list[str]) -> SecurityGroupRule:
    made = SecurityGroupRule(
        protocol=rule["protocol"],
        destinations=str(rule["destination"]).split(","),
        log=bool(rule.get("log")),
        annotations=[f"security_group_id:{guid}" for guid in sorted(owners)],
    )
    if rule["protocol"] in {"icmp", "icmpv6"}:
        made.icmp_info.CopyFrom(ICMPInfo(type=rule["type"], code=rule["code"]))
    elif rule["protocol"] in {"tcp", "udp"}:
        first, dash, last = str(rule["ports"]).partition("-")
        if dash:
            made.port_range.CopyFrom(PortRange(start=int(first), end=int(last)))
        else:
            made.ports.extend(int(port) for port in first.split(","))
    return made


def lifecycle_key(kind: str, stack: str | None) -> str:
    """Which bundle of programs a lifecycle needs."""
    return "docker" if kind == "docker" else f"{kind}/{stack}"


def lifecycle(config: Config, kind: str, stack: str | None) -> CachedDependency:
    """The lifecycle's programs, once per cell.

    Raises:
        MissingFacts: none are configured for the stack.
    """
    key = lifecycle_key(kind, stack)
    path = config.diego.lifecycle_bundles.get(key)
    if not path:
        raise MissingFacts(
            f"no compiler defined for requested stack '{stack}'" if kind != "docker" else "no docker lifecycle"
        )
    where = path if "://" in path else f"{config.diego.file_server_url}/v1/static/{path}"
    cache_key = f"{key.replace('/', '-')}-lifecycle"
    return CachedDependency(**{"from": where}, to=LIFECYCLE_FOLDER, cache_key=cache_key)


def service_files(about: AppFacts) -> list[File]:
    """Service credentials as files, for apps that want them so; names are relative to the bindings' folder."""
    if about.app["file_based_vcap_services"]:
        return [File(path="vcap_services", content=environment.as_text(about.vcap_services))]
    if not about.app["service_binding_k8s"]:
        return []
    return [file for entries in about.vcap_services.values() for entry in entries for file in _binding_files(entry)]


def _binding_files(entry: Record) -> list[File]:
    folder = entry["name"]
    shown: dict[str, Any] = {**(entry["credentials"] or {}), "type": entry["label"], "provider": entry["label"]}
    names = ("binding-guid", "name", "instance-guid", "instance-name", "label", "tags")
    shown |= {name: entry[name.replace("-", "_")] for name in names}
    return [
        File(path=f"{folder}/{name}", content=environment.as_text(value))
        for name, value in shown.items()
        if value is not None
    ]
