"""Which bus the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from bosh.agent.paths import Paths
from bosh.agent.settings import SettingsStore
from bosh.agent.transport.contract import Transport
from bosh.agent.transport.https import HttpsTransport
from bosh.agent.transport.nats import NatsTransport
from bosh.system.clock import Clock
from bosh.wire.errors import BoshError


def transport(settings: SettingsStore, clock: Clock, paths: Paths) -> Transport:
    """Raises BoshError when no bus, or an unknown kind of it, is named."""
    urls = settings.mbus_urls
    scheme = urlsplit(urls[0]).scheme if urls else ""
    match scheme:
        case "nats" | "tls":
            return NatsTransport(urls, settings.mbus_certificate, settings.current.agent_id, clock)
        case "https":
            return HttpsTransport(urls[0], settings.mbus_certificate, paths.blobs)
        case "":
            raise BoshError("cannot reach the director: the settings name no message bus")
        case _:
            raise BoshError(f"cannot use a message bus of kind {scheme!r}", resolution="Use nats:// or https://.")
