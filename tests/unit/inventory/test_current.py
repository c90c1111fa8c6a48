from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bosh.execution.deploy import provider_json
from bosh.inventory.current import providers_of, read_current, remembered
from bosh.inventory.dns_ids import new_rows, read_dns_ids
from bosh.manifest.model import Catalog
from bosh.plan.model import DnsIds, Reservation, SharedProvider
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.testing.fake_agent import Behaviour
from bosh.testing.fake_agents import FakeAgents
from bosh.testing.memory import memory_store

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def store() -> SqlStore:
    return memory_store()


@pytest.fixture
def agents() -> FakeAgents:
    return FakeAgents(clock=FakeClock(), ids=SeededIds())


def add(store: SqlStore, number: int, **vm: Any) -> None:
    store.instances.insert(records.Instance(f"i{number}", "dep", "web", number, spec={"id": f"i{number}"}))
    given: dict[str, Any] = {"cid": f"vm-{number}", "created_at": NOW, "network_settings": {}}
    store.vms.insert(records.Vm(f"agent-{number}", f"i{number}", "dep", **(given | vm)))
    store.ips.insert(records.IpAddress(f"10.0.0.{number}", "default", "dep", f"i{number}"))


async def read(store: SqlStore, agents: FakeAgents) -> Any:
    return await read_current(store, agents, deployment="dep", catalog=Catalog(), answer_timeout_s=2)


async def test_instances_with_what_their_agents_say(store: SqlStore, agents: FakeAgents) -> None:
    add(store, 1)
    add(store, 2)
    agents.boot({"agent_id": "agent-1"}).job_state = "failing"
    agents.boot({"agent_id": "agent-2"}).behaviour = Behaviour(unresponsive=True)
    store.disks.insert(records.Disk("k", "disk-1", "dep", "i1", "web", 10))
    store.disks.insert(records.Disk("o", "disk-2", "dep", "i1", "web", 10, orphaned_at=NOW))
    store.disks.insert(records.Disk("n", "", "dep", "i1", "web", 10))
    first, second = (await read(store, agents)).instances
    assert (first.vm.responsive, first.vm.job_state, first.vm.created_at) == (True, "failing", "2030-01-01T00:00:00Z")
    assert (second.vm.responsive, second.vm.job_state) == (False, "")
    assert [disk.cid for disk in first.disks] == ["disk-1"]
    assert first.reservations == (Reservation("default", "10.0.0.1"),)
    assert first.spec == {"id": "i1"}


async def test_a_vm_without_a_name_is_none(store: SqlStore, agents: FakeAgents) -> None:
    add(store, 1, cid="")
    assert (await read(store, agents)).instances[0].vm is None
    assert agents.calls == []


async def test_dynamic_addresses_come_from_the_vm(store: SqlStore, agents: FakeAgents) -> None:
    add(store, 1, network_settings={"cloud": {"type": "dynamic", "ip": "10.9.9.9"}, "default": {"type": "manual"}})
    assert remembered(store, deployment="dep", catalog=Catalog()).instances[0].reservations == (
        Reservation("default", "10.0.0.1"),
        Reservation("cloud", "10.9.9.9", "dynamic"),
    )


def test_addresses_of_others_are_taken(store: SqlStore) -> None:
    add(store, 1)
    store.ips.insert(records.IpAddress("10.0.0.8", "default", "other", "x"))
    store.ips.insert(records.IpAddress("10.0.0.9", "default", "dep", agent_id="compiler"))
    current = remembered(store, deployment="dep", catalog=Catalog())
    assert current.taken_addresses == {
        "10.0.0.8": "instance 'x' of deployment 'other'",
        "10.0.0.9": "VM with agent 'compiler' of deployment 'dep'",
    }
    assert not current.exists


def test_links_that_others_share(store: SqlStore) -> None:
    shared = SharedProvider("other", "db", "postgres", "db", "sql", {"instances": []}, aliases=({"domain": "x"},))
    private = SharedProvider("other", "db", "postgres", "admin", "sql", {}, shared=False)
    row = store.deployments.insert(
        records.Deployment("other", manifest="x", providers=[provider_json(shared), provider_json(private)])
    )
    store.deployments.insert(records.Deployment("dep", manifest="y"))
    current = remembered(store, deployment="dep", catalog=Catalog())
    assert current.shared_providers == (shared,)
    assert current.exists
    assert providers_of(row) == (shared, private)


def test_dns_numbers_come_back_as_they_were(store: SqlStore) -> None:
    ids = DnsIds(azs={"z1": 1}, networks={"n": 1}, groups={("link", "web-http", "dep"): 2}, instances={"i1": 3})
    store.dns_numbers.insert_all(new_rows(DnsIds(), ids))
    assert read_dns_ids(store) == ids
    assert new_rows(ids, ids) == []


@pytest.mark.slow
async def test_five_hundred_instances_are_read_quickly(store: SqlStore, agents: FakeAgents) -> None:
    for number in range(500):
        store.instances.insert(records.Instance(f"i{number}", "dep", "web", number))
        store.vms.insert(records.Vm(f"agent-{number}", f"i{number}", "dep", cid=f"vm-{number}"))
        agents.boot({"agent_id": f"agent-{number}"})
    current = await read(store, agents)
    assert len([one for one in current.instances if one.vm.responsive]) == 500
