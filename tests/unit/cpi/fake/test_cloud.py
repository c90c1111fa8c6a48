from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cpi_kit.call import Call
from cpi_kit.errors import CloudFailed
from cpi_kit.interfaces import StemcellCid, VmCid
from fake_cpi.cloud import FakeCloud

from bosh.wire.agent_settings import Settings


@pytest.fixture
def cloud(tmp_path: Path) -> FakeCloud:
    return FakeCloud(Call({"dir": str(tmp_path), "agent": {"mbus": "nats://x:1"}}))


@pytest.fixture
def stemcell(cloud: FakeCloud, tmp_path: Path) -> StemcellCid:
    (tmp_path / "image").touch()
    return cloud.create_stemcell(str(tmp_path / "image"), {}, {})


def made(cloud: FakeCloud, stemcell: StemcellCid, **network: Any) -> tuple[VmCid, Any]:
    return cloud.create_vm("agent", stemcell, {}, {"net": network}, [], {"bosh": {}})


def test_writes_agent_settings(cloud: FakeCloud, stemcell: StemcellCid, tmp_path: Path) -> None:
    cid, networks = made(cloud, stemcell, type="manual", ip="10.0.0.2")
    settings = Settings.from_json(json.loads((tmp_path / "vms" / cid / "settings.json").read_text()))
    assert (settings.agent_id, settings.vm_name, settings.mbus) == ("agent", cid, "nats://x:1")
    assert settings.networks == networks
    assert networks["net"]["mac"].startswith("02:fa:")


def test_one_address_has_one_vm(cloud: FakeCloud, stemcell: StemcellCid) -> None:
    first, _ = made(cloud, stemcell, type="manual", ip="10.0.0.2")
    with pytest.raises(CloudFailed, match=first):
        made(cloud, stemcell, type="manual", ip="10.0.0.2")


def test_dynamic_addresses_differ(cloud: FakeCloud, stemcell: StemcellCid) -> None:
    addresses = [made(cloud, stemcell, type="dynamic")[1]["net"]["ip"] for _ in range(3)]
    assert addresses == ["10.250.0.2", "10.250.0.3", "10.250.0.4"]


def test_a_manual_network_needs_an_address(cloud: FakeCloud, stemcell: StemcellCid) -> None:
    with pytest.raises(CloudFailed, match="net"):
        made(cloud, stemcell, type="manual")


def test_metadata_and_reboots_are_kept(cloud: FakeCloud, stemcell: StemcellCid, tmp_path: Path) -> None:
    cid, _ = made(cloud, stemcell, type="manual", ip="10.0.0.2")
    cloud.set_vm_metadata(cid, {"job": "x"})
    cloud.reboot_vm(cid)
    record = json.loads((tmp_path / "vms" / cid / "vm.json").read_text())
    assert (record["metadata"], record["reboots"]) == ({"job": "x"}, 1)


def test_needs_a_directory() -> None:
    with pytest.raises(CloudFailed, match="'dir'"):
        FakeCloud(Call({}))
