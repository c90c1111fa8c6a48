from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_cpi.answer import GARBAGE, answer
from fake_cpi.cloud import FakeCloud
from fake_cpi.faults import NO_FAULT, order_fault, take_fault

from bosh.wire import cpi as wire


def ask(cloud: Path, method: str, *arguments: Any) -> bytes:
    return answer(FakeCloud, {"dir": str(cloud)}, wire.encode_request(wire.Request(method, arguments)))


def outcomes(cloud: Path) -> list[tuple[str, str]]:
    lines = (cloud / "calls.jsonl").read_text().splitlines()
    return [(call["method"], call["outcome"]) for call in map(json.loads, lines)]


def test_a_fault_prevents_the_effect_and_counts_down(tmp_path: Path) -> None:
    order_fault(tmp_path, "create_disk", kind=wire.NO_DISK_SPACE, message="full", ok_to_retry=True, times=2)
    for _ in range(2):
        response = wire.decode_response(ask(tmp_path, "create_disk", 1, {}, None))
        assert response.error == wire.Failure(wire.NO_DISK_SPACE, "full", True)
    assert not list(tmp_path.glob("disks/*"))
    assert wire.decode_response(ask(tmp_path, "create_disk", 1, {}, None)).error is None
    assert outcomes(tmp_path) == [("create_disk", wire.NO_DISK_SPACE)] * 2 + [("create_disk", "ok")]


def test_a_fault_after_the_effect(tmp_path: Path) -> None:
    order_fault(tmp_path, "create_disk", kind=wire.CLOUD_ERROR, after_effect=True)
    assert wire.decode_response(ask(tmp_path, "create_disk", 1, {}, None)).error
    assert len(list(tmp_path.glob("disks/*"))) == 1


def test_garbage(tmp_path: Path) -> None:
    order_fault(tmp_path, "info", garbage=True)
    assert ask(tmp_path, "info") == GARBAGE
    with pytest.raises(wire.InvalidMessage):
        wire.decode_response(GARBAGE)


def test_only_calls_that_contain_the_text_suffer(tmp_path: Path) -> None:
    order_fault(tmp_path, "has_vm", kind=wire.CLOUD_ERROR, contains="vm-2")
    assert wire.decode_response(ask(tmp_path, "has_vm", "vm-1")).result is False
    assert wire.decode_response(ask(tmp_path, "has_vm", "vm-2")).error


def test_no_order_no_fault(tmp_path: Path) -> None:
    assert take_fault(tmp_path, "info", []) is NO_FAULT
    assert take_fault(tmp_path, "../../etc/passwd", []) is NO_FAULT


@pytest.mark.parametrize(("method", "fault"), [("infos", {}), ("info", {"kinds": "x"})])
def test_an_order_with_a_slip_is_refused(tmp_path: Path, method: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        order_fault(tmp_path, method, **fault)


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_held_call_waits_before_or_after_its_effect(tmp_path: Path, after_effect: bool) -> None:
    order_fault(tmp_path, "create_disk", hold=True, after_effect=after_effect, times=1)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(ask, tmp_path, "create_disk", 1, {}, None)
        mark = tmp_path / "held" / "create_disk"
        while not mark.exists():
            assert not call.done()
        assert len(list(tmp_path.glob("disks/*"))) == after_effect
        mark.unlink()
        assert wire.decode_response(call.result()).error is None
    assert len(list(tmp_path.glob("disks/*"))) == 1
