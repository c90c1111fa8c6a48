from __future__ import annotations

import json
from typing import Any

import pytest

from bosh.clients.contract import BlobRef
from bosh.execution.dns_records import publish_dns
from bosh.execution.steps.create_vm import create_vm
from bosh.plan.model import SharedProvider
from bosh.state import records
from bosh.testing.fake_agent import Behaviour
from bosh.testing.fake_task import FakeWorld

from .steps.orders import order


async def existing(fake: FakeWorld) -> None:
    store = fake.store
    store.instances.insert(records.Instance("instance-1", "dep", "web", 0, az="z1", spec={"link_groups": ["web-http"]}))
    store.dns_numbers.insert_all(
        [
            records.DnsNumber("instance", "instance-1", 1),
            records.DnsNumber("az", "z1", 1),
            records.DnsNumber("network", "default", 1),
            records.DnsNumber("group", '["instance-group","web","dep"]', 4),
            records.DnsNumber("group", '["link","web-http","dep"]', 5),
        ]
    )
    await create_vm(fake.world, order())
    fake.agents.calls.clear()


async def body(fake: FakeWorld) -> dict[str, Any]:
    row = fake.store.dns_blobs.list(newest_first=True)[0]
    content: dict[str, Any] = json.loads(await fake.world.blobs.get_bytes(row.blobstore_id))
    return content


async def test_records_reach_the_agents_once(fake: FakeWorld) -> None:
    await existing(fake)
    assert await publish_dns(fake.world)
    content = await body(fake)
    assert content["records"] == [["10.0.0.5", "instance-1.web.default.dep.bosh"]]
    assert content["version"] == 1
    info = dict(zip(content["record_keys"], content["record_infos"][0], strict=True))
    assert info["group_ids"] == ["4", "5"]
    assert info["agent_id"] == "agent-1"
    row = fake.store.dns_blobs.list()[0]
    assert fake.agents.calls == [("agent-1", "sync_dns", (row.blobstore_id, row.sha1, 1))]
    assert not await publish_dns(fake.world)
    assert len(fake.agents.calls) == 1


async def test_a_change_makes_a_new_version(fake: FakeWorld) -> None:
    await existing(fake)
    await publish_dns(fake.world)
    fake.store.vms.delete(agent_id="agent-1")
    assert await publish_dns(fake.world)
    assert (await body(fake))["version"] == 2
    assert (await body(fake))["records"] == []


async def test_what_another_deployment_changes_meanwhile_is_not_lost(
    fake: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await existing(fake)
    store_bytes = fake.world.blobs.put_bytes

    async def put_bytes(content: bytes, blob_id: str = "") -> BlobRef:
        if fake.store.dns_blobs.count() == 0:
            fake.store.vms.delete(agent_id="agent-1")
        return await store_bytes(content, blob_id)

    monkeypatch.setattr(fake.world.blobs, "put_bytes", put_bytes)
    await publish_dns(fake.world)
    assert (await body(fake))["records"] == []
    assert (await body(fake))["version"] == 2


async def test_a_silent_agent_is_no_failure(fake: FakeWorld) -> None:
    await existing(fake)
    fake.agents.agents["agent-1"].behaviour = Behaviour(unresponsive=True)
    began_s = fake.clock.monotonic_s()
    assert await publish_dns(fake.world)
    assert fake.clock.monotonic_s() - began_s == 10
    assert fake.log.lines[-1] == "1 agents did not take DNS records version 1"


async def test_aliases_of_links(fake: FakeWorld) -> None:
    await existing(fake)
    provider = SharedProvider(
        "dep", "web", "server", "web", "http", {}, aliases=({"domain": "web.internal", "health_filter": "smart"},)
    )
    await publish_dns(fake.world, providers=(provider,))
    assert (await body(fake))["aliases"] == {
        "web.internal": [
            {
                "root_domain": "bosh",
                "group_id": "5",
                "health_filter": "smart",
                "initial_health_check": None,
                "placeholder_type": None,
            }
        ]
    }
