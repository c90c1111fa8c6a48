"""What the instances of a process are doing (cloud_controller_ng: diego/reporters/*)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cf_wire.bbs.actual_lrp_pb2 import ActualLRP

from cloud_controller.clock import epoch, stamp
from cloud_controller.diego.usage import InstanceUsage
from cloud_controller.state.store import Record

DOWN = {"state": "DOWN"}


def state_of(lrp: ActualLRP) -> str:
    """An instance's state in the API's words."""
    if lrp.state == "RUNNING":
        # Without a word about readiness an instance counts as ready.
        return "RUNNING"
    if lrp.state == "UNCLAIMED" and lrp.placement_error:
        return "DOWN"
    return {"CLAIMED": "STARTING", "UNCLAIMED": "STARTING", "CRASHED": "CRASHED"}.get(lrp.state, "UNKNOWN")


def routable(lrp: ActualLRP) -> bool | None:
    """Whether requests reach it; None when nobody said."""
    return lrp.routable if lrp.HasField("routable") else None


def newest(lrps: Iterable[ActualLRP]) -> dict[int, ActualLRP]:
    """The newest instance of each index: while cells are emptied there may be two."""
    found: dict[int, ActualLRP] = {}
    for lrp in lrps:
        index = lrp.actual_lrp_key.index
        if index not in found or lrp.since >= found[index].since:
            found[index] = lrp
    return found


@dataclass(frozen=True)
class Moment:
    """The time at which instances are looked at, and what is the same for all of them."""

    now: datetime
    descriptors: int = 0
    segment: str | None = None

    def seconds_since(self, since_ns: int) -> int:
        """Whole seconds since a BBS time."""
        return max(0, int(epoch(self.now) - since_ns / 1e9))


def stats(
    process: Record,
    lrps: Iterable[ActualLRP],
    usage: dict[int, InstanceUsage],
    descriptors: int,
    segment: str | None,
    now: datetime,
) -> list[Record]:
    """The ``resources`` of ``GET /v3/processes/:guid/stats``."""
    found, moment = newest(lrps), Moment(now, descriptors, segment)
    return [
        _stat(process, index, found[index], usage.get(index), moment)
        if index in found
        else {
            "type": process["type"],
            "index": index,
            "state": "DOWN",
            "routable": None,
            "uptime": 0,
            "isolation_segment": segment,
            "details": None,
        }
        for index in range(process["instances"])
    ]


def _stat(process: Record, index: int, lrp: ActualLRP, usage: InstanceUsage | None, moment: Moment) -> Record:
    network = lrp.actual_lrp_net_info
    state = "STOPPING" if process["state"] != "STARTED" else state_of(lrp)
    return {
        "type": process["type"],
        "index": index,
        "instance_guid": lrp.actual_lrp_instance_key.instance_guid,
        "state": state,
        "routable": routable(lrp),
        "host": network.address,
        "instance_internal_ip": network.instance_address,
        "uptime": moment.seconds_since(lrp.since) if state in {"RUNNING", "STARTING", "STOPPING"} else 0,
        **_quotas(process, usage),
        "fds_quota": moment.descriptors,
        "isolation_segment": moment.segment,
        "details": lrp.placement_error or lrp.crash_reason or None,
        "instance_ports": [_port(port) for port in network.ports],
        "usage": _usage(usage, moment),
    }


def _quotas(process: Record, usage: InstanceUsage | None) -> Record:
    known = usage or InstanceUsage()
    return {
        "mem_quota": known.memory_quota_bytes or process["memory_in_mb"] << 20,
        "disk_quota": known.disk_quota_bytes or process["disk_in_mb"] << 20,
        "log_rate_limit": process["log_rate_limit"] if known.log_rate_limit is None else known.log_rate_limit,
    }


def _port(port: object) -> Record:
    def value(name: str) -> int | None:
        return int(getattr(port, name)) or None

    return {
        "external": value("host_port"),
        "internal": value("container_port"),
        "external_tls_proxy_port": value("host_tls_proxy_port"),
        "internal_tls_proxy_port": value("container_tls_proxy_port"),
    }


def _usage(usage: InstanceUsage | None, moment: Moment) -> Record:
    if usage is None:
        return {}
    return {
        "time": stamp(moment.now),
        "cpu": usage.cpu or 0.0,
        "cpu_entitlement": usage.cpu_entitlement,
        "mem": usage.memory_bytes or 0,
        "disk": usage.disk_bytes or 0,
        "log_rate": usage.log_rate or 0,
    }


def short(process: Record, lrps: Iterable[ActualLRP], now: datetime) -> list[Record]:
    """``process_instances``: index, state and seconds in that state."""
    found, moment = newest(lrps), Moment(now)
    rows = []
    for index in range(max(process["instances"], max(found, default=-1) + 1)):
        lrp = found.get(index)
        if lrp is None:
            rows.append({"index": index, **DOWN})
        elif process["state"] != "STARTED":
            rows.append({"index": index, "state": "STOPPING"})
        else:
            rows.append({"index": index, "state": state_of(lrp), "since": moment.seconds_since(lrp.since)})
    return rows
