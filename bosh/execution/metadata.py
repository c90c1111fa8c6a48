"""Names and tags by which a cloud's own console shows our things (bosh: metadata_updater.rb)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bosh.clients.contract import Cpi
from bosh.wire.cpi import NOT_IMPLEMENTED, NOT_SUPPORTED
from bosh.wire.errors import CloudError

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def vm_metadata(
    *,
    tags: Mapping[str, str],
    director: str,
    deployment: str,
    instance_id: str,
    group: str,
    index: int,
    now: datetime,
) -> dict[str, str]:
    """Metadata of a VM; our own names win over tags."""
    return {
        **tags,
        "director": director,
        "deployment": deployment,
        "id": instance_id,
        "job": group,
        "instance_group": group,
        "index": str(index),
        "name": f"{group}/{instance_id}",
        "created_at": now.strftime(_TIME),
    }


def disk_metadata(
    *,
    tags: Mapping[str, str],
    director: str,
    deployment: str,
    instance_id: str,
    group: str,
    index: int,
    now: datetime,
) -> dict[str, str]:
    """Metadata of a persistent disk."""
    return {
        **tags,
        "director": director,
        "deployment": deployment,
        "instance_id": instance_id,
        "instance_index": str(index),
        "instance_group": group,
        "attached_at": now.strftime(_TIME),
    }


async def call_if_implemented(cloud: Cpi, method: str, *arguments: object) -> bool:
    """Call what a cloud need not offer; whether it did. Raises CloudError for every other failure."""
    try:
        await cloud.call(method, *arguments)
    except CloudError as error:
        if error.kind in {NOT_IMPLEMENTED, NOT_SUPPORTED}:
            return False
        raise
    return True
