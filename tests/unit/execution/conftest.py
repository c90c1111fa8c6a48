from __future__ import annotations

import json
from pathlib import Path

import pytest

from bosh.director.config import BlobstoreConfig
from bosh.manifest.model import Catalog, StemcellImage
from bosh.testing.fake_task import FakeWorld, fake_world


@pytest.fixture
def fake(tmp_path: Path) -> FakeWorld:
    """A world with one stemcell."""
    fake = fake_world(
        tmp_path,
        blobstore=BlobstoreConfig(address="127.0.0.1"),
        catalog=Catalog(stemcells=(StemcellImage("debian", "debian-12", "1.1", "stemcell-1", api_version=3),)),
    )
    (tmp_path / "cloud" / "stemcells").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cloud" / "stemcells" / "stemcell-1.json").write_text(json.dumps({"cloud_properties": {}}))
    return fake
