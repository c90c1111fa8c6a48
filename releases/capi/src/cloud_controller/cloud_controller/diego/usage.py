"""How much instances use, from log-cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import grpc
from cf_wire.logcache import egress_pb2, egress_pb2_grpc
from cf_wire.loggregator import envelope_pb2

from cloud_controller.clock import Clock, epoch

# Cells report every 15 s; two minutes hold the newest value of every instance (cloud_controller_ng: container_metric_batcher.rb).
WINDOW_SECONDS = 120
ENVELOPE_LIMIT = 1000
READ_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class InstanceUsage:
    """The newest numbers of one instance; cpu as a fraction of a core, the rest in bytes and bytes per second."""

    cpu: float | None = None
    cpu_entitlement: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    log_rate: int | None = None
    memory_quota_bytes: int | None = None
    disk_quota_bytes: int | None = None
    log_rate_limit: int | None = None


class UsageUnavailable(Exception):
    """log-cache does not answer."""


class ContainerUsage(Protocol):
    """Where instance numbers come from."""

    def read(self, app_guid: str, process_guid: str) -> dict[int, InstanceUsage]:
        """The newest usage by instance index.

        Raises:
            UsageUnavailable: nobody knows.
        """


class NoUsage:
    """For deployments without log-cache."""

    def read(self, app_guid: str, process_guid: str) -> dict[int, InstanceUsage]:
        """Nothing is known."""
        return {}


class LogCacheUsage:
    """Reads gauges over gRPC."""

    def __init__(self, channel: grpc.Channel, clock: Clock) -> None:
        self._read = egress_pb2_grpc.EgressStub(channel).Read  # type: ignore[no-untyped-call]
        self._clock = clock

    def read(self, app_guid: str, process_guid: str) -> dict[int, InstanceUsage]:
        """See :class:`ContainerUsage`."""
        now_ns = int(epoch(self._clock.now()) * 1e9)
        request = egress_pb2.ReadRequest(
            source_id=app_guid,
            start_time=now_ns - WINDOW_SECONDS * 10**9,
            end_time=now_ns,
            limit=ENVELOPE_LIMIT,
            descending=True,
            envelope_types=[egress_pb2.GAUGE],
        )
        try:
            answer = self._read(request, timeout=READ_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise UsageUnavailable(f"cannot read from log-cache: {error}") from error
        return newest(list(answer.envelopes.batch), process_guid)


_FIELDS = {
    "cpu": "cpu",
    "cpu_entitlement": "cpu_entitlement",
    "memory": "memory_bytes",
    "disk": "disk_bytes",
    "log_rate": "log_rate",
    "memory_quota": "memory_quota_bytes",
    "disk_quota": "disk_quota_bytes",
    "log_rate_limit": "log_rate_limit",
}
_PERCENT = frozenset({"cpu", "cpu_entitlement"})


def newest(envelopes: list[envelope_pb2.Envelope], process_guid: str) -> dict[int, InstanceUsage]:
    """The newest gauges of each instance of a process; ``envelopes`` come newest first."""
    found: dict[int, dict[str, float]] = {}
    for envelope in envelopes:
        if envelope.tags.get("process_id", process_guid) != process_guid or not _index(envelope).isdigit():
            continue
        values = found.setdefault(int(_index(envelope)), {})
        for name, gauge in envelope.gauge.metrics.items():
            if name in _FIELDS:
                values.setdefault(_FIELDS[name], gauge.value / 100 if name in _PERCENT else gauge.value)
    return {index: _usage(values) for index, values in found.items()}


def _index(envelope: envelope_pb2.Envelope) -> str:
    return str(envelope.tags.get("instance_id") or envelope.instance_id)


def _usage(values: Mapping[str, float]) -> InstanceUsage:
    return InstanceUsage(**{name: value if name in _PERCENT else int(value) for name, value in values.items()})  # type: ignore[arg-type]
