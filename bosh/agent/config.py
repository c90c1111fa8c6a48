"""``agent.json``: what the stemcell says about the machine (bosh-agent: app/config.go, platform/linux_platform.go LinuxOptions).

Unknown keys are ignored, as the original ignores them. The section ``Agent`` is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bosh.wire.errors import BoshError

HEARTBEAT_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class LinuxOptions:
    """``Platform.Linux``."""

    skip_disk_setup: bool = False
    """Ephemeral disk and swap are left alone: containers, and machines laid out by the cloud."""
    partitioner: str = ""
    """``none``: a persistent disk is formatted whole, as containers need it; else one GPT partition."""
    preformatted_persistent_disk: bool = False
    """The cloud delivers disks with a file system: mount the device itself and never format."""
    default_tmp_dir: bool = False
    """``/tmp`` and ``/var/tmp`` stay where they are, instead of on the ephemeral disk."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    linux: LinuxOptions = LinuxOptions()
    sources: tuple[Mapping[str, Any], ...] = ()
    """``Infrastructure.Settings.Sources``, each with ``Type`` and its own options; the first that answers wins."""
    heartbeat_interval_s: float = HEARTBEAT_INTERVAL_S
    monit_port: int = 2822
    alert_port: int = 2825
    extra: Mapping[str, Any] = field(default_factory=dict)


def parse(body: Mapping[str, Any]) -> AgentConfig:
    linux = (body.get("Platform") or {}).get("Linux") or {}
    settings = (body.get("Infrastructure") or {}).get("Settings") or {}
    own = body.get("Agent") or {}
    return AgentConfig(
        linux=LinuxOptions(
            skip_disk_setup=bool(linux.get("SkipDiskSetup")),
            partitioner=str(linux.get("PartitionerType") or ""),
            preformatted_persistent_disk=bool(linux.get("UsePreformattedPersistentDisk")),
            default_tmp_dir=bool(linux.get("UseDefaultTmpDir")),
        ),
        sources=tuple(settings.get("Sources") or ()),
        heartbeat_interval_s=float(own.get("HeartbeatIntervalSeconds") or HEARTBEAT_INTERVAL_S),
        monit_port=int(own.get("MonitPort") or 2822),
        alert_port=int(own.get("AlertPort") or 2825),
        extra=own,
    )


def load(path: Path | None) -> AgentConfig:
    """Read ``agent.json``; without a path everything has its default.

    Raises:
        BoshError: unreadable or not JSON.
    """
    if path is None:
        return AgentConfig()
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BoshError(f"cannot read agent configuration {path}", details=str(error)) from error
    if not isinstance(body, dict):
        raise BoshError(f"cannot read agent configuration {path}", details="it must be a JSON object")
    return parse(body)
