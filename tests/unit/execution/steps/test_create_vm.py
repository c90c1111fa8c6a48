from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bosh.execution.steps.create_vm import create_vm
from bosh.testing.fake_agent import Behaviour
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import CloudError, RpcTimeout, StemcellNotFound

from .orders import order


async def test_a_vm_is_remembered_named_and_awaited(fake: FakeWorld) -> None:
    world = replace(fake.world, resolve=_filled)
    vm = await create_vm(world, order())
    stored = fake.store.vms.get(agent_id="agent-1")
    assert stored == vm
    assert stored.env == {"bosh": {"password": "((password))"}}
    assert stored.stemcell_api_version == 3
    agent = fake.agents.agents["agent-1"]
    assert agent.settings.env["bosh"]["password"] == "secret"
    assert agent.calls == [("ping", ())]
    assert fake.control.bus_syncs == 1
    assert [(event["action"], event["object_name"]) for event in fake.control.events] == [
        ("create", ""),
        ("create", vm.cid),
    ]
    assert fake.control.events[1]["parent_id"] == 1


def _filled(value: object) -> object:
    return {"bosh": {"password": "secret"}} if value == {"bosh": {"password": "((password))"}} else value


async def test_the_row_comes_before_the_vm(fake: FakeWorld) -> None:
    seen = []

    async def sync() -> None:
        seen.extend(fake.store.vms.list())

    fake.control.sync_bus_users = sync  # type: ignore[method-assign]
    world = replace(fake.world)
    await create_vm(world, order())
    assert [(vm.agent_id, vm.cid) for vm in seen] == [("agent-1", "")]


async def test_a_cloud_that_fails_for_now_is_asked_again(fake: FakeWorld) -> None:
    fake.cloud.order_fault("create_vm", kind="Bosh::Clouds::VMCreationFailed", ok_to_retry=True, times=4)
    await create_vm(fake.world, order())
    assert fake.store.vms.count() == 1


async def test_a_cloud_that_fails_for_good_leaves_no_row(fake: FakeWorld) -> None:
    fake.cloud.order_fault("create_vm", kind="Bosh::Clouds::VMCreationFailed", ok_to_retry=True, times=5)
    with pytest.raises(CloudError):
        await create_vm(fake.world, order())
    assert fake.store.vms.list() == []
    assert "VMCreationFailed" in fake.control.events[-1]["error"]


async def test_after_an_answer_that_says_nothing_the_row_stays(fake: FakeWorld) -> None:
    fake.cloud.order_fault("create_vm", garbage=True, after_effect=True, times=1)
    with pytest.raises(CloudError):
        await create_vm(fake.world, order())
    assert [vm.cid for vm in fake.store.vms.list()] == [""]


async def test_an_agent_that_stays_silent_costs_the_vm(fake: FakeWorld) -> None:
    fake.agents.behaviour = Behaviour(unresponsive=True)
    with pytest.raises(
        RpcTimeout, match=r"Timed out pinging VM 'vm-.*' with agent 'agent-1' after 600 seconds"
    ) as caught:
        await create_vm(fake.world, order())
    assert caught.value.details.startswith("stage reached: created, and the cloud says that it exists")
    assert fake.store.vms.list() == []
    assert not list((fake.cloud.directory / "vms").iterdir())


async def test_a_silent_vm_may_be_kept_for_a_look(fake: FakeWorld) -> None:
    import msgspec

    world = replace(fake.world, config=msgspec.structs.replace(fake.world.config, keep_unreachable_vms=True))
    fake.agents.behaviour = Behaviour(unresponsive=True)
    with pytest.raises(RpcTimeout):
        await create_vm(world, order())
    assert fake.store.vms.count() == 1


async def test_a_vm_ordered_when_the_task_is_cancelled_is_not_lost(fake: FakeWorld) -> None:
    fake.cloud.order_fault("create_vm", delay_s=0.05)
    task = asyncio.create_task(create_vm(fake.world, order()))
    await asyncio.sleep(0.02)
    assert [vm.cid for vm in fake.store.vms.list()] == [""]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [bool(vm.cid) for vm in fake.store.vms.list()] == [True]


async def test_a_stemcell_that_this_cloud_does_not_have(fake: FakeWorld) -> None:
    missing = replace(order().stemcell, version="9")
    with pytest.raises(StemcellNotFound):
        await create_vm(fake.world, order(stemcell=missing))
    assert fake.store.vms.list() == []
