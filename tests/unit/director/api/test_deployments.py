"""/deployments and what lies below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from bosh.state import records

from .conftest import YAML

UUID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def deployed(api: Any) -> Any:
    """``cf`` with one router, its VM and disk."""
    now = api.clock.now()
    cloud = api.store.configs.insert(records.Config("cloud", "default", "azs: [{name: z1}]", now))
    api.store.deployments.insert(
        records.Deployment(
            "cf",
            "name: cf\ninstance_groups: []\n",
            releases=[{"name": "routing", "version": "2"}, {"name": "nats", "version": "1"}],
            stemcells=[{"name": "warden", "os": "noble", "version": "1.2"}],
            config_ids=[cloud.id],
        )
    )
    api.store.instances.insert(records.Instance(UUID, "cf", "router", 0, "z1"))
    api.store.vms.insert(
        records.Vm(
            "agent-1",
            UUID,
            "cf",
            "vm-1",
            created_at=now,
            network_settings={"default": {"ip": "10.0.0.1"}},
            group="router",
        )
    )
    api.store.disks.insert(records.Disk("k", "disk-1", "cf", UUID, "router", 10))
    return api


def arguments(api: Any, reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 302, reply.text
    task = api.store.tasks.get(id=int(reply.headers["location"].removeprefix("/tasks/")))
    return {"type": task.type, "deployment": task.deployment, "queue": task.queue} | task.arguments


async def test_the_list(deployed: Any, admin: httpx.AsyncClient) -> None:
    (row,) = (await admin.get("/deployments")).json()
    assert row == {
        "name": "cf",
        "teams": [],
        "cloud_config": "latest",
        "stemcells": [{"name": "warden", "version": "1.2"}],
        "releases": [{"name": "nats", "version": "1"}, {"name": "routing", "version": "2"}],
        "locked": False,
    }
    query = "exclude_configs=true&exclude_releases=true&exclude_stemcells=true&exclude_lock=true"
    assert (await admin.get(f"/deployments?{query}")).json() == [{"name": "cf", "teams": []}]


@pytest.mark.parametrize(("newer", "state"), [(False, "latest"), (True, "outdated")])
async def test_which_cloud_config_it_uses(deployed: Any, admin: httpx.AsyncClient, newer: bool, state: str) -> None:
    if newer:
        deployed.store.configs.insert(records.Config("cloud", "default", "azs: []", deployed.clock.now()))
    assert (await admin.get("/deployments")).json()[0]["cloud_config"] == state


async def test_one(deployed: Any, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/deployments/cf")).json() == {"manifest": "name: cf\ninstance_groups: []\n"}
    reply = await admin.get("/deployments/none")
    assert (reply.status_code, reply.json()) == (
        404,
        {"code": 70000, "description": "Deployment 'none' doesn't exist"},
    )


async def test_instances_and_vms(deployed: Any, admin: httpx.AsyncClient) -> None:
    vm = {
        "agent_id": "agent-1",
        "cid": "vm-1",
        "job": "router",
        "index": 0,
        "id": UUID,
        "az": "z1",
        "ips": ["10.0.0.1"],
        "vm_created_at": "2030-01-01T00:00:00Z",
    }
    assert (await admin.get("/deployments/cf/instances")).json() == [vm | {"expects_vm": True}]
    assert (await admin.get("/deployments/cf/vms")).json() == [
        vm | {"active": True, "permanent_nats_credentials": True}
    ]
    for kind in ("vms", "instances"):
        found = arguments(deployed, await admin.get(f"/deployments/cf/{kind}?format=full"))
        assert found == {"type": "vms", "deployment": "cf", "queue": "urgent", "kind": kind, "format": "full"}


async def test_an_instance_without_vm(deployed: Any, admin: httpx.AsyncClient) -> None:
    deployed.store.vms.delete(cid="vm-1")
    (row,) = (await admin.get("/deployments/cf/instances")).json()
    assert (row["cid"], row["agent_id"], row["ips"], row["expects_vm"]) == (None, None, [], True)
    assert (await admin.get("/deployments/cf/vms")).json() == []


async def test_one_instance(deployed: Any, admin: httpx.AsyncClient) -> None:
    for key in ("0", UUID):
        body = (await admin.get(f"/deployments/cf/jobs/router/{key}")).json()
        assert (body["id"], body["index"], body["disks"]) == (UUID, 0, ["disk-1"])
    missing = await admin.get("/deployments/cf/jobs/router/7")
    assert (missing.status_code, missing.json()["description"]) == (404, "'cf/router/7' doesn't exist")
    assert (await admin.get("/deployments/cf/jobs/router/x")).json()["code"] == 70002


DEPLOY = {
    "type": "update_deployment",
    "deployment": "new",
    "queue": "normal",
    "manifest": "name: new",
    "recreate": False,
    "recreate_persistent_disks": False,
    "recreate_vms_created_before": "",
    "skip_drain": "",
    "fix": False,
    "dry_run": False,
    "canaries": "",
    "max_in_flight": "",
    "force_latest_variables": False,
    "context": {"cloud_config_ids": [1], "runtime_config_ids": []},
    "deploy": True,
    "new": True,
    "job_states": {},
}


async def test_deploying(deployed: Any, admin: httpx.AsyncClient) -> None:
    assert arguments(deployed, await admin.post("/deployments", content="name: new", headers=YAML)) == DEPLOY
    assert deployed.store.deployments.count(name="new") == 1
    query = (
        "recreate=true&recreate_persistent_disks=true&skip_drain=*&fix=true&dry_run=true&canaries=2&max_in_flight=10%25"
        "&force_latest_variables=true&recreate_vms_created_before=2026-01-02T03:04:05Z"
    )
    found = arguments(deployed, await admin.post(f"/deployments?{query}", content="name: new", headers=YAML))
    assert found == DEPLOY | {
        "recreate": True,
        "recreate_persistent_disks": True,
        "recreate_vms_created_before": "2026-01-02T03:04:05Z",
        "skip_drain": "*",
        "fix": True,
        "dry_run": True,
        "canaries": "2",
        "max_in_flight": "10%",
        "force_latest_variables": True,
        "new": False,
    }


async def test_deploying_with_the_configs_that_were_shown(deployed: Any, admin: httpx.AsyncClient) -> None:
    deployed.store.configs.insert(records.Config("cloud", "default", "azs: []", deployed.clock.now()))
    context = '{"cloud_config_ids":[1],"runtime_config_ids":[]}'
    reply = await admin.post("/deployments", params={"context": context}, content="name: new", headers=YAML)
    assert arguments(deployed, reply)["context"] == {"cloud_config_ids": [1], "runtime_config_ids": []}
    bad = await admin.post(
        "/deployments", params={"context": '{"cloud_config_ids":[77]}'}, content="name: new", headers=YAML
    )
    assert bad.json()["code"] == 190025


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        ("", "", 440001),
        ("[1]", "", 440001),
        ("a: [", "", 440001),
        ("a: 1", "", 40001),
        ("name: x", "recreate_vms_created_before=2026-01-02T03:04:05Z", 40005),
        ("name: x", "recreate=true&recreate_vms_created_before=yesterday", 40005),
        ("name: x", "context=x", 40005),
    ],
)
async def test_faulty_requests(admin: httpx.AsyncClient, api: Any, body: str, query: str, code: int) -> None:
    reply = await admin.post(f"/deployments?{query}", content=body, headers=YAML)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert api.store.tasks.count() == api.store.deployments.count() == 0


async def test_a_team_owns_what_it_deploys(api: Any) -> None:
    dev = api.as_("dev")
    assert (await dev.post("/deployments", content="name: theirs", headers=YAML)).status_code == 302
    assert api.store.deployments.get(name="theirs").teams == ["dev"]
    api.store.deployments.insert(records.Deployment("other"))
    assert [row["name"] for row in (await dev.get("/deployments")).json()] == ["theirs"]
    assert (await dev.get("/deployments/other")).status_code == 401
    assert (await dev.post("/deployments", content="name: other", headers=YAML)).status_code == 401


async def test_changing_states(deployed: Any, admin: httpx.AsyncClient) -> None:
    base = DEPLOY | {
        "deployment": "cf",
        "manifest": "name: cf\ninstance_groups: []\n",
        "deploy": False,
        "new": False,
    }
    put = "/deployments/cf/jobs"
    stop = await admin.put(f"{put}/*?state=stopped", headers=YAML)
    assert arguments(deployed, stop) == base | {"job_states": {"*": {"*": "stopped"}}}
    query = "state=restart&skip_drain=true&max_in_flight=3&canaries=1"
    restart = await admin.put(f"{put}/router?{query}", headers=YAML)
    assert arguments(deployed, restart) == base | {
        "job_states": {"router": {"*": "restart"}},
        "skip_drain": "router",
        "max_in_flight": "3",
        "canaries": "1",
    }
    one = await admin.put(f"{put}/router/0?state=recreate&fix=true", headers=YAML)
    assert arguments(deployed, one) == base | {"job_states": {"router": {UUID: "recreate"}}, "fix": True}
    manifest = await admin.put(f"{put}/router?state=started", content="name: other\na: 1\n", headers=YAML)
    assert arguments(deployed, manifest)["manifest"] == "a: 1\nname: cf\n"
    assert (await admin.put(f"{put}/router?state=dancing", headers=YAML)).json()["code"] == 140008
    assert (await admin.put(f"{put}/router/9?state=started", headers=YAML)).status_code == 404


async def test_acting_on_one_instance(deployed: Any, admin: httpx.AsyncClient) -> None:
    for action in ("start", "stop", "restart", "recreate"):
        path = f"/deployments/cf/instance_groups/router/{UUID}/actions/{action}?skip_drain=true"
        found = arguments(deployed, await admin.post(path))
        assert (found["type"], found["instance"], found["action"]) == ("update_instance", UUID, action)
        assert (found["skip_drain"], found["hard"]) == (True, action == "recreate")
    assert (await admin.post("/deployments/cf/instance_groups/router/0/actions/dance")).status_code == 404


async def test_logs_ssh_errands_and_the_rest(deployed: Any, admin: httpx.AsyncClient) -> None:
    cf = "/deployments/cf"
    logs = arguments(deployed, await admin.get(f"{cf}/jobs/*/*/logs?type=job&filters=a,b%20c"))
    assert (logs["instances"], logs["log_type"], logs["filters"]) == ([UUID], "job", ["a", "b", "c"])
    body = {"command": "setup", "target": {"job": "router"}, "params": {"user": "u"}}
    ssh = arguments(deployed, await admin.post(f"{cf}/ssh", json=body))
    assert ssh == body | {"type": "ssh", "deployment": "cf", "queue": "urgent"}
    body = {"keep-alive": True, "instances": [{"group": "router"}]}
    errand = arguments(deployed, await admin.post(f"{cf}/errands/smoke/runs", json=body))
    assert (errand["errand"], errand["keep_alive"], errand["when_changed"]) == ("smoke", True, False)
    deleted = arguments(deployed, await admin.delete(f"{cf}?force=true"))
    assert (deleted["type"], deleted["force"], deleted["keep_snapshots"]) == ("delete_deployment", True, False)
    assert arguments(deployed, await admin.post(f"{cf}/scans"))["type"] == "cck_scan"
    fix = await admin.put(f"{cf}/problems", json={"resolutions": {"1": "ignore"}})
    assert arguments(deployed, fix)["resolutions"] == {"1": "ignore"}
    found = arguments(deployed, await admin.put(f"{cf}/scan_and_fix", json={"jobs": {"router": [UUID, 1]}}))
    assert found["jobs"] == [["router", UUID], ["router", "1"]]
    assert arguments(deployed, await admin.post(f"{cf}/snapshots"))["type"] == "snapshot_deployment"
    assert arguments(deployed, await admin.delete(f"{cf}/snapshots"))["type"] == "delete_deployment_snapshots"
    assert (await admin.put(f"{cf}/jobs/router/0/resurrection")).status_code == 410
    attach = f"/disks/disk-9/attachments?deployment=cf&job=router&instance_id={UUID}"
    assert arguments(deployed, await admin.put(attach))["disk_cid"] == "disk-9"
    assert arguments(deployed, await admin.delete("/vms/vm-1")) == {
        "type": "delete_vm",
        "deployment": "cf",
        "queue": "normal",
        "vm_cid": "vm-1",
    }


async def test_nothing_is_resurrected_while_that_is_paused(deployed: Any, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/resurrection")).json() == {"resurrection": True}
    await admin.put("/resurrection", json={"resurrection_paused": True})
    reply = await admin.put("/deployments/cf/scan_and_fix", json={"jobs": {"router": [UUID]}})
    assert (reply.status_code, reply.json()["code"]) == (400, 410004)
    assert (await admin.get("/resurrection")).json() == {"resurrection": False}


async def test_logs_without_any_vm(deployed: Any, admin: httpx.AsyncClient) -> None:
    deployed.store.vms.delete(cid="vm-1")
    reply = await admin.get("/deployments/cf/jobs/router/0/logs?type=job")
    assert "No appropriate instance with a VM was found" in reply.json()["description"]


async def test_ignoring(deployed: Any, admin: httpx.AsyncClient) -> None:
    path = f"/deployments/cf/instance_groups/router/{UUID}/ignore"
    assert (await admin.put(path, json={"ignore": True})).status_code == 200
    assert deployed.store.instances.get(uuid=UUID).ignored is True


async def test_variables_and_their_certificates(deployed: Any, admin: httpx.AsyncClient) -> None:
    from bosh.variables.certificates import issue

    store, now = deployed.store, deployed.clock.now()
    pem = issue(common_name="x", not_before=now, days=10)
    values = [{"certificate": pem.certificate}, "plain", {"certificate": "garbage"}]
    for number, value in enumerate(values):
        stored = store.variable_values.insert(records.VariableValue(f"/v{number}", value, now))
        store.variable_uses.insert(records.VariableUse("cf", 0, f"/v{number}", stored.id))
    assert (await admin.get("/deployments/cf/variables")).json()[0] == {"id": "1", "name": "/v0"}
    (row,) = (await admin.get("/deployments/cf/certificate_expiry")).json()
    assert (row["name"], row["days_left"], row["expiry"]) == ("/v0", 10, "2030-01-11T00:00:00Z")
    used = await admin.get("/deployed_variables/%2Fv1")
    assert used.json() == {"deployments": [{"name": "cf", "version": "2"}]}


async def test_errands_are_groups_and_jobs_with_a_run_script(deployed: Any, admin: httpx.AsyncClient) -> None:
    store = deployed.store
    spec = {"templates": {"run.erb": "bin/run"}}
    store.job_templates.insert(records.JobTemplate("routing", "2", "smoke", "f", "s", "b", spec))
    store.job_templates.insert(records.JobTemplate("routing", "2", "gorouter", "f", "s", "b", {"templates": {}}))
    jobs = [{"name": "smoke", "release": "routing"}, {"name": "gorouter", "release": "routing"}]
    groups = [{"name": "router", "jobs": jobs}, {"name": "acceptance", "lifecycle": "errand", "jobs": []}]
    store.deployments.update(1, manifest=str({"name": "cf", "instance_groups": groups}))
    assert (await admin.get("/deployments/cf/errands")).json() == [{"name": "acceptance"}, {"name": "smoke"}]


async def test_the_diff_of_a_deploy(deployed: Any, admin: httpx.AsyncClient) -> None:
    reply = await admin.post(
        "/deployments/cf/diff", content="name: x\ninstance_groups: []\nfeatures: {a: 1}\n", headers=YAML
    )
    body = reply.json()
    assert body["context"] == {"cloud_config_ids": [1], "runtime_config_ids": []}
    assert [line for line in body["diff"] if line[0]] == [["features:", "added"], ["  a: 1", "added"]]
    broken = await admin.post("/deployments/cf/diff", content="[", headers=YAML)
    assert (broken.status_code, broken.json()["diff"]) == (200, [])
    assert "Unable to diff manifest" in broken.json()["error"]
    fresh = (await admin.post("/deployments/other/diff", content="name: other\n", headers=YAML)).json()
    assert ["name: other", "added"] in fresh["diff"]


async def test_links(deployed: Any, admin: httpx.AsyncClient) -> None:
    provider = {"deployment": "cf", "group": "router", "job": "gorouter", "name": "gorouter", "type": "http"}
    content = {"deployment_name": "cf", "instance_group": "router", "default_network": "default", "domain": "bosh"}
    link = {"consumer_group": "web", "consumer_job": "app", "name": "router", "provider": provider, "content": content}
    deployed.store.deployments.update(1, providers=[provider | {"shared": True}], links=[link])
    (listed,) = (await admin.get("/links?deployment=cf")).json()
    (offered,) = (await admin.get("/link_providers?deployment=cf")).json()
    (wanted,) = (await admin.get("/link_consumers?deployment=cf")).json()
    assert (listed["link_provider_id"], listed["link_consumer_id"]) == (offered["id"], wanted["id"])
    address = await admin.get(f"/link_address?link_id={listed['id']}")
    assert address.json() == {"address": "q-s0.router.default.cf.bosh"}
    assert (await admin.get("/links")).json()["code"] == 190024
    assert (await admin.get("/link_address?link_id=0")).status_code == 404


def _router(*, shared: bool) -> dict[str, Any]:
    content = {"deployment_name": "cf", "instance_group": "router", "default_network": "default", "domain": "bosh"}
    provider = {"deployment": "cf", "group": "router", "job": "gorouter", "name": "gorouter", "type": "http"}
    return provider | {"shared": shared, "content": content | {"networks": ["default", "other"]}}


async def _asked(admin: httpx.AsyncClient, **more: Any) -> httpx.Response:
    (offered,) = (await admin.get("/link_providers?deployment=cf")).json()
    owner = {"owner_object": {"type": "external", "name": "outsider"}}
    return await admin.post("/links", json={"link_provider_id": offered["id"], "link_consumer": owner, **more})


async def test_a_link_for_an_outsider_outlives_deploys(deployed: Any, admin: httpx.AsyncClient) -> None:
    deployed.store.deployments.update(1, providers=[_router(shared=True)])
    made = (await _asked(admin)).json()
    assert (await _asked(admin)).json() == made
    other = (await _asked(admin, network="other")).json()
    deployed.store.deployments.update(1, links=[])
    assert {one["id"] for one in (await admin.get("/links?deployment=cf")).json()} == {made["id"], other["id"]}
    (consumer, _) = (await admin.get("/link_consumers?deployment=cf")).json()
    assert (consumer["id"], consumer["owner_object"]) == (
        made["link_consumer_id"],
        {"type": "external", "name": "outsider"},
    )
    assert (await admin.get(f"/link_address?link_id={made['id']}")).json() == {"address": "q-s0.router.default.cf.bosh"}
    assert (await admin.get(f"/link_address?link_id={other['id']}")).json() == {"address": "q-s0.router.other.cf.bosh"}
    assert (await admin.delete(f"/links/{made['id']}")).status_code == 204
    assert (await admin.delete(f"/links/{made['id']}")).json()["code"] == 810000


async def test_a_link_for_an_outsider_ends_with_its_provider(deployed: Any, admin: httpx.AsyncClient) -> None:
    deployed.store.deployments.update(1, providers=[_router(shared=True)])
    made = (await _asked(admin)).json()
    deployed.store.deployments.update(1, providers=[])
    assert (await admin.get("/links?deployment=cf")).json() == []
    assert (await admin.get(f"/link_address?link_id={made['id']}")).status_code == 404


async def test_links_that_cannot_be_made(deployed: Any, admin: httpx.AsyncClient) -> None:
    owner = {"owner_object": {"type": "external", "name": "x"}}
    for payload, code in (
        ({}, 810001),
        ({"link_provider_id": 1, "link_consumer": owner}, 810001),
        ({"link_provider_id": "1"}, 810001),
        ({"link_provider_id": "1", "link_consumer": {}}, 810001),
        ({"link_provider_id": "1", "link_consumer": {"owner_object": {"type": "job", "name": "x"}}}, 810001),
        ({"link_provider_id": "1", "link_consumer": {"owner_object": {"type": "external"}}}, 810001),
        ({"link_provider_id": "1", "link_consumer": owner}, 810002),
    ):
        assert (await admin.post("/links", json=payload)).json()["code"] == code
    deployed.store.deployments.update(1, providers=[_router(shared=True)])
    assert (await _asked(admin, network="nope")).json()["code"] == 810003
    deployed.store.deployments.update(1, providers=[_router(shared=False)])
    refused = await _asked(admin)
    assert (refused.status_code, refused.json()["code"]) == (403, 810009)


async def test_addresses_may_be_narrowed(deployed: Any, admin: httpx.AsyncClient) -> None:
    store = deployed.store
    store.dns_numbers.insert(records.DnsNumber("az", "z1", 4))
    store.dns_numbers.insert(records.DnsNumber("group", '["instance-group","router","cf"]', 7))
    store.deployments.update(1, providers=[_router(shared=True)])
    path = f"/link_address?link_id={(await _asked(admin)).json()['id']}"
    narrowed = await admin.get(f"{path}&status=healthy&azs[]=z1")
    assert narrowed.json() == {"address": "q-a4s3.router.default.cf.bosh"}
    provider = _router(shared=True)
    provider["content"]["use_short_dns_addresses"] = True
    store.deployments.update(1, providers=[provider])
    assert (await admin.get(f"{path}&azs[]=z1")).json() == {"address": "q-a4s0.q-g7.bosh"}
    assert (await admin.get(f"{path}&azs[]=nope")).json()["code"] == 810008
    assert (await admin.get(f"{path}&azs=z1")).json()["code"] == 810008
    assert (await admin.get(f"{path}&status=ill")).json()["code"] == 810007


async def test_deployment_configs(deployed: Any, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/deployment_configs?deployment[]=cf")).json() == [
        {"id": 1, "deployment": "cf", "config": {"id": 1, "type": "cloud", "name": "default"}}
    ]


async def test_snapshots(deployed: Any, admin: httpx.AsyncClient) -> None:
    now = deployed.clock.now()
    deployed.store.snapshots.insert(records.Snapshot("snap/1", "disk-1", "cf", UUID, clean=False, created_at=now))
    expected = {
        "job": "router",
        "index": 0,
        "uuid": UUID,
        "snapshot_cid": "snap/1",
        "created_at": "2030-01-01 00:00:00 UTC",
        "clean": False,
    }
    assert (await admin.get("/deployments/cf/snapshots")).json() == [expected]
    assert (await admin.get("/deployments/cf/jobs/router/1/snapshots")).json() == []
    deleted = await admin.delete("/deployments/cf/snapshots/snap%2F1")
    assert arguments(deployed, deleted)["snapshot_cids"] == ["snap/1"]
    assert (await admin.delete("/deployments/cf/snapshots/x")).json()["code"] == 70008


async def test_orphans(deployed: Any, admin: httpx.AsyncClient) -> None:
    now, store = deployed.clock.now(), deployed.store
    refused = await admin.delete("/disks/disk-1")
    assert (refused.status_code, refused.json()["code"]) == (400, 520000)
    assert refused.json()["description"].startswith('Deleting persistent disk is not supported: ["disk-1"]')
    store.vms.update(1, orphaned_at=now)
    store.disks.update(1, orphaned_at=now, instance_name=f"router/{UUID}")
    (disk,) = (await admin.get("/disks")).json()
    assert (disk["disk_cid"], disk["orphaned_at"]) == ("disk-1", "2030-01-01 00:00:00 UTC")
    (vm,) = (await admin.get("/orphaned_vms")).json()
    assert (vm["cid"], vm["ip_addresses"], vm["instance_name"]) == ("vm-1", ["10.0.0.1"], f"router/{UUID}")
    assert arguments(deployed, await admin.delete("/disks/disk-1"))["type"] == "delete_orphan_disks"
    assert arguments(deployed, await admin.delete("/disks/disk-1?orphan=true"))["type"] == "orphan_disk"
    assert (await admin.get("/deployments/cf/vms")).json() == []


async def test_networks(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/networks")).status_code == 500
    assert (await admin.get("/networks?orphaned=true")).json() == []


async def test_locks(api: Any, admin: httpx.AsyncClient) -> None:
    expiry = api.clock.now()
    api.store.locks.insert(records.Lock("lock:compile:a:b/1", "u", "7", expiry))
    assert (await admin.get("/locks")).json() == [
        {"type": "compile", "resource": ["a", "b/1"], "timeout": "1893456000.000000", "task_id": "7"}
    ]
    api.clock.advance_s(61)
    assert (await admin.get("/locks")).json() == []


async def test_events(api: Any, admin: httpx.AsyncClient) -> None:
    event = records.Event("create", "vm", api.clock.now(), "admin", context={"a": 1})
    first = api.store.events.insert(event)
    api.clock.advance_s(10)
    api.store.events.insert(replace(event, action="delete", parent_id=first.id, timestamp=api.clock.now(), task="5"))
    assert (await admin.get("/events/1")).json() == {
        "id": "1",
        "timestamp": 1893456000,
        "user": "admin",
        "action": "create",
        "object_type": "vm",
        "context": {"a": 1},
    }

    async def ids(query: str) -> list[str]:
        return [row["id"] for row in (await admin.get(f"/events?{query}")).json()]

    assert await ids("") == ["2", "1"]
    assert await ids("before_id=2") == ["1"]
    assert await ids("task=5") == ["2"]
    assert await ids("action=create") == ["1"]
    assert await ids("before_time=1893456005") == ["1"]
    assert await ids("after_time=2030-01-01%2000:00:05%20UTC") == ["2"]
    assert (await admin.get("/events?before_time=never")).status_code == 400
    assert (await admin.get("/events/9")).text == "Event not found"
    posted = {"action": "alert", "object_type": "vm", "object_name": "x", "timestamp": "1893456000"}
    assert (await admin.post("/events", json=posted)).status_code == 200
    assert (await admin.post("/events", json={"action": "alert"})).json()["code"] == 40000


async def test_a_page_of_events(api: Any, admin: httpx.AsyncClient) -> None:
    event = records.Event("create", "vm", api.clock.now(), "admin")
    api.store.events.insert_all([event] * 250)
    assert len((await admin.get("/events")).json()) == 200
