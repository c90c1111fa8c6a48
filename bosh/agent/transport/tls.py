"""TLS towards the bus: our certificate, its authority, and whose name the server must have."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from typing import Any

from bosh.agent.settings import MbusCertificate
from bosh.wire.errors import BoshError

_BUS_NAME = re.compile(r"[a-zA-Z0-9*\-]*\.nats\.bosh-internal")
"""bosh-agent: mbus/nats_handler.go. The authority also signs agents: without this check an agent could pose as the bus."""


def client_context(certificate: MbusCertificate) -> ssl.SSLContext:
    """A context that presents our certificate and accepts only the authority's.

    Raises:
        BoshError: the texts are not a certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The address may be an IP that no certificate names; what counts is the name, checked after the handshake.
    context.check_hostname = False
    try:
        context.load_verify_locations(cadata=certificate.ca)
        load_pair(context, certificate.certificate, certificate.private_key)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise BoshError("cannot use the certificate for the message bus", details=str(error)) from error
    return context


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load PEM texts, which the library reads only from a file: one that has no name and dies with its descriptor."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, f"{certificate}\n{key}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def check_bus_name(peer: Mapping[str, Any] | None) -> None:
    """Raises BoshError unless the peer's common name is that of a bus."""
    fields = [field for group in (peer or {}).get("subject", ()) for field in group]
    names = [value for key, value in fields if key == "commonName"]
    if not any(_BUS_NAME.fullmatch(name) for name in names):
        raise BoshError(
            "server Certificate CommonName does not match *.nats.bosh-internal", details=f"it is {', '.join(names)}"
        )
