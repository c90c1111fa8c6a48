from __future__ import annotations

from typing import Any

import pytest

from bosh.execution.steps.create_vm import create_vm
from bosh.execution.steps.delete_instance import delete_instance
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.tidy import tidy
from bosh.inventory.current import read_current
from bosh.manifest.model import Catalog
from bosh.plan.model import CurrentInstance
from bosh.state import records
from bosh.testing.fake_agent import Behaviour
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import CloudError, RpcRemoteException

from .orders import NETWORKS, order


async def existing(fake: FakeWorld, **values: Any) -> CurrentInstance:
    """``web/instance-1`` with a VM, a disk and an address."""
    store = fake.store
    store.instances.insert(records.Instance("instance-1", "dep", "web", 0, **values))
    vm = await create_vm(fake.world, order())
    cid = await fake.cloud.call("create_disk", 10, {}, vm.cid)
    store.disks.insert(records.Disk("key", cid, "dep", "instance-1", "web", 10))
    store.ips.insert(records.IpAddress("10.0.0.5", "default", "dep", "instance-1"))
    fake.agents.calls.clear()
    current = await read_current(store, fake.agents, deployment="dep", catalog=Catalog(), answer_timeout_s=1)
    return current.instances[0]


def left(fake: FakeWorld) -> list[int]:
    store = fake.store
    return [store.instances.count(), store.vms.count(), store.ips.count(), store.disks.count(orphaned_at=None)]


async def test_deleting_an_instance_orphans_its_disk(fake: FakeWorld) -> None:
    instance = await existing(fake)
    await delete_instance(fake.world, instance)
    assert left(fake) == [0, 0, 0, 0]
    assert fake.methods() == ["get_state", "run_script", "drain", "stop", "run_script"]
    assert fake.store.disks.count() == 1
    assert fake.cloud.vms() == {}
    actions = [(event["action"], event["object_type"]) for event in fake.control.events]
    assert ("orphan", "disk") in actions
    await delete_instance(fake.world, instance)


async def test_a_stopped_instance_is_not_stopped_again(fake: FakeWorld) -> None:
    instance = await existing(fake, state="stopped")
    await delete_instance(fake.world, instance)
    assert fake.methods() == ["get_state"]


async def test_a_silent_agent_is_not_asked(fake: FakeWorld) -> None:
    fake.agents.behaviour = behaviour = Behaviour()
    instance = await existing(fake)
    behaviour.unresponsive = True
    current = await read_current(fake.store, fake.agents, deployment="dep", catalog=Catalog(), answer_timeout_s=1)
    assert instance.vm is not None
    assert instance.vm.responsive
    await delete_instance(fake.world, current.instances[0])
    assert left(fake) == [0, 0, 0, 0]


async def test_a_failing_drain_keeps_everything_unless_forced(fake: FakeWorld) -> None:
    fake.agents.behaviour = Behaviour(failing_methods=frozenset({"drain"}))
    instance = await existing(fake)
    with pytest.raises(RpcRemoteException):
        await delete_instance(fake.world, instance)
    assert left(fake) == [1, 1, 1, 1]
    await delete_instance(fake.world, instance, force=True)
    assert left(fake) == [0, 0, 0, 0]


async def test_a_cloud_that_refuses_keeps_the_vm_remembered_unless_forced(fake: FakeWorld) -> None:
    vm = await create_vm(fake.world, order())
    fake.cloud.order_fault("delete_vm", kind="Bosh::Clouds::CloudError", message="busy")
    with pytest.raises(CloudError):
        await delete_vm(fake.world, vm)
    assert fake.store.vms.count() == 1
    await delete_vm(fake.world, vm, force=True)
    assert fake.store.vms.count() == 0
    assert "may still exist" in fake.log.notices[0][1]


async def test_a_vm_that_is_gone_is_no_error(fake: FakeWorld) -> None:
    vm = await create_vm(fake.world, order())
    fake.cloud.order_fault("delete_vm", kind="Bosh::Clouds::VMNotFound")
    await delete_vm(fake.world, vm)
    assert fake.store.vms.count() == 0


async def test_leftovers_of_an_interrupted_run_go(fake: FakeWorld) -> None:
    store = fake.store
    used = await create_vm(fake.world, order())
    workshop = await create_vm(
        fake.world,
        order(agent_id="agent-2", instance_uuid="", network_settings={"d": {**NETWORKS["default"], "ip": "10.0.0.6"}}),
    )
    store.ips.insert(records.IpAddress("10.0.0.6", "default", "dep", agent_id="agent-2"))
    store.vms.insert(records.Vm("agent-3", "instance-2", "dep"))
    store.disks.insert(records.Disk("key", "", "dep", "instance-1", "web", 10))
    await tidy(fake.world)
    assert [vm.agent_id for vm in store.vms.list()] == [used.agent_id]
    assert workshop.cid not in fake.cloud.vms()
    assert store.ips.list() == []
    assert store.disks.list() == []


async def test_a_leftover_that_the_cloud_keeps_stays_remembered(fake: FakeWorld) -> None:
    await create_vm(fake.world, order(instance_uuid=""))
    fake.cloud.order_fault("delete_vm", kind="Bosh::Clouds::CloudError", message="busy")
    await tidy(fake.world)
    assert fake.store.vms.count() == 1
    assert fake.log.notices[0][0] == "warning"
