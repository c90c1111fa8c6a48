"""One manifest with many faults, and the text a person gets for it.

``faulty.txt`` is the expected text; run with ``UPDATE_GOLDEN=1`` to write it anew, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bosh.manifest.configs import ConfigText
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.model import Catalog, Release, StemcellImage
from bosh.manifest.parse import parse

HERE = Path(__file__).parent

CLOUD = """\
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
disk_types: [{name: big, disk_size: 1000}]
networks:
- {name: private, subnets: [{range: 10.0.0.0/24, gateway: 10.0.1.1, azs: [z1], static: [10.0.0.10-10.0.0.20]}]}
compilation: {workers: 1, network: private, az: z2, vm_type: small}
"""


def test_all_faults_of_a_manifest_and_its_cloud_config_are_told_at_once() -> None:
    catalog = Catalog((Release("web", "1.0"),), (StemcellImage("jammy", "ubuntu-jammy", "1.1", "cid"),))
    with pytest.raises(ManifestFaults) as caught:
        parse(
            (HERE / "faulty.yml").read_text(),
            cloud_configs=[ConfigText("default", CLOUD)],
            catalog=catalog,
            director_name="dir",
            source="faulty.yml",
        )
    told = f"{caught.value}\n"
    expected = HERE / "faulty.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(told)
    assert told == expected.read_text()
