"""The settings a CPI of API version 2 leaves for a VM's agent: the operator's defaults, what the director said, what the cloud made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bosh.wire.agent_settings import Settings
from cpi_kit.interfaces import Networks


def agent_settings(
    defaults: Mapping[str, Any],
    *,
    agent_id: str,
    vm_cid: str,
    networks: Networks,
    disks: Mapping[str, Any],
    env: Mapping[str, Any],
) -> Settings:
    """``defaults`` is the CPI configuration's ``agent`` map: ``mbus``, ``blobstore``, ``ntp``, ``trusted_certs``.

    The director's ``env.bosh`` wins for bus, blobstore and time servers, as it does in the agent itself
    (bosh-agent: settings/settings.go, GetMbusURLs and its neighbours); writing it in both places serves older agents too.
    """
    wished = env.get("bosh") or {}
    urls = (wished.get("mbus") or {}).get("urls") or []
    blobstores = wished.get("blobstores") or []
    return Settings(
        agent_id=agent_id,
        vm_name=vm_cid,
        mbus=urls[0] if urls else str(defaults.get("mbus") or ""),
        networks=networks,
        blobstore=blobstores[0] if blobstores else defaults.get("blobstore") or {},
        disks=disks,
        env=env,
        ntp=tuple(wished.get("ntp") or defaults.get("ntp") or ()),
        trusted_certs=str(defaults.get("trusted_certs") or ""),
    )
