"""The job, rendered with little and with much, and read by the program itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cloud_controller import config

from bosh.testing.jobs import render_job

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")]

RELEASE = Path(__file__).parents[4] / "releases/capi"
LITTLE: dict[str, Any] = {
    "system_domain": "sys.test",
    "app_domains": ["apps.test"],
    "cc.db_encryption_key": "key",
    "cc.blobstore.signing_secret": "secret",
    "uaa.url": "https://uaa.sys.test",
    "login.url": "https://login.sys.test",
}
MUCH: dict[str, Any] = {
    **LITTLE,
    "cc.external_host": "cc.example.test",
    "cc.old_db_encryption_keys": ["older"],
    "ccdb.address": "db.test",
    "ccdb.password": "p@ss/word",
    "cc.blobstore.s3.bucket": "bucket",
    "cc.mutual_tls.certificate": "C",
    "cc.mutual_tls.private_key": "K",
    "cc.mutual_tls.ca_cert": "A",
    "cc.install_buildpacks": [{"name": "b", "file": "/x/*.zip", "stack": "cflinuxfs4"}],
    "cc.security_group_definitions": [{"name": "g", "rules": [{"protocol": "all", "destination": "0.0.0.0/0"}]}],
}


async def rendered(tmp_path: Path, properties: dict[str, Any]) -> config.Config:
    files = await render_job(RELEASE, "cloud_controller", properties)
    path = tmp_path / "config.json"
    path.write_text(files["config/cloud_controller.json"])
    assert json.loads(path.read_text())
    return config.load(path)


async def test_little_is_enough(tmp_path: Path) -> None:
    read = await rendered(tmp_path, LITTLE)
    assert (read.url, read.seed.shared_domains) == ("https://api.sys.test", ["apps.test"])
    assert read.database_url.startswith("sqlite:////var/vcap/store/")
    assert read.listen.internal_tls is None


async def test_much_arrives(tmp_path: Path) -> None:
    read = await rendered(tmp_path, MUCH)
    assert read.database_url == "postgresql://cloud_controller:p%40ss%2Fword@db.test:5432/cloud_controller"
    assert read.database_keys == ["key", "older"]
    assert (read.blobstore.s3_bucket, read.blobstore.directory) == ("bucket", "")
    assert read.diego.tls is not None
    assert read.diego.tls == read.listen.internal_tls
    assert read.seed.buildpacks[0].stack == "cflinuxfs4"
    assert read.url == "https://cc.example.test"
