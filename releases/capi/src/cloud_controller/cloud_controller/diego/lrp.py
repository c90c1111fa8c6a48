"""A process as a desired LRP (cloud_controller_ng: diego/app_recipe_builder.rb, main_lrp_action_builder.rb)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from cf_wire.bbs.actions_pb2 import Action, DownloadAction, ResourceLimits, RunAction, TimeoutAction
from cf_wire.bbs.containers_pb2 import Check, CheckDefinition, HTTPCheck, MetricTagValue, TCPCheck
from cf_wire.bbs.desired_lrp_pb2 import DesiredLRP, DesiredLRPUpdate, ProtoRoutes

from cloud_controller.actions import processes
from cloud_controller.clock import epoch
from cloud_controller.config import Config
from cloud_controller.diego import environment, recipe
from cloud_controller.diego.contract import APPS_DOMAIN
from cloud_controller.diego.facts import Mapping, MissingFacts, ProcessFacts
from cloud_controller.diego.ssh_key import SshKey
from cloud_controller.state.store import Record

SSH_PORT: Final = 2222
SSH_ROUTE: Final = "diego-ssh"
LOG_SOURCE: Final = "CELL"
MONITOR_TIMEOUT_MS: Final = 600_000
SSHD: Final = "/tmp/lifecycle/diego-sshd"


def annotation(process: Record) -> str:
    """How the reconciliation sees whether the BBS knows the newest state."""
    return repr(epoch(process["updated_at"]))


def ports(facts: ProcessFacts) -> list[int]:
    """The ports the process listens on; the first one is ``PORT``."""
    asked = [mapping.port for mapping in facts.mappings]
    default = _image_ports(facts.droplet) or [recipe.APP_PORT]
    if not any(asked):
        return default
    own = default[:1] if None in asked else []
    return list(dict.fromkeys([*own, *(port for port in asked if port)]))


def _image_ports(droplet: Record) -> list[int]:
    if droplet["lifecycle_type"] != "docker" or not droplet["execution_metadata"]:
        return []
    exposed = msgspec.json.decode(droplet["execution_metadata"]).get("ports") or []
    found = [int(port["port"]) for port in exposed if str(port.get("protocol", "tcp")).lower() == "tcp"]
    if exposed and not found:
        raise MissingFacts("No tcp ports found in image metadata")
    return found


def route_port(mapping: Mapping, open_ports: list[int]) -> int:
    """Where a destination leads."""
    return mapping.port or open_ports[0]


def routes(facts: ProcessFacts, open_ports: list[int]) -> dict[str, bytes]:
    """The routing tables of the emitters, by their keys."""
    http, tcp, internal = [], [], []
    for mapping in facts.mappings:
        port = route_port(mapping, open_ports)
        if mapping.internal:
            internal.append({"hostname": mapping.host})
        elif mapping.router_group_guid:
            tcp.append(
                {
                    "router_group_guid": mapping.router_group_guid,
                    "external_port": mapping.external_port,
                    "container_port": port,
                }
            )
        else:
            http.append(_http_route(mapping, port, facts.about.isolation_segment))
    tables: dict[str, Any] = {"cf-router": http, "tcp-router": tcp, "internal-router": internal}
    return {key: msgspec.json.encode(table) for key, table in tables.items()}


def _http_route(mapping: Mapping, port: int, segment: str | None) -> Record:
    route: Record = {
        "hostnames": [mapping.host],
        "port": port,
        "route_service_url": mapping.route_service_url,
        "isolation_segment": segment,
        "protocol": mapping.protocol,
    }
    return {**route, "options": mapping.options} if mapping.options else route


def desired(facts: ProcessFacts, config: Config, droplet_url: str, ssh_key: SshKey | None) -> DesiredLRP:
    """What the BBS is asked for; with an ``ssh_key`` people may log in.

    Raises:
        MissingFacts: the process cannot be run.
    """
    process, about, open_ports = facts.process, facts.about, ports(facts)
    tables = routes(facts, open_ports)
    if ssh_key:
        tables[SSH_ROUTE] = _ssh_route(ssh_key)
    lrp = DesiredLRP(
        process_guid=processes.lrp_guid(process),
        domain=APPS_DOMAIN,
        instances=process["instances"],
        root_fs=facts.rootfs,
        environment_variables=environment.variables(_global_environment(facts)),
        start_timeout_ms=(process["health_check_timeout"] or config.defaults.health_check_timeout) * 1000,
        disk_mb=process["disk_in_mb"],
        memory_mb=process["memory_in_mb"],
        cpu_weight=recipe.cpu_weight(process["memory_in_mb"]),
        log_rate_limit=recipe.log_rate(process["log_rate_limit"]),
        max_pids=config.diego.pid_limit,
        privileged=config.diego.privileged_running and facts.droplet["lifecycle_type"] != "docker",
        ports=[*open_ports, *([SSH_PORT] if ssh_key else [])],
        routes=ProtoRoutes(routes=tables),
        log_source=LOG_SOURCE,
        log_guid=about.app["guid"],
        metrics_guid=about.app["guid"],
        metric_tags=metric_tags(facts, config),
        annotation=annotation(process),
        egress_rules=recipe.egress(about.egress_groups),
        cached_dependencies=[recipe.lifecycle(config, facts.droplet["lifecycle_type"], facts.droplet["stack"])],
        legacy_download_user=recipe.RUN_USER,
        trusted_system_certificates_path=recipe.SYSTEM_CERTIFICATES,
        network=recipe.network(about, open_ports, "app"),
        certificate_properties=recipe.certificate(about),
        PlacementTags=[about.isolation_segment] if about.isolation_segment else [],
        image_username=facts.droplet["registry_username"] or "",
        image_password=facts.registry_password or "",
        volume_mounted_files=recipe.service_files(about),
    )
    lrp.action.CopyFrom(_main_action(facts, config, open_ports, ssh_key))
    _add_droplet(lrp, facts, droplet_url)
    _add_checks(lrp, facts, config, open_ports)
    return lrp


def update(facts: ProcessFacts, config: Config, kept_routes: dict[str, bytes]) -> DesiredLRPUpdate:
    """What of an existing LRP may change without new instances; its ssh route is kept."""
    tables = routes(facts, ports(facts))
    if SSH_ROUTE in kept_routes:
        tables[SSH_ROUTE] = kept_routes[SSH_ROUTE]
    return DesiredLRPUpdate(
        instances=facts.process["instances"],
        annotation=annotation(facts.process),
        routes=ProtoRoutes(routes=tables),
        metric_tags=metric_tags(facts, config),
    )


def metric_tags(facts: ProcessFacts, config: Config) -> dict[str, MetricTagValue]:
    """The app's tags and those that tell processes and instances apart."""
    return recipe.tags(facts.about, config) | {
        "process_id": MetricTagValue(static=facts.process["guid"]),
        "process_type": MetricTagValue(static=facts.process["type"]),
        "process_instance_id": MetricTagValue(dynamic=MetricTagValue.INSTANCE_GUID),
        "instance_id": MetricTagValue(dynamic=MetricTagValue.INDEX),
    }


def _ssh_route(key: SshKey) -> bytes:
    return msgspec.json.encode(
        {
            "container_port": SSH_PORT,
            "private_key": key.private_key,
            "host_fingerprint": key.fingerprint,
            "host_256_fingerprint": key.sha256_fingerprint,
        }
    )


def _global_environment(facts: ProcessFacts) -> dict[str, Any]:
    return {} if facts.droplet["lifecycle_type"] == "docker" else {"LANG": environment.LANG}


def _process_environment(
    facts: ProcessFacts, config: Config, memory_in_mb: int, open_ports: list[int]
) -> dict[str, Any]:
    process = facts.process
    limits = {"fds": config.defaults.file_descriptors, "mem": memory_in_mb, "disk": process["disk_in_mb"]}
    told = environment.vcap_application(facts.about, config.url, limits, process=process, version=process["version"])
    own = {"VCAP_APPLICATION": told, "MEMORY_LIMIT": f"{memory_in_mb}m"}
    port = str(open_ports[0])
    listening = {"PORT": port}
    if facts.droplet["lifecycle_type"] != "docker":
        listening |= {"VCAP_APP_PORT": port, "VCAP_APP_HOST": "0.0.0.0"}
    return {**listening, **environment.merged(facts.about, own)}


def _main_action(facts: ProcessFacts, config: Config, open_ports: list[int], ssh_key: SshKey | None) -> Action:
    process = facts.process
    beside = sum(sidecar["memory_in_mb"] or 0 for sidecar in facts.sidecars)
    main_environment = _process_environment(facts, config, process["memory_in_mb"] - beside, open_ports)
    kind = process["type"].upper()
    runs = [_launch(facts, config, facts.command or "", main_environment, f"APP/PROC/{kind}")]
    for sidecar in facts.sidecars:
        own = _process_environment(facts, config, sidecar["memory_in_mb"] or process["memory_in_mb"], open_ports)
        runs.append(
            _launch(facts, config, sidecar["command"], own, f"APP/PROC/{kind}/SIDECAR/{sidecar['name'].upper()}")
        )
    if ssh_key:
        runs.append(_sshd(facts, config, ssh_key, main_environment))
    return recipe.action(recipe.codependent(*runs))


def _user(facts: ProcessFacts) -> str:
    return str(facts.process["user"] or image_user(facts.droplet) or recipe.RUN_USER)


def image_user(droplet: Record) -> str | None:
    """The user that a docker image names; root when it names none (cloud_controller_ng: docker lifecycle)."""
    if droplet["lifecycle_type"] != "docker":
        return None
    metadata = msgspec.json.decode(droplet["execution_metadata"] or "{}")
    return str(metadata.get("user") or "root")


def _launch(facts: ProcessFacts, config: Config, command: str, values: dict[str, Any], source: str) -> RunAction:
    return RunAction(
        path=recipe.LAUNCHER,
        args=["app", command, facts.droplet["execution_metadata"] or ""],
        user=_user(facts),
        env=environment.variables(values),
        log_source=source,
        resource_limits=_descriptors(config),
    )


def _descriptors(config: Config) -> ResourceLimits:
    return ResourceLimits(nofile=config.defaults.file_descriptors)


def _sshd(facts: ProcessFacts, config: Config, key: SshKey, values: dict[str, Any]) -> RunAction:
    return RunAction(
        path=SSHD,
        args=[
            f"-address=0.0.0.0:{SSH_PORT}",
            f"-hostKey={key.private_key}",
            f"-authorizedKey={key.authorized_key}",
            "-inheritDaemonEnv",
            "-logLevel=fatal",
        ],
        user=_user(facts),
        env=environment.variables(values),
        log_source="CELL/SSHD",
        resource_limits=_descriptors(config),
    )


def _add_droplet(lrp: DesiredLRP, facts: ProcessFacts, url: str) -> None:
    if facts.droplet["lifecycle_type"] == "docker":
        return
    download = DownloadAction(
        **{"from": url},
        artifact="droplet",
        to=".",
        cache_key=f"droplets-{processes.lrp_guid(facts.process)}",
        user=recipe.RUN_USER,
        checksum_algorithm="sha256",
        checksum_value=facts.droplet["sha256"] or "",
    )
    lrp.setup.CopyFrom(recipe.action(recipe.serial(download)))


def _add_checks(lrp: DesiredLRP, facts: ProcessFacts, config: Config, open_ports: list[int]) -> None:
    process = facts.process
    alive, ready = process["health_check_type"], process["readiness_type"]
    checks = _checks(process, "health_check", alive, open_ports)
    readiness = _checks(process, "readiness", ready, open_ports)
    if checks or readiness:
        lrp.check_definition.CopyFrom(CheckDefinition(checks=checks, readiness_checks=readiness))
    if checks:
        runs = (
            _monitor(facts, config, port, first=index == 0) for index, port in enumerate(_checked(alive, open_ports))
        )
        timeout = TimeoutAction(action=recipe.action(recipe.parallel(*runs)), timeout_ms=MONITOR_TIMEOUT_MS)
        lrp.monitor.CopyFrom(recipe.action(timeout))


def _checked(kind: str, open_ports: list[int]) -> list[int]:
    return open_ports[:1] if kind == "http" else open_ports


def _checks(process: Record, prefix: str, kind: str, open_ports: list[int]) -> list[Check]:
    if kind not in {"port", "http"}:
        return []
    timeout_ms = (process[f"{prefix}_invocation_timeout"] or 0) * 1000
    interval_ms = (process[f"{prefix}_interval"] or 0) * 1000
    if kind == "http":
        path = process[f"{prefix}_endpoint"] or "/"
        return [
            Check(http_check=HTTPCheck(port=port, path=path, request_timeout_ms=timeout_ms, interval_ms=interval_ms))
            for port in _checked(kind, open_ports)
        ]
    return [
        Check(tcp_check=TCPCheck(port=port, connect_timeout_ms=timeout_ms, interval_ms=interval_ms))
        for port in open_ports
    ]


def _monitor(facts: ProcessFacts, config: Config, port: int, *, first: bool) -> RunAction:
    process = facts.process
    args = [f"-port={port}"]
    if process["health_check_type"] == "http" and first:
        args.append(f"-uri={process['health_check_endpoint'] or '/'}")
    if process["health_check_invocation_timeout"]:
        args.append(f"-timeout={process['health_check_invocation_timeout']}s")
    return RunAction(
        path="/tmp/lifecycle/healthcheck",
        args=args,
        user=_user(facts),
        resource_limits=_descriptors(config),
        log_source="HEALTH",
        suppress_log_output=True,
    )
