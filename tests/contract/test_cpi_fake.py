"""The fake cloud keeps every promise of a CPI."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from fake_cpi.answer import answer
from fake_cpi.cloud import FakeCloud

from bosh.testing.contract_cpi import Environment, Subject, cpi_contract


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    image = tmp_path / "image"
    image.write_bytes(b"an image")
    environment = Environment(
        image=image,
        networks=[{"private": {"type": "manual", "ip": f"10.0.0.{n}", "cloud_properties": {}}} for n in (2, 3)],
        too_large_disk_mb=2_000_000,
        managed_network={"type": "manual", "netmask_bits": 24, "cloud_properties": {"x": 1}},
    )
    config = {"dir": str(tmp_path / "cloud"), "capacity_mb": 1_000_000}
    return Subject(partial(answer, FakeCloud, config), environment)


TestFakeCloud = cpi_contract("TestFakeCloud")
