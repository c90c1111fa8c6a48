"""What this VM was told: settings from its source, with what the director changed since (bosh-agent: settings/service.go)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bosh.agent.paths import Paths
from bosh.system.files import write_atomically
from bosh.wire.agent_settings import Settings
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)


class Source(Protocol):
    """One place where a cloud leaves settings."""

    async def read(self) -> Mapping[str, Any]:
        """The settings' JSON object.

        Raises:
            BoshError: not there, or not readable.
        """
        ...


@dataclass(frozen=True, slots=True)
class MbusCertificate:
    """PEM texts: the bus's authority, our certificate and its key."""

    ca: str
    certificate: str
    private_key: str


@dataclass(frozen=True, slots=True)
class DiskHint:
    """How a cloud names an attached disk; the way from name to device is the machine's (bosh-agent: settings.DiskSettings)."""

    cid: str
    path: str = ""
    volume_id: str = ""
    device_id: str = ""
    lun: str = ""
    host_device_id: str = ""
    file_system: str = ""
    mount_options: tuple[str, ...] = ()


def disk_hint(cid: str, hint: Any, env: Mapping[str, Any]) -> DiskHint:
    """Read a hint: a device path or volume id as plain text, or an object.

    Raises:
        BoshError: neither.
    """
    file_system = str(env.get("persistent_disk_fs") or "")
    options = tuple(env.get("persistent_disk_mount_options") or ())
    if isinstance(hint, str):
        return DiskHint(cid, path=hint, volume_id=hint, file_system=file_system, mount_options=options)
    if not isinstance(hint, Mapping):
        raise BoshError(f"cannot understand the hint of disk '{cid}'", details=f"{hint!r} is neither text nor object")
    return DiskHint(
        cid,
        path=str(hint.get("path") or ""),
        volume_id=str(hint.get("volume_id") or ""),
        device_id=str(hint.get("id") or ""),
        lun=str(hint.get("lun") or ""),
        host_device_id=str(hint.get("host_device_id") or ""),
        file_system=file_system,
        mount_options=options,
    )


class SettingsStore:
    """Settings, updates and disk hints, each in its file below ``bosh/``."""

    def __init__(self, paths: Paths, sources: Sequence[Source]) -> None:
        self._paths = paths
        self._sources = sources
        self._settings: Settings | None = None

    @property
    def current(self) -> Settings:
        assert self._settings is not None, "settings are loaded first"
        return self._settings

    async def load(self) -> Settings:
        """Ask the sources in turn; when none answers, take what was kept from an earlier start.

        Raises:
            BoshError: no source answers and nothing was kept.
        """
        faults = []
        for source in self._sources:
            try:
                body = await source.read()
                self._settings = Settings.from_json(body)
            except (BoshError, KeyError, TypeError) as error:
                faults.append(f"{type(source).__name__}: {error}")
                continue
            write_atomically(self._paths.settings_json, json.dumps(self._settings.to_json()).encode(), mode=0o600)
            return self._settings
        self._settings = self._kept(faults)
        return self._settings

    def _kept(self, faults: Sequence[str]) -> Settings:
        kept = _read_object(self._paths.settings_json)
        if not kept:
            raise BoshError(
                "cannot find this VM's settings",
                details="\n".join(faults) or "no source is configured",
                resolution="Check Infrastructure.Settings.Sources in agent.json and what the CPI writes.",
            )
        log.warning("settings come from an earlier start: %s", "; ".join(faults) or "no source is configured")
        return Settings.from_json(kept)

    # ---- what update_settings changed

    @property
    def updates(self) -> Mapping[str, Any]:
        return _read_object(self._paths.update_settings_json)

    def save_updates(self, updates: Mapping[str, Any]) -> None:
        write_atomically(self._paths.update_settings_json, json.dumps(updates).encode(), mode=0o600)

    @property
    def _bosh_env(self) -> Mapping[str, Any]:
        return self.current.env.get("bosh") or {}

    @property
    def bosh_env(self) -> Mapping[str, Any]:
        """``env.bosh``."""
        return self._bosh_env

    @property
    def mbus_urls(self) -> tuple[str, ...]:
        for mbus in (self.updates.get("mbus") or {}, self._bosh_env.get("mbus") or {}):
            if mbus.get("urls"):
                return tuple(mbus["urls"])
        return (self.current.mbus,) if self.current.mbus else ()

    @property
    def mbus_certificate(self) -> MbusCertificate | None:
        for mbus in (self.updates.get("mbus") or {}, self._bosh_env.get("mbus") or {}):
            pair = mbus.get("cert") or {}
            if pair.get("ca"):
                return MbusCertificate(pair["ca"], pair.get("certificate") or "", pair.get("private_key") or "")
        return None

    @property
    def blobstore(self) -> Mapping[str, Any]:
        """``{provider, options}``: the newest that is known."""
        for owner in (self.updates, self._bosh_env):
            if owner.get("blobstores"):
                blobstore: Mapping[str, Any] = owner["blobstores"][0]
                return blobstore
        return self.current.blobstore

    @property
    def default_ip(self) -> str:
        """Address of the network that is default for something, else of any."""
        found = ""
        for network in self.current.networks.values():
            if not found or network.get("default"):
                found = str(network.get("ip") or "") or found
        return found

    @property
    def ips(self) -> tuple[str, ...]:
        return tuple(sorted(str(network["ip"]) for network in self.current.networks.values() if network.get("ip")))

    # ---- disks

    def persistent_disks(self) -> dict[str, DiskHint]:
        """By cid: those the VM was made with and those added since."""
        known = dict(self.current.disks.get("persistent") or {}) | _read_object(self._paths.disk_hints_json)
        return {cid: disk_hint(cid, hint, self.current.env) for cid, hint in known.items()}

    def persistent_disk(self, cid: str) -> DiskHint:
        """Raises BoshError when no such disk was added."""
        disks = self.persistent_disks()
        if cid not in disks:
            raise BoshError(f"Persistent disk with volume id '{cid}' could not be found")
        return disks[cid]

    def add_disk(self, cid: str, hint: Any) -> None:
        """Raises BoshError when the hint cannot be understood."""
        disk_hint(cid, hint, self.current.env)
        self._save_hints({**_read_object(self._paths.disk_hints_json), cid: hint})

    def remove_disk(self, cid: str) -> None:
        hints = dict(_read_object(self._paths.disk_hints_json))
        hints.pop(cid, None)
        self._save_hints(hints)

    def _save_hints(self, hints: Mapping[str, Any]) -> None:
        write_atomically(self._paths.disk_hints_json, json.dumps(hints).encode(), mode=0o600)


def _read_object(path: Path) -> dict[str, Any]:
    """Empty when the file does not exist.

    Raises:
        BoshError: it exists and cannot be read.
    """
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BoshError(f"cannot read {path}", details=str(error)) from error
    if not isinstance(body, dict):
        raise BoshError(f"cannot read {path}", details="it must be a JSON object")
    return body
