"""What an agent is told at its VM's creation (bosh-agent: settings/settings.go), written by the CPI for API v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Agent settings; ``to_json``/``from_json`` are the file's form."""

    agent_id: str
    vm_name: str
    mbus: str
    """``nats://host:port`` or ``https://user:pass@host:port``; ``env.bosh.mbus.urls`` wins where present."""
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    blobstore: Mapping[str, Any] = field(default_factory=dict)
    disks: Mapping[str, Any] = field(default_factory=dict)
    """``system``, ``ephemeral``, ``persistent`` {cid: hint}, ``raw_ephemeral`` []."""
    env: Mapping[str, Any] = field(default_factory=dict)
    ntp: tuple[str, ...] = ()
    trusted_certs: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "agent_id": self.agent_id,
            "vm": {"name": self.vm_name},
            "mbus": self.mbus,
            "networks": {name: dict(network) for name, network in self.networks.items()},
            "blobstore": dict(self.blobstore),
            "disks": dict(self.disks),
            "env": dict(self.env),
            "ntp": list(self.ntp),
            "trusted_certs": self.trusted_certs,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Settings:
        """Raises KeyError when agent_id is missing; everything else has a default."""
        return cls(
            agent_id=body["agent_id"],
            vm_name=(body.get("vm") or {}).get("name", ""),
            mbus=body.get("mbus") or "",
            networks=body.get("networks") or {},
            blobstore=body.get("blobstore") or {},
            disks=body.get("disks") or {},
            env=body.get("env") or {},
            ntp=tuple(body.get("ntp") or ()),
            trusted_certs=body.get("trusted_certs") or "",
        )
