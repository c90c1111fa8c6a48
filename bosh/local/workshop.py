"""Where this project's own releases, manifests and recipes lie, and what is kept between runs of ``bosh up``."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("BOSH_CACHE") or PROJECT / ".cache")
"""Stemcells, blobs and release tarballs by content; ``bosh down`` leaves it, deleting it costs only time."""

RECIPE = PROJECT / "stemcells/recipes/container-debian-bookworm.yml"
CLOUD_CONFIG = PROJECT / "manifests/cloud-configs/container.yml"
RUNTIME_CONFIG = PROJECT / "manifests/runtime-configs/os-conf.yml"
SETTINGS = PROJECT / "manifests/bosh/local.yml"
EXAMPLE = PROJECT / "manifests/examples/nats.yml"
RELEASES = (PROJECT / "releases/nats", PROJECT / "releases/os-conf")
