"""Where settings come from: one file per kind of source in ``agent.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bosh.agent.machine.commands import Commands
from bosh.agent.settings import Source
from bosh.agent.sources.config_drive import CdromSource, ConfigDriveSource
from bosh.agent.sources.file import FileSource
from bosh.agent.sources.http import HttpSource
from bosh.wire.errors import BoshError


def build(options: Sequence[Mapping[str, Any]], commands: Commands) -> list[Source]:
    """The sources named in ``Infrastructure.Settings.Sources``, in their order.

    Raises:
        BoshError: a type that this agent does not read.
    """
    return [_one(option, commands) for option in options]


def _one(option: Mapping[str, Any], commands: Commands) -> Source:
    match option.get("Type"):
        case "File":
            return FileSource(option)
        case "ConfigDrive":
            return ConfigDriveSource(option, commands)
        case "CDROM":
            return CdromSource(option, commands)
        case "HTTP" | "InstanceMetadata":
            return HttpSource(option)
        case kind:
            raise BoshError(
                f"cannot read settings from a source of type {kind!r}",
                resolution="Use File, ConfigDrive, CDROM, HTTP or InstanceMetadata.",
            )
