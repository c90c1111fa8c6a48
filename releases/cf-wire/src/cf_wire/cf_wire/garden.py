"""Containers as Garden's HTTP interface describes them.

Sources: garden {client,container,net_in,net_out_rule,errors}.go, routes/routes.go. All durations are nanoseconds. Processes are
in `garden_process`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from .plain import Wire

GARDEN_PING = ("GET", "/ping")
CAPACITY = ("GET", "/capacity")
LIST = ("GET", "/containers")
"""Each query parameter is a property that must match; the answer is {"Handles": […]}."""
CREATE = ("POST", "/containers")
"""The answer is {"Handle": …}."""
INFO = ("GET", "/containers/{handle}/info")
BULK_INFO = ("GET", "/containers/bulk_info")
"""Query parameter `handles`, joined by commas, as for BULK_METRICS; both answer handle → entry."""
BULK_METRICS = ("GET", "/containers/bulk_metrics")
DESTROY = ("DELETE", "/containers/{handle}")
STOP = ("PUT", "/containers/{handle}/stop")
"""The body is {"kill": bool}."""
STREAM_IN = ("PUT", "/containers/{handle}/files")
"""Query parameters `user` and `destination`; the body is a tar stream."""
STREAM_OUT = ("GET", "/containers/{handle}/files")
"""Query parameters `user` and `source`; the answer is a tar stream."""
BANDWIDTH_LIMITS = ("GET", "/containers/{handle}/limits/bandwidth")
CPU_LIMITS = ("GET", "/containers/{handle}/limits/cpu")
DISK_LIMITS = ("GET", "/containers/{handle}/limits/disk")
MEMORY_LIMITS = ("GET", "/containers/{handle}/limits/memory")
NET_IN = ("POST", "/containers/{handle}/net/in")
NET_OUT = ("POST", "/containers/{handle}/net/out")
BULK_NET_OUT = ("POST", "/containers/{handle}/net/out/bulk")
GRACE_TIME = ("PUT", "/containers/{handle}/grace_time")
"""The body is the bare number."""
PROPERTIES = ("GET", "/containers/{handle}/properties")
PROPERTY = ("GET", "/containers/{handle}/properties/{key}")
SET_PROPERTY = ("PUT", "/containers/{handle}/properties/{key}")
REMOVE_PROPERTY = ("DELETE", "/containers/{handle}/properties/{key}")
METRICS = ("GET", "/containers/{handle}/metrics")

READ_ONLY, READ_WRITE = 0, 1
HOST, CONTAINER = 0, 1
TOTAL, EXCLUSIVE = 0, 1
ALL, TCP, UDP, ICMP, ICMPV6 = range(5)

_OMIT = Wire(omit_empty=True)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where a root filesystem comes from."""

    uri: str = ""
    username: str = ""
    password: str = field(default="", repr=False)

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class BindMount:
    """A directory of the host (or of the container itself) at a path in the container."""

    src_path: str = ""
    dst_path: str = ""
    mode: int = READ_ONLY
    origin: int = HOST

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class BandwidthLimits:
    """Bytes per second."""

    rate: int = 0
    burst: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class CPULimits:
    """Shares of the CPU; `limit_in_shares` is the older name of `weight`."""

    weight: int = 0
    limit_in_shares: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """Bytes and inodes; `scope` says whether the image counts (TOTAL) or not (EXCLUSIVE)."""

    inode_soft: int = 0
    inode_hard: int = 0
    byte_soft: int = 0
    byte_hard: int = 0
    scope: int = TOTAL

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Bytes; 0 is no limit."""

    limit_in_bytes: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class PidLimits:
    """Processes and threads; 0 is no limit."""

    max: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a container."""

    bandwidth_limits: BandwidthLimits = field(default_factory=BandwidthLimits)
    cpu_limits: CPULimits = field(default_factory=CPULimits)
    disk_limits: DiskLimits = field(default_factory=DiskLimits)
    memory_limits: MemoryLimits = field(default_factory=MemoryLimits)
    pid_limits: PidLimits = field(default_factory=PidLimits)


@dataclass(frozen=True, slots=True)
class IPRange:
    """Addresses, both ends included."""

    start: str = ""
    end: str = ""

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports, both ends included."""

    start: int = 0
    end: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class ICMPControl:
    """Which ICMP messages; no code means any."""

    type: int = 0
    code: int | None = None

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class NetOutRule:
    """Traffic that may leave a container; no networks or ports means any."""

    protocol: int = ALL
    networks: tuple[IPRange, ...] = ()
    ports: tuple[PortRange, ...] = ()
    icmps: ICMPControl | None = None
    log: bool = False

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class NetIn:
    """A port of the host that leads to one of the container; as part of a ContainerSpec both are always written."""

    host_port: int = 0
    container_port: int = 0


@dataclass(frozen=True, slots=True)
class NetInRequest:
    """The body of NET_IN; host port 0 asks for a free one, container port 0 for the same number."""

    handle: str = ""
    host_port: int = 0
    container_port: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class NetInResponse:
    """The answer to NET_IN: what was mapped."""

    host_port: int = 0
    container_port: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """The body of CREATE. An empty handle asks Garden for one; grace time 0 asks for its default."""

    handle: str = ""
    grace_time: int = 0
    rootfs: str = ""
    image: ImageRef = field(default_factory=ImageRef)
    bind_mounts: tuple[BindMount, ...] = ()
    network: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    privileged: bool = False
    limits: Limits = field(default_factory=Limits)
    netout_rules: tuple[NetOutRule, ...] = ()
    netin: tuple[NetIn, ...] = ()

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class Capacity:
    """What this Garden can hold; place by `schedulable_disk_in_bytes`."""

    memory_in_bytes: int = 0
    disk_in_bytes: int = 0
    schedulable_disk_in_bytes: int = 0
    max_containers: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class MappedPort:
    """A NetIn as INFO tells it."""

    host_port: int = 0
    container_port: int = 0

    WIRE: ClassVar[Wire] = Wire({"host_port": "HostPort", "container_port": "ContainerPort"})


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """What INFO answers; `state` is "active" or "stopped", `events` knows "oom" alone."""

    state: str = ""
    events: tuple[str, ...] = ()
    host_ip: str = ""
    container_ip: str = ""
    container_ipv6: str = ""
    external_ip: str = ""
    container_path: str = ""
    process_ids: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    mapped_ports: tuple[MappedPort, ...] = ()

    WIRE: ClassVar[Wire] = Wire(
        {
            "state": "State",
            "events": "Events",
            "host_ip": "HostIP",
            "container_ip": "ContainerIP",
            "container_ipv6": "ContainerIPv6",
            "external_ip": "ExternalIP",
            "container_path": "ContainerPath",
            "process_ids": "ProcessIDs",
            "properties": "Properties",
            "mapped_ports": "MappedPorts",
        }
    )


@dataclass(frozen=True, slots=True)
class GardenError:
    """The body of an answer that is not 2xx, and the error of one entry in a bulk answer.

    404 goes with ContainerNotFoundError and ProcessNotFoundError, 500 with all others; the type is empty for most.
    """

    type: str = ""
    message: str = ""
    handle: str = ""
    process_id: str = ""
    binary: str = ""

    WIRE: ClassVar[Wire] = Wire(
        {"type": "Type", "message": "Message", "handle": "Handle", "process_id": "ProcessID", "binary": "Binary"}
    )


def container_not_found(handle: str) -> GardenError:
    """No container has this handle."""
    return GardenError("ContainerNotFoundError", f"unknown handle: {handle}", handle=handle)


def process_not_found(process_id: str) -> GardenError:
    """No process of the container has this id."""
    return GardenError("ProcessNotFoundError", f"unknown process: {process_id}", process_id=process_id)


def executable_not_found(message: str) -> GardenError:
    """The program to run is not in the container."""
    return GardenError("ExecutableNotFoundError", message)


def service_unavailable(cause: str) -> GardenError:
    """Try again later."""
    return GardenError("ServiceUnavailableError", cause)


def unrecoverable(symptom: str) -> GardenError:
    """It will not get better by trying again."""
    return GardenError("UnrecoverableError", symptom)


@dataclass(frozen=True, slots=True)
class InfoEntry:
    """One value of what BULK_INFO answers."""

    info: ContainerInfo = field(default_factory=ContainerInfo)
    error: GardenError | None = None

    WIRE: ClassVar[Wire] = Wire({"info": "Info", "error": "Err"})
