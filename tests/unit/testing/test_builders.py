from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.plan.model import CurrentDisk
from bosh.testing import builders as b


@pytest.mark.parametrize(
    ("instances", "fault"),
    [
        pytest.param([b.instance(1, vm=b.current_vm(1, agent_id=""))], "has a VM without an agent", id="a VM has an agent"),
        pytest.param([b.instance(1, vm=b.current_vm(1, cid=""))], "has a VM without a CID", id="a VM has a CID"),
        pytest.param([b.instance(1), b.instance(2, ip="10.0.0.2")], "10.0.0.2 belongs to", id="an address has one owner"),
        pytest.param([b.instance(1), b.instance(2, index=0)], "both have index 0", id="an index has one instance"),
        pytest.param([b.instance(1, state="detached")], "is detached and runs", id="what is detached does not run"),
        pytest.param([b.instance(1, disks=(CurrentDisk("a", 1, {}), CurrentDisk("b", 1, {})))], "several unnamed active disks", id="one formatted disk"),
    ],
)  # fmt: skip
def test_worlds_that_cannot_be(instances, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        b.current(*instances)


def test_an_address_lies_in_a_known_subnet() -> None:
    world = b.current(b.instance(1, ip="10.9.0.1"))
    with pytest.raises(ValueError, match="lies in no subnet"):
        b.check_consistent(world, {"default": b.network()})


def test_an_address_of_another_deployment_is_not_ours() -> None:
    with pytest.raises(ValueError, match="belongs to"):
        b.current(b.instance(1), taken_addresses={"10.0.0.2": "other"})


def test_a_sound_world() -> None:
    world = b.current(b.instance(1), b.instance(2, vm=None, state="detached"))
    b.check_consistent(world, {"default": b.network()})
    b.check_consistent(replace(world, taken_addresses={"10.0.0.9": "other"}))
