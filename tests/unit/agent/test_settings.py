"""bosh/agent/settings.py"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.agent.paths import Paths
from bosh.agent.settings import DiskHint, MbusCertificate, SettingsStore, disk_hint
from bosh.wire.errors import BoshError

PAIR = {"ca": "CA", "certificate": "C", "private_key": "K"}
BODY: dict[str, Any] = {
    "agent_id": "a",
    "mbus": "nats://old:4222",
    "blobstore": {"provider": "local", "options": {}},
    "disks": {"persistent": {"d1": "/dev/sdb"}},
    "networks": {"x": {"ip": "10.0.0.2"}, "y": {"ip": "10.0.0.1", "default": ["gateway"]}, "v": {}},
    "env": {"bosh": {"mbus": {"urls": ["nats://new:4222"], "cert": PAIR}, "blobstores": [{"provider": "dav"}]}},
}


class Fixed:
    def __init__(self, body: Mapping[str, Any] | None) -> None:
        self.body = body

    async def read(self) -> Mapping[str, Any]:
        if self.body is None:
            raise BoshError("cannot read")
        return self.body


async def test_the_first_source_that_answers_wins_and_is_kept(tmp_path: Path) -> None:
    store = SettingsStore(Paths(tmp_path), [Fixed(None), Fixed(BODY)])
    assert (await store.load()).agent_id == "a"
    again = SettingsStore(Paths(tmp_path), [Fixed(None)])
    assert (await again.load()).agent_id == "a"
    assert Paths(tmp_path).settings_json.stat().st_mode & 0o777 == 0o600


async def test_no_settings_at_all(tmp_path: Path) -> None:
    with pytest.raises(BoshError, match="cannot find this VM's settings"):
        await SettingsStore(Paths(tmp_path), [Fixed(None), Fixed({})]).load()


async def test_the_environment_beats_settings_and_updates_beat_both(tmp_path: Path) -> None:
    store = SettingsStore(Paths(tmp_path), [Fixed(BODY)])
    await store.load()
    assert store.mbus_urls == ("nats://new:4222",)
    assert store.mbus_certificate == MbusCertificate("CA", "C", "K")
    assert store.blobstore == {"provider": "dav"}
    store.save_updates({"mbus": {"urls": ["nats://newest:4222"], "cert": {**PAIR, "certificate": "C2"}}})
    assert store.mbus_urls == ("nats://newest:4222",)
    assert store.mbus_certificate == MbusCertificate("CA", "C2", "K")
    bare = SettingsStore(Paths(tmp_path / "bare"), [Fixed({**BODY, "env": {}})])
    await bare.load()
    assert (bare.mbus_urls, bare.mbus_certificate) == (("nats://old:4222",), None)
    assert bare.blobstore["provider"] == "local"


async def test_addresses(tmp_path: Path) -> None:
    store = SettingsStore(Paths(tmp_path), [Fixed(BODY)])
    await store.load()
    assert store.default_ip == "10.0.0.1"
    assert store.ips == ("10.0.0.1", "10.0.0.2")


async def test_disks_come_and_go(tmp_path: Path) -> None:
    store = SettingsStore(Paths(tmp_path), [Fixed(BODY)])
    await store.load()
    store.add_disk("d2", {"path": "/dev/sdc"})
    assert store.persistent_disk("d2").path == "/dev/sdc"
    assert set(store.persistent_disks()) == {"d1", "d2"}
    store.remove_disk("d2")
    with pytest.raises(BoshError, match="'d2' could not be found"):
        store.persistent_disk("d2")
    with pytest.raises(BoshError, match="neither text nor object"):
        store.add_disk("d3", 7)


def test_hints() -> None:
    env = {"persistent_disk_fs": "xfs", "persistent_disk_mount_options": ["noatime"]}
    assert disk_hint("d", "vol", env) == DiskHint("d", "vol", "vol", file_system="xfs", mount_options=("noatime",))
    assert disk_hint("d", {"lun": "0", "host_device_id": "h", "id": "i", "volume_id": "v"}, {}) == DiskHint(
        "d", "", "v", "i", "0", "h"
    )
