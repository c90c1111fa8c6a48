from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.clients.contract import Cpi
from bosh.testing.fake_cloud import InProcessFakeCpi
from bosh.wire import cpi as wire
from bosh.wire.errors import CloudError

NETWORKS = {"private": {"type": "manual", "ip": "10.0.0.2"}}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "image").touch()
    return tmp_path / "image"


async def made(cpi: Cpi, image: Path) -> str:
    stemcell = await cpi.call("create_stemcell", str(image), {})
    cid, _ = await cpi.call("create_vm", "agent", stemcell, {}, NETWORKS, [], {})
    return str(cid)


async def test_hooks_see_vms_come_and_go(tmp_path: Path, image: Path) -> None:
    seen: list[tuple[str, str, Any]] = []

    def note(what: str) -> Any:
        def hook(cid: str, settings: Mapping[str, Any]) -> None:
            seen.append((what, cid, settings["agent_id"]))

        return hook

    cpi = InProcessFakeCpi(tmp_path / "cloud", on_vm_created=note("made"), on_vm_deleted=note("gone"))
    cid = await made(cpi, image)
    assert list(cpi.vms()) == [cid]
    await cpi.call("delete_vm", cid)
    await cpi.call("delete_vm", cid)
    assert seen == [("made", cid, "agent"), ("gone", cid, "agent")]
    assert [call["method"] for call in cpi.calls()] == ["create_stemcell", "create_vm", "delete_vm", "delete_vm"]


async def test_failures_are_cloud_errors(tmp_path: Path) -> None:
    cpi = InProcessFakeCpi(tmp_path / "cloud")
    cpi.order_fault("info", kind=wire.VM_CREATION_FAILED, message="no", ok_to_retry=True, times=1)
    with pytest.raises(CloudError) as caught:
        await cpi.call("info")
    assert (caught.value.kind, caught.value.ok_to_retry) == (wire.VM_CREATION_FAILED, True)
    assert caught.value.brief.startswith(
        f"CPI error '{wire.VM_CREATION_FAILED}' with message 'no' in 'info' CPI method"
    )


async def test_garbage_is_a_cloud_error(tmp_path: Path) -> None:
    cpi = InProcessFakeCpi(tmp_path / "cloud")
    cpi.order_fault("info", garbage=True)
    with pytest.raises(CloudError, match="info"):
        await cpi.call("info")


def test_death_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="die"):
        InProcessFakeCpi(tmp_path / "cloud").order_fault("info", die=True)
