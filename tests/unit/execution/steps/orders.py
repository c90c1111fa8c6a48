"""A VM order to change."""

from __future__ import annotations

from typing import Any

from bosh.execution.steps.create_vm import VmOrder
from bosh.manifest.model import StemcellChoice

STEMCELL = StemcellChoice("default", "debian-12", "debian", "1.1", 3)
NETWORKS = {"default": {"type": "manual", "ip": "10.0.0.5", "netmask": "255.255.255.0", "cloud_properties": {}}}


def order(**values: Any) -> VmOrder:
    given: dict[str, Any] = {
        "agent_id": "agent-1",
        "group": "web",
        "stemcell": STEMCELL,
        "cpi": "",
        "cloud_properties": {"memory_mb": 512},
        "network_settings": NETWORKS,
        "env": {"bosh": {"password": "((password))"}},
        "metadata": {"name": "web/instance-1"},
        "instance_uuid": "instance-1",
    }
    return VmOrder(**(given | values))
