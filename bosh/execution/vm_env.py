"""What a VM's agent is told at its birth: the manifest's env and the director's additions (bosh: create_vm_step.rb)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bosh.director.config import Config, Nats
from bosh.manifest.model import Json, Properties
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects

CERTIFICATE_DAYS = 730
"""As the original: agents' certificates are renewed by recreating the VM."""

SIGNED_URLS_FROM_API_VERSION = 3
"""Agents of stemcells from this API version on can do without blobstore credentials."""


def group_names(director: str, deployment: str, group: str) -> tuple[str, tuple[str, ...]]:
    """``env.bosh.group`` and ``env.bosh.groups``."""
    names = (
        director,
        deployment,
        group,
        f"{director}-{deployment}",
        f"{deployment}-{group}",
        f"{director}-{deployment}-{group}",
    )
    canonical = tuple(canonicalized(name) for name in names)
    return canonical[-1], canonical


def canonicalized(name: str) -> str:
    """Lower case, ``_`` to ``-``, other characters dropped (bosh: canonicalizer.rb)."""
    return re.sub(r"[^a-z0-9-]", "", name.lower().replace("_", "-"))


def agent_certificate(nats: Nats, agent_id: str, *, now: datetime) -> dict[str, str]:
    """``env.bosh.mbus.cert``: who the agent is on the bus, and whom it may trust there."""
    ca = KeyPairPem(nats.client_ca.certificate, nats.client_ca.private_key)
    name = subjects.agent_common_name(agent_id)
    own = issue(
        common_name=name,
        ca=ca,
        alternative_names=(name,),  # by which the bus finds its user at once, however many there are
        usages=("client_auth",),
        not_before=now - timedelta(minutes=5),  # clocks of fresh VMs may be behind
        days=CERTIFICATE_DAYS,
    )
    return {"ca": nats.ca, "certificate": own.certificate, "private_key": own.private_key}


def bus_url(nats: Nats) -> str:
    """Where agents find the bus."""
    host = f"[{nats.address}]" if ":" in nats.address else nats.address
    return f"nats://{host}:{nats.port}"


def signs_urls(config: Config, stemcell_api_version: int) -> bool:
    """Whether agents of such a stemcell get signed URLs instead of blobstore credentials."""
    return config.blobstore.enable_signed_urls and stemcell_api_version >= SIGNED_URLS_FROM_API_VERSION


def blobstores_for(options: Mapping[str, Any], *, signed_urls: bool) -> list[dict[str, Any]]:
    """``env.bosh.blobstores``; without credentials for agents that get signed URLs."""
    if not signed_urls:
        return [dict(options)]
    kept = {
        key: value for key, value in options.get("options", {}).items() if key not in {"user", "password", "secret"}
    }
    return [{**options, "options": kept}]


def complete_env(
    env: Properties,
    *,
    config: Config,
    deployment: str,
    group: str,
    tags: Mapping[str, str],
    certificate: Mapping[str, str],
    blobstores: Sequence[Mapping[str, Any]],
    password: str = "",
) -> dict[str, Json]:
    """The env sent with ``create_vm``: the manifest's wins over the configured one, the director's own keys over both.

    Args:
        password: hash for ``vcap`` where the manifest gives none; empty for none.
    """
    bosh: dict[str, Json] = {**config.agent_env, **(env.get("bosh") or {})}
    bosh["mbus"] = {"urls": [bus_url(config.nats)], **(bosh.get("mbus") or {}), "cert": dict(certificate)}
    bosh["blobstores"] = [dict(blobstore) for blobstore in blobstores]
    bosh["group"], groups = group_names(config.name, deployment, group)
    bosh["groups"] = list(groups)
    if tags:
        bosh["tags"] = dict(tags)
    if password and not bosh.get("password"):
        bosh["password"] = password
    return {**env, "bosh": bosh}
