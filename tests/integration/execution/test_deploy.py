"""Whole deploys: fake cloud, real bus, simulated agents."""

from __future__ import annotations

import asyncio
import base64
import json
import tarfile
import time
from io import BytesIO
from typing import Any

import pytest

from bosh.director.config import BlobstoreConfig
from bosh.state import records
from bosh.system.clock import SystemClock
from bosh.testing.fake_agent import Behaviour
from bosh.wire.errors import TaskCancelled

from .conftest import Director, manifest, upload_release, upload_stemcell

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("director", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True),
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]


async def deploy(director: Director, text: str, **arguments: Any) -> None:
    outcome = await director.deploy(text, **arguments)
    assert outcome.state == "done", f"{outcome.result}\n{director.debug()[-4000:]}"


def cpi_methods(director: Director) -> list[str]:
    marker = '"method":"'
    lines = [line for line in director.debug().splitlines() if "[external-cpi]" in line and " request: " in line]
    return [line.split(marker, 1)[1].split('"', 1)[0] for line in lines]


def state_of(director: Director) -> Any:
    """Everything a dry run must leave alone."""
    store = director.store
    rows: list[Any] = [*store.deployments.list(), *store.instances.list(), *store.vms.list(), *store.ips.list()]
    rows += [*store.dns_numbers.list(), *store.variable_values.list(), *store.variable_uses.list()]
    rows += [*store.events.list(), *store.locks.list()]
    blobs = sorted(path.name for path in (director.folder / "state" / "blobs").rglob("*") if path.is_file())
    return rows, blobs


async def test_a_fresh_deploy_and_one_that_changes_nothing(director: Director) -> None:
    await deploy(director, manifest(3))
    stages = [step.split(":")[0] for step in director.steps()]
    assert list(dict.fromkeys(stages)) == [
        "Preparing deployment",
        "Preparing package compilation",
        "Compiling packages",
        "Creating missing vms",
        "Updating instance",
    ]
    assert stages.count("Updating instance") == 3
    assert len(director.vms()) == 3
    rows = director.store.instances.list(deployment="dep")
    assert [row.dirty for row in rows] == [False] * 3
    agents = director.agents()
    assert {agent.job_state for agent in agents} == {"running"}
    assert {template["name"] for agent in agents for template in agent.spec["job"]["templates"]} == {"server", "client"}
    assert all(package["blobstore_id"] for agent in agents for package in agent.spec["packages"].values())
    deployment = director.store.deployments.get(name="dep")
    assert deployment is not None
    assert deployment.releases == [{"name": "web", "version": "1"}]

    director.fleet.calls.clear()
    before = director.vms()
    await deploy(director, manifest(3))
    assert director.vms() == before
    assert set(director.methods()) == {"get_state"}
    assert cpi_methods(director) == []


async def test_the_order_of_calls_for_a_fresh_vm_with_a_disk(director: Director) -> None:
    await deploy(director, manifest(1, disk="disk"))
    agent = director.agents()[0]
    assert [_named(*call) for call in agent.calls if call[0] not in {"ping", "sync_dns"}] == [
        "update_settings",
        "apply",
        "get_state",
        "prepare",
        "run_script pre-stop",
        "drain",
        "stop",
        "run_script post-stop",
        "add_persistent_disk",
        "mount_disk",
        "update_settings",
        "apply",
        "run_script pre-start",
        "start",
        "get_state",
        "run_script post-start",
        "run_script post-deploy",
    ]
    calls = cpi_methods(director)
    assert calls[calls.index("create_disk") - 2 :] == [
        "create_vm",
        "set_vm_metadata",
        "create_disk",
        "attach_disk",
        "set_disk_metadata",
    ]
    assert "configuration_hash" not in agent.calls[2][1][0]
    assert agent.mounted == [disk.cid for disk in director.store.disks.list()]


def _named(method: str, arguments: tuple[Any, ...]) -> str:
    return f"{method} {arguments[0]}" if method == "run_script" else method


async def test_the_order_of_calls_when_a_vm_is_recreated(director: Director) -> None:
    await deploy(director, manifest(1, disk="disk"))
    old = director.agents()[0]
    old.calls.clear()
    await deploy(director, manifest(1, disk="disk"), recreate=True)
    new = director.agents()[0]
    assert new.id != old.id
    assert [_named(*call) for call in old.calls if call[0] != "sync_dns"] == [
        "get_state",
        "run_script pre-stop",
        "drain",
        "stop",
        "run_script post-stop",
        "list_disk",
        "unmount_disk",
        "remove_persistent_disk",
    ]
    assert old.calls[1][1][1] == {
        "env": {
            "BOSH_VM_NEXT_STATE": "delete",
            "BOSH_INSTANCE_NEXT_STATE": "keep",
            "BOSH_DEPLOYMENT_NEXT_STATE": "keep",
        }
    }
    assert old.calls[2][1][0] == "shutdown"
    assert [_named(*call) for call in new.calls if call[0] not in {"ping", "sync_dns"}] == [
        "add_persistent_disk",
        "mount_disk",
        "update_settings",
        "apply",
        "get_state",
        "list_disk",
        "apply",
        "run_script pre-start",
        "start",
        "get_state",
        "run_script post-start",
        "run_script post-deploy",
    ]
    assert cpi_methods(director) == [
        "detach_disk",
        "delete_vm",
        "create_vm",
        "set_vm_metadata",
        "attach_disk",
        "set_disk_metadata",
    ]


async def test_a_larger_disk_takes_over_from_the_old_one(director: Director) -> None:
    await deploy(director, manifest(1, disk="disk"))
    agent = director.agents()[0]
    old = director.store.disks.list()[0]
    agent.calls.clear()
    await deploy(director, manifest(1, disk="large"))
    orphan, active = director.store.disks.list()
    assert (orphan.cid, orphan.active, orphan.orphaned_at is not None) == (old.cid, False, True)
    assert (active.size_mb, active.active) == (2048, True)
    assert agent.mounted == [active.cid]
    methods = [method for method, _arguments in agent.calls]
    assert methods[methods.index("mount_disk") :][:5] == [
        "mount_disk",
        "migrate_disk",
        "list_disk",
        "unmount_disk",
        "remove_persistent_disk",
    ]


async def test_scaling_up_and_down(director: Director) -> None:
    await deploy(director, manifest(2))
    await deploy(director, manifest(4))
    assert len(director.vms()) == 4
    await deploy(director, manifest(1))
    assert len(director.vms()) == 1
    assert director.store.ips.count(deployment="dep") == 1
    assert director.store.dns_numbers.count(space="instance") == 1
    assert [step for step in director.steps() if step.startswith("Deleting unneeded instances")]


async def test_a_changed_property_updates_in_place(director: Director) -> None:
    await deploy(director, manifest(2))
    before = director.vms()
    director.fleet.calls.clear()
    await deploy(director, manifest(2, port=81))
    assert director.vms() == before
    assert director.methods().count("drain") == 2
    assert director.methods().count("apply") == 2


async def test_archives_that_nobody_has_any_more_are_deleted(director: Director) -> None:
    def blobs() -> set[str]:
        return {path.name for path in (director.folder / "state" / "blobs").rglob("*") if path.is_file()}

    def archives() -> set[str]:
        rows = director.store.instances.list()
        return {row.spec["rendered_templates_archive"]["blobstore_id"] for row in rows}

    await deploy(director, manifest(2))
    first, others = archives(), blobs() - archives()
    await deploy(director, manifest(2, port=81))
    second = archives()
    assert not first & second
    assert blobs() == others | second
    for agent in director.agents():
        agent.behaviour = Behaviour(failing_scripts=frozenset({"pre-stop"}))
    assert (await director.deploy(manifest(2, port=82))).state == "error"
    assert archives() == second
    assert blobs() == others | second


async def test_agents_without_credentials_get_their_templates_over_the_bus(director: Director) -> None:
    signing = BlobstoreConfig(address="127.0.0.1", secret="key", enable_signed_urls=True)
    director.configure(blobstore=signing)
    director.blobs._config = signing
    await deploy(director, manifest(1))
    agent = director.agents()[0]
    assert agent.settings.env["bosh"]["blobstores"][0]["options"].keys() == {"endpoint", "tls"}
    spec = director.store.instances.list()[0].spec
    archive = spec["rendered_templates_archive"]["blobstore_id"]
    assert base64.b64decode(agent.uploaded[archive]) == await director.blobs.get_bytes(archive)
    assert all("/signed/" in package["signed_url"] for package in agent.spec["packages"].values())
    assert agent.uploaded[archive] not in director.debug()


async def test_a_new_stemcell_recreates(director: Director) -> None:
    await deploy(director, manifest(2))
    before = director.vms()
    upload_stemcell(director, "1.2")
    await deploy(director, manifest(2, stemcell="1.2"))
    assert not set(before) & set(director.vms())
    assert {vm.stemcell_version for vm in director.store.vms.list()} == {"1.2"}


async def test_a_failing_job_stops_the_deploy_and_is_repaired_by_the_next(director: Director) -> None:
    director.behaviours["web"] = broken = Behaviour(failing=True)
    outcome = await director.deploy(manifest(3, watch="0-100"))
    assert outcome.state == "error"
    failure = director.events()[-1]["error"]
    assert failure["code"] == 400007
    assert "is not running after update. Review logs for failed jobs: server, client" in failure["message"]
    assert len([row for row in director.store.instances.list() if row.dirty]) == 3
    assert [step for step in director.steps() if step.startswith("Updating")] == []
    assert director.store.deployments.list()[0].manifest == ""

    broken.failing = False
    await deploy(director, manifest(3))
    assert len(director.vms()) == 3
    assert not [row for row in director.store.instances.list() if row.dirty]


async def test_an_agent_that_never_answers(director: Director) -> None:
    director.behaviours["web"] = Behaviour(unresponsive=True)
    director.configure(agent_wait_timeout_s=0.3)
    outcome = await director.deploy(manifest(1))
    assert outcome.state == "error"
    message = director.events()[-1]["error"]["message"]
    assert "Timed out pinging VM 'vm-" in message
    assert "after 0.3 seconds" in message
    assert "the cloud says that it exists" in message
    assert director.vms() == []
    assert director.store.vms.list() == []


async def test_a_silent_agent_needs_fix(director: Director) -> None:
    await deploy(director, manifest(2))
    agent = director.agents()[0]
    agent.behaviour = Behaviour(unresponsive=True)
    director.configure(agent_answer_timeout_s=0.3)
    outcome = await director.deploy(manifest(2))
    assert outcome.state == "error"
    assert director.events()[-1]["error"]["code"] == 450002
    await deploy(director, manifest(2), fix=True)
    assert agent.id not in director.fleet.agents
    assert len(director.vms()) == 2


async def test_cancelling_stops_and_the_next_deploy_goes_on(director: Director) -> None:
    director.behaviours["web"] = slow = Behaviour(action_s=0.3)
    running = asyncio.create_task(director.deploy(manifest(3)))
    for _attempt in range(500):
        if "drain" in director.methods():
            break
        await asyncio.sleep(0.02)
    director.runner._stop.request(TaskCancelled("Task 1 cancelled"))
    outcome = await running
    assert outcome.state == "cancelled"
    assert "cancel_task" in director.methods()
    slow.action_s = 0
    await deploy(director, manifest(3))
    assert len(director.vms()) == 3
    assert {agent.job_state for agent in director.agents()} == {"running"}


async def test_what_a_crash_left_is_cleared_away(director: Director) -> None:
    await deploy(director, manifest(1))
    store, now = director.store, SystemClock().now()
    store.vms.insert(records.Vm("lost-agent", "", "dep", created_at=now, group="compilation-x"))
    store.ips.insert(records.IpAddress("10.244.2.2", "default", "dep", agent_id="lost-agent"))
    store.disks.insert(records.Disk("key", "", "dep", store.instances.list()[0].uuid, "web", 10))
    await deploy(director, manifest(1))
    assert len(store.vms.list()) == 1
    assert store.ips.count() == 1
    assert store.disks.list() == []


async def test_a_dry_run_shows_the_plan_and_writes_nothing(director: Director) -> None:
    before = state_of(director)
    await deploy(director, manifest(2), dry_run=True)
    assert state_of(director) == before
    assert any("new instance" in step for step in director.steps())
    await deploy(director, manifest(2))
    before = state_of(director)
    await deploy(director, manifest(3, port=8080), dry_run=True)
    assert state_of(director) == before
    result = json.loads(director.store.task_output(director.last_task(), "result"))
    assert "templates of" in result["plan"]


async def test_template_faults_come_all_at_once_and_leave_nothing(director: Director) -> None:
    extra = """- name: other
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: client, release: web, consumes: {web: nil}}]
"""
    outcome = await director.deploy(manifest(1, extra=extra))
    assert outcome.state == "error"
    message = director.events()[-1]["error"]["message"]
    assert message.startswith("Unable to render instance groups for deployment. Errors are:")
    assert "Unable to render templates for job 'client'" in message
    assert director.store.instances.list() == []
    assert director.store.ips.list() == []


async def test_stopping_and_starting(director: Director) -> None:
    await deploy(director, manifest(2))
    text = manifest(2)

    async def change(state: str) -> None:
        await deploy(director, text, deploy=False, job_states={"web": {"0": state}})

    await change("stopped")
    row = next(row for row in director.store.instances.list() if row.index == 0)
    assert row.state == "stopped"
    assert len(director.vms()) == 2
    await change("detached")
    assert len(director.vms()) == 1
    await change("started")
    assert len(director.vms()) == 2
    director.fleet.calls.clear()
    await change("restart")
    assert director.methods().count("stop") == 1
    before = director.vms()
    await change("recreate")
    assert len(set(before) & set(director.vms())) == 1


async def test_a_new_release_version_updates_jobs_and_packages(director: Director) -> None:
    await deploy(director, manifest(2))
    await upload_release(director, "2")
    await deploy(director, manifest(2))
    agents = director.agents()
    assert {agent.spec["packages"]["server"]["version"] for agent in agents} == {"server-fp-2.1"}
    assert len([step for step in director.steps() if step.startswith("Compiling packages")]) == 2


async def test_deleting(director: Director) -> None:
    await deploy(director, manifest(3, disk="disk"))
    outcome = await director.task("delete_deployment", "dep")
    assert outcome.state == "done", director.debug()[-3000:]
    store = director.store
    assert director.vms() == []
    assert [store.instances.count(), store.vms.count(), store.ips.count(), store.deployments.count()] == [0, 0, 0, 0]
    assert [disk.orphaned_at is not None for disk in store.disks.list()] == [True] * 3
    stages = list(dict.fromkeys(step.split(":")[0] for step in director.steps()))
    assert stages == ["Deleting instances", "Removing deployment artifacts"]
    assert (await director.task("delete_deployment", "dep")).state == "error"


async def test_deleting_by_force_with_dead_agents(director: Director) -> None:
    await deploy(director, manifest(2))
    for agent in director.agents():
        agent.behaviour = Behaviour(failing_methods=frozenset({"drain"}))
    assert (await director.task("delete_deployment", "dep")).state == "error"
    assert (await director.task("delete_deployment", "dep", force=True)).state == "done"
    assert director.vms() == []


@pytest.mark.slow
async def test_a_hundred_instances(director: Director) -> None:
    text = manifest(100).replace("max_in_flight: 10", "max_in_flight: 50")
    figures = {}
    for name in ("fresh", "no-op"):
        began, began_cpu = time.monotonic(), time.process_time()
        await deploy(director, text)
        figures[name] = (time.monotonic() - began, time.process_time() - began_cpu)
    began = time.monotonic()
    assert (await director.task("delete_deployment", "dep")).state == "done"
    figures["delete"] = (time.monotonic() - began, 0.0)
    for name, (wall_s, cpu_s) in figures.items():
        print(f"100 instances, {name}: {wall_s:.2f} s wall, {cpu_s:.2f} s CPU with agents")
    assert director.vms() == []


async def test_variables_are_made_once_and_never_logged(director: Director) -> None:
    text = manifest(2).replace("port: 80", "port: 80, secret: ((password))") + (
        "  env: {bosh: {password: ((password))}}\nvariables: [{name: password, type: password}]\n"
    )
    await deploy(director, text)
    value = director.store.variable_values.get(name="/bosh/dep/password")
    assert value is not None
    assert {agent.settings.env["bosh"]["password"] for agent in director.agents()} == {value.value}
    assert value.value not in director.debug()
    assert director.store.vms.list()[0].env == {"bosh": {"password": "((password))"}}
    assert director.store.events.count(object_type="variable", action="create") == 1

    before = director.vms()
    director.fleet.calls.clear()
    await deploy(director, text)
    assert director.vms() == before
    assert set(director.methods()) == {"get_state"}
    assert director.store.variable_values.count() == 1


async def test_a_missing_variable_is_named(director: Director) -> None:
    outcome = await director.deploy(manifest(1).replace("port: 80", "port: 80, secret: ((nothing))"))
    assert outcome.state == "error"
    assert "/bosh/dep/nothing" in director.events()[-1]["error"]["message"]
    assert director.store.instances.list() == []


async def act(director: Director, action: str, **arguments: Any) -> None:
    row = director.store.instances.list()[0]
    outcome = await director.task("update_instance", "dep", group="web", instance=row.uuid, action=action, **arguments)
    assert outcome.state == "done", f"{outcome.result}\n{director.debug()[-4000:]}"
    assert outcome.result == f"web/{row.uuid}"


async def test_single_instances_from_their_record(director: Director) -> None:
    await deploy(director, manifest(1, disk="disk"))
    agent = director.agents()[0]
    agent.calls.clear()
    await act(director, "stop")
    assert [_named(*call) for call in agent.calls] == ["run_script pre-stop", "drain", "stop", "run_script post-stop"]
    assert director.store.instances.list()[0].state == "stopped"
    agent.calls.clear()
    await act(director, "stop")
    assert agent.calls == []
    await act(director, "start")
    assert [_named(*call) for call in agent.calls] == [
        "apply",
        "run_script pre-start",
        "start",
        "get_state",
        "run_script post-start",
    ]
    assert director.steps() == [f"Updating instance {_label(director)}: Starting instance"]
    await act(director, "stop", hard=True)
    assert director.vms() == []
    assert director.store.instances.list()[0].state == "detached"
    await act(director, "start")
    assert [agent.mounted for agent in director.agents()] == [[director.store.disks.list()[0].cid]]
    before = director.vms()
    await act(director, "recreate")
    assert not set(before) & set(director.vms())
    assert director.agents()[0].job_state == "running"
    director.fleet.calls.clear()
    await deploy(director, manifest(1, disk="disk"))
    assert set(director.methods()) == {"get_state"}


def _label(director: Director) -> str:
    row = director.store.instances.list()[0]
    return f"web/{row.uuid} (0)"


async def test_an_instance_of_another_deployment_is_not_found(director: Director) -> None:
    await deploy(director, manifest(1))
    row = director.store.instances.list()[0]
    await director.task("update_instance", "other", group="web", instance=row.uuid, action="stop")
    assert director.events()[-1]["error"]["code"] == 70001


async def test_a_cloud_that_may_be_asked_again(director: Director) -> None:
    from fake_cpi.faults import order_fault

    order_fault(director.cloud, "create_vm", kind="Bosh::Clouds::VMCreationFailed", ok_to_retry=True, times=2)
    await deploy(director, manifest(1))
    assert cpi_methods(director).count("create_vm") >= 3
    order_fault(director.cloud, "create_vm", kind="Bosh::Clouds::VMCreationFailed", message="no room", times=1)
    outcome = await director.deploy(manifest(2))
    assert outcome.state == "error"
    assert "no room" in director.events()[-1]["error"]["message"]
    assert director.store.vms.count() == 1
    await deploy(director, manifest(2))


async def test_a_vm_whose_name_was_never_told_is_found_and_deleted(director: Director) -> None:
    from fake_cpi.faults import order_fault

    order_fault(director.cloud, "create_vm", die=True, after_effect=True, times=1, contains='"web"')
    assert (await director.deploy(manifest(1))).state == "error"
    assert [vm.cid for vm in director.store.vms.list()] == [""]
    assert len(director.vms()) == 1
    await deploy(director, manifest(1))
    assert director.vms() == [vm.cid for vm in director.store.vms.list()]


async def test_a_vm_that_the_cloud_will_not_delete_stays_remembered(director: Director) -> None:
    from fake_cpi.faults import order_fault

    await deploy(director, manifest(2))
    order_fault(director.cloud, "delete_vm", kind="Bosh::Clouds::CloudError", message="busy", times=1)
    assert (await director.deploy(manifest(1))).state == "error"
    assert director.store.vms.count() == 2
    await deploy(director, manifest(1))
    assert director.store.vms.count() == 1
    assert len(director.vms()) == 1


async def test_a_dynamic_network_tells_its_addresses_afterwards(director: Director) -> None:
    text = manifest(2).replace("networks: [{name: default}]", "networks: [{name: cloud}]")
    await deploy(director, text)
    agents = director.agents()
    ips = {agent.spec["networks"]["cloud"]["ip"] for agent in agents}
    assert ips == {network["ip"] for agent in agents for network in agent.settings.networks.values()}
    assert all(ip.startswith("10.250.") for ip in ips)
    rendered = {await _rendered(director, agent.spec) for agent in agents}
    assert rendered == {f'{{"port": 80, "ip": "{ip}"}}\n' for ip in ips}
    before = director.vms()
    director.fleet.calls.clear()
    await deploy(director, text)
    assert director.vms() == before
    assert set(director.methods()) == {"get_state"}


async def _rendered(director: Director, spec: dict[str, Any]) -> str:
    archive = await director.blobs.get_bytes(spec["rendered_templates_archive"]["blobstore_id"])
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        member = tar.extractfile("./server/config/config.json")
        assert member is not None
        return member.read().decode()


async def test_errands_wait_for_their_day(director: Director) -> None:
    extra = """- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: server, release: web, provides: {web: nil}}]
"""
    await deploy(director, manifest(1, extra=extra))
    assert len(director.vms()) == 1
    row = director.store.instances.get(group="smoke")
    assert row is not None
    assert row.lifecycle == "errand"
    assert all(package["blobstore_id"] for package in row.spec["packages"].values())
    assert await director.blobs.exists(row.spec["rendered_templates_archive"]["blobstore_id"])
    director.fleet.calls.clear()
    await deploy(director, manifest(1, extra=extra))
    assert set(director.methods()) == {"get_state"}


async def test_two_deployments_do_not_meet(director: Director) -> None:
    await deploy(director, manifest(2))
    outcome = await director.deploy(manifest(2, name="other"), name="other")
    assert outcome.state == "done", director.debug()[-3000:]
    ips = [row.ip for row in director.store.ips.list()]
    assert len(ips) == len(set(ips)) == 4
    numbers = [row.number for row in director.store.dns_numbers.list(space="instance")]
    assert len(set(numbers)) == 4
    content = json.loads(
        await director.blobs.get_bytes(director.store.dns_blobs.list(newest_first=True)[0].blobstore_id)
    )
    assert len(content["records"]) == 4
