"""Addresses that cells fetch from and send to; each works for a limited time and for nothing else."""

from __future__ import annotations

from cloud_controller.blobstore import contract as blobs
from cloud_controller.services import Services

# Instances are placed anew on other cells long after they were asked for; their droplet has to be there then.
DROPLET_LINK_SECONDS = 10 * 365 * 24 * 3600


def download(services: Services, bucket: str, key: str, seconds: int) -> str:
    """Where a blob is fetched."""
    return services.signer.link(f"/blobs/{bucket}/{key}", seconds)


def droplet(services: Services, key: str | None) -> str:
    """Where a droplet is fetched, now and when an instance moves."""
    return download(services, blobs.DROPLETS, key or "", DROPLET_LINK_SECONDS)


def staging(services: Services, path: str) -> str:
    """Where something of staging is fetched or sent."""
    return services.signer.link(
        path, services.config.staging.timeout_seconds + services.config.blobstore.link_lifetime_seconds
    )
