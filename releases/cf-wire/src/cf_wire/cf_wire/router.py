"""What travels over NATS between routers and those who have routes.

Sources: gorouter mbus/subscriber.go, common/component.go; route-emitter routingtable/registry_message.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .plain import Wire

REGISTER = "router.register"
UNREGISTER = "router.unregister"
GREET = "router.greet"
"""Asked by whoever has routes; a router replies with a RouterStart."""
START = "router.start"
"""Published by a router that begins."""
DISCOVERY_REGISTER = "service-discovery.register"
DISCOVERY_UNREGISTER = "service-discovery.unregister"
DISCOVERY_GREET = "service-discovery.greet"
DISCOVERY_START = "service-discovery.start"

REGISTER_INTERVAL_S = 20
PRUNE_THRESHOLD_S = 120


@dataclass(frozen=True, slots=True)
class RouterStart:
    """Who routes, how often it wants to hear of a route, and when it forgets one, both in seconds."""

    id: str
    hosts: tuple[str, ...] = ()
    minimum_register_interval_s: int = REGISTER_INTERVAL_S
    prune_threshold_s: int = PRUNE_THRESHOLD_S

    WIRE: ClassVar[Wire] = Wire(
        {
            "minimum_register_interval_s": "minimumRegisterIntervalInSeconds",
            "prune_threshold_s": "pruneThresholdInSeconds",
        }
    )


@dataclass(frozen=True, slots=True)
class RegistryMessage:
    """One endpoint and the URIs that lead to it, for (UN)REGISTER and DISCOVERY_(UN)REGISTER.

    A `tls_port` that is not 0 is preferred, and the backend must then prove `server_cert_domain_san`. `options` knows
    "loadbalancing", "hash_header" and "hash_balance". A `route_service_url` that does not begin with https makes a router refuse
    the message.
    """

    uris: tuple[str, ...]
    host: str
    port: int = 0
    tls_port: int = 0
    protocol: str = ""
    app: str = ""
    route_service_url: str = ""
    private_instance_id: str = ""
    private_instance_index: str = ""
    server_cert_domain_san: str = ""
    isolation_segment: str = ""
    endpoint_updated_at_ns: int = 0
    stale_threshold_in_seconds: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    availability_zone: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    WIRE: ClassVar[Wire] = Wire(
        omit_empty=frozenset(
            {
                "tls_port",
                "protocol",
                "app",
                "route_service_url",
                "private_instance_id",
                "private_instance_index",
                "server_cert_domain_san",
                "isolation_segment",
                "endpoint_updated_at_ns",
                "stale_threshold_in_seconds",
                "tags",
                "availability_zone",
                "options",
            }
        )
    )
