"""Errands: fake cloud, real bus, simulated agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from bosh.director.tasks.runner import Outcome
from bosh.state import records
from bosh.testing.fake_agent import TERMINATED, Behaviour
from bosh.wire.errors import TaskCancelled

from .conftest import Director, manifest, upload_release

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]

SMOKE = """- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: server, release: web, provides: {web: nil}}]
"""


async def deployed(director: Director, instances: int = 2, extra: str = SMOKE) -> None:
    outcome = await director.deploy(manifest(instances, extra=extra))
    assert outcome.state == "done", f"{outcome.result}\n{director.debug()[-4000:]}"
    director.fleet.calls.clear()


async def run(director: Director, errand: str = "smoke", **arguments: Any) -> Outcome:
    given = {"errand": errand, "keep_alive": False, "when_changed": False, "instances": []}
    return await director.task("run_errand", "dep", **(given | arguments))


def rows(director: Director) -> list[dict[str, Any]]:
    return [json.loads(line) for line in director.store.task_output(director.last_task(), "result").splitlines()]


def warnings(director: Director) -> list[str]:
    return [one["message"] for one in director.events() if one.get("type") == "warning"]


def instance_of(director: Director, group: str, index: int = 0) -> records.Instance:
    row = director.store.instances.get(group=group, index=index)
    assert row is not None
    return row


async def until(condition: Any) -> None:
    for _attempt in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


async def test_an_errand_group_has_its_vm_as_long_as_it_runs(director: Director) -> None:
    await deployed(director)
    outcome = await run(director)
    assert (outcome.state, outcome.result) == ("done", "1 succeeded, 0 errored, 0 canceled"), director.debug()[-3000:]
    smoke = instance_of(director, "smoke")
    label = f"smoke/{smoke.uuid} (0)"
    assert director.steps() == [
        "Preparing deployment: Preparing deployment",
        "Preparing package compilation: Finding packages to compile",
        f"Creating missing vms: {label}",
        f"Updating instance: {label} (canary)",
        f"Running errand: {label}",
        f"Fetching logs for {label}: Finding and packing log files",
    ]
    (row,) = rows(director)
    assert row["instance"] == {"group": "smoke", "id": smoke.uuid}
    assert (row["errand_name"], row["exit_code"], row["stdout"], row["stderr"]) == ("smoke", 0, "done\n", "")
    assert await director.blobs.exists(row["logs"]["blobstore_id"])
    assert director.store.blobs.count(blobstore_id=row["logs"]["blobstore_id"]) == 1
    assert len(director.vms()) == len(director.store.vms.list()) == 2
    assert not instance_of(director, "smoke").dirty
    assert next(call for call in director.fleet.calls if call[1] == "run_errand")[2] == ()


async def test_only_the_errands_own_vm_is_touched(director: Director) -> None:
    await deployed(director)
    mine = {vm.agent_id for vm in director.store.vms.list()}
    await run(director)
    asked = {method for agent, method, _arguments in director.fleet.calls if agent in mine}
    assert asked <= {"get_state", "sync_dns", "sync_dns_with_signed_url"}


async def test_events_say_what_ran_and_how_it_ended(director: Director) -> None:
    await deployed(director)
    await run(director)
    began, ended = director.store.events.list(object_type="errand")
    assert (began.action, began.object_name, began.context) == ("run", "smoke", {})
    assert began.instance == f"smoke/{instance_of(director, 'smoke').uuid} (0)"
    assert (ended.parent_id, ended.error, ended.context) == (began.id, "", {"exit_code": 0})


async def test_a_failing_errand_is_a_finished_task(director: Director) -> None:
    director.behaviours["smoke"] = Behaviour(errand=(3, "", "no\n"))
    await deployed(director)
    outcome = await run(director)
    assert (outcome.state, outcome.result) == ("done", "0 succeeded, 1 errored, 0 canceled")
    assert rows(director)[0]["exit_code"] == 3
    assert len(director.vms()) == 2


async def test_kept_alive_it_is_used_again_and_goes_the_next_time(director: Director) -> None:
    await deployed(director)
    await run(director, keep_alive=True)
    kept = set(director.vms())
    assert len(kept) == 3
    assert [vm.temporary for vm in director.store.vms.list()] == [False] * 3
    director.fleet.calls.clear()
    outcome = await run(director, keep_alive=True)
    assert outcome.state == "done"
    assert set(director.vms()) == kept
    assert "apply" not in director.methods()
    await run(director)
    assert len(director.vms()) == 2


async def test_a_deploy_leaves_a_vm_kept_alive(director: Director) -> None:
    await deployed(director)
    await run(director, keep_alive=True)
    await deployed(director)
    assert len(director.vms()) == 3


async def test_by_job_it_runs_wherever_the_job_is(director: Director) -> None:
    await deployed(director)
    outcome = await run(director, "client")
    assert outcome.result == "2 succeeded, 0 errored, 0 canceled"
    assert [call[2] for call in director.fleet.calls if call[1] == "run_errand"] == [("client",), ("client",)]
    assert warnings(director) == [
        "Executing errand on multiple instances in parallel. Use the `--instance` flag to run the errand on a single instance."
    ]
    await run(director, "server")
    assert {row["instance"]["group"] for row in rows(director)} == {"web", "smoke"}
    assert len(director.vms()) == 2


async def test_filters(director: Director) -> None:
    await deployed(director)
    web = sorted(row.uuid for row in director.store.instances.list(group="web"))
    await run(director, "client", instances=[{"group": "web", "id": "first"}])
    assert [row["instance"]["id"] for row in rows(director)] == [web[0]]
    await run(director, "client", instances=[{"group": "web", "id": web[1]}, {"group": "web", "id": web[1]}])
    assert [row["instance"]["id"] for row in rows(director)] == [web[1]]
    await run(director, "server", instances=[{"group": "smoke"}])
    assert [row["instance"]["group"] for row in rows(director)] == ["smoke"]
    outcome = await run(director, "client", instances=[{"group": "web", "id": "7"}, {"group": "web"}])
    assert outcome.state == "error"
    assert outcome.result == 'No instances match selection criteria: [{"group" => "web", "id" => "7"}]'
    outcome = await run(director, "smoke", instances=[{"group": "smoke"}])
    assert outcome.result == "Filtering by instances is not supported when running errand by instance group name"


async def test_what_cannot_run(director: Director) -> None:
    await deployed(director)
    assert (await run(director, "nope")).result == "Errand 'nope' doesn't exist"
    assert (await run(director, "web")).result.startswith("Instance group 'web' is not an errand. To mark")
    web = instance_of(director, "web", 1)
    director.store.instances.update(web.id, state="stopped")
    outcome = await run(director, "client")
    assert outcome.result == f"Instance(s) 'web/{web.uuid} (1)' is stopped, unable to run errand. Maybe start vm?"
    director.configure(allow_errands_on_stopped_instances=True)
    assert (await run(director, "client")).result == "2 succeeded, 0 errored, 0 canceled"


async def test_an_ambiguous_name_is_the_jobs(director: Director) -> None:
    await deployed(director, extra=SMOKE.replace("name: smoke", "name: client"))
    await run(director, "client")
    assert warnings(director)[0].startswith("Ambiguous request: the requested errand name 'client' matches both")
    assert {row["instance"]["group"] for row in rows(director)} == {"web"}


async def test_an_instance_without_a_vm_is_passed_over(director: Director) -> None:
    await deployed(director)
    web = instance_of(director, "web", 1)
    director.store.vms.delete(instance_uuid=web.uuid)
    outcome = await run(director, "client")
    assert outcome.result == "1 succeeded, 0 errored, 0 canceled"
    assert f"Skipping instance: web/{web.uuid} (1) no matching VM reference was found" in warnings(director)


async def test_when_changed(director: Director) -> None:
    await deployed(director)
    assert (await run(director, when_changed=True)).result == "1 succeeded, 0 errored, 0 canceled"
    outcome = await run(director, when_changed=True)
    assert outcome.result == "skipped - no changes detected"
    assert rows(director) == []
    changed = SMOKE.replace("provides:", "properties: {web: {port: 81}}, provides:")
    await deployed(director, extra=changed)
    assert (await run(director, when_changed=True)).result == "1 succeeded, 0 errored, 0 canceled"


async def test_a_failure_counts_as_a_change(director: Director) -> None:
    director.behaviours["smoke"] = behaviour = Behaviour()
    await deployed(director)
    await run(director)
    behaviour.errand = (1, "", "")
    await run(director)
    behaviour.errand = (0, "", "")
    assert (await run(director, when_changed=True)).result == "1 succeeded, 0 errored, 0 canceled"


async def test_cancelling_ends_the_script_and_keeps_its_words(director: Director) -> None:
    director.behaviours["smoke"] = slow = Behaviour()
    await deployed(director)
    slow.errand = (0, "half\n", "")
    running = asyncio.create_task(run(director))
    await until(lambda: "start" in director.methods())
    slow.action_s = 30
    await until(lambda: "run_errand" in director.methods())
    slow.action_s = 0
    director.runner._stop.request(TaskCancelled("Task 2 cancelled"))
    outcome = await asyncio.wait_for(running, 10)
    assert (outcome.state, outcome.result) == ("cancelled", "Task 2 cancelled")
    assert "cancel_task" in director.methods()
    (row,) = rows(director)
    assert (row["exit_code"], row["stdout"]) == (TERMINATED, "half\n")
    assert row["logs"]["blobstore_id"]
    assert len(director.vms()) == 2
    assert director.store.events.list(object_type="errand")[-1].error == "Task cancelled"


async def test_cancelled_before_it_began_it_leaves_nothing(director: Director) -> None:
    await deployed(director)
    director.behaviours["smoke"] = Behaviour(action_s=30)
    running = asyncio.create_task(run(director))
    await until(lambda: "update_settings" in director.methods())
    director.runner._stop.request(TaskCancelled("Task 2 cancelled"))
    outcome = await asyncio.wait_for(running, 10)
    assert outcome.state == "cancelled"
    assert rows(director) == []
    assert len(director.vms()) == len(director.store.vms.list()) == 2
    director.behaviours["smoke"] = Behaviour()
    assert (await run(director)).result == "1 succeeded, 0 errored, 0 canceled"


@pytest.mark.parametrize("action", ["run_errand", "fetch_logs", "apply"])
async def test_the_vm_goes_whatever_fails(director: Director, action: str) -> None:
    director.behaviours["smoke"] = Behaviour(failing_methods=frozenset({action}))
    await deployed(director)
    outcome = await run(director)
    assert outcome.state == "error"
    assert len(director.vms()) == len(director.store.vms.list()) == 2
    assert len(rows(director)) == (action == "fetch_logs")


@pytest.mark.parametrize("task", ["deploy", "errand"])
async def test_what_a_crash_left_goes_with_the_next_task(director: Director, task: str) -> None:
    await deployed(director)
    await run(director, keep_alive=True)
    director.store.vms.update_where({"group": "smoke"}, temporary=True)
    director.store.instances.update_where({"group": "smoke"}, dirty=True)
    if task == "deploy":
        await deployed(director)
    else:
        await run(director, "client")
    assert len(director.vms()) == len(director.store.vms.list()) == 2
    assert not instance_of(director, "smoke").dirty


async def test_a_vm_that_the_cloud_will_not_delete_is_deleted_by_the_next_task(director: Director) -> None:
    from fake_cpi.faults import order_fault

    await deployed(director)
    order_fault(director.cloud, "delete_vm", kind="Bosh::Clouds::CloudError", message="not now", times=1)
    outcome = await run(director)
    assert outcome.state == "error"
    assert len(director.vms()) == 3
    await deployed(director)
    assert len(director.vms()) == len(director.store.vms.list()) == 2


async def test_a_disk_survives_its_errand(director: Director) -> None:
    await deployed(director, extra=SMOKE + "  persistent_disk_type: disk\n")
    await run(director)
    (disk,) = director.store.disks.list(group="smoke")
    assert (disk.active, disk.orphaned_at) == (True, None)
    order = [method for method in director.methods() if "disk" in method]
    assert order[-2:] == ["unmount_disk", "remove_persistent_disk"]
    await run(director)
    assert [one.cid for one in director.store.disks.list(group="smoke")] == [disk.cid]


async def test_a_newer_release_waits_for_a_deploy(director: Director) -> None:
    await deployed(director)
    before: Mapping[str, Any] = instance_of(director, "smoke").spec
    await upload_release(director, "2")
    await run(director)
    assert instance_of(director, "smoke").spec["job"] == before["job"]
    outcome = await director.task(
        "update_deployment",
        "dep",
        manifest=manifest(2, extra=SMOKE),
        deploy=False,
        job_states={"web": {"*": "restart"}},
    )
    assert outcome.state == "done", outcome.result
    assert {row.spec["job_releases"]["server"] for row in director.store.instances.list()} == {"web/1"}


async def test_nothing_runs_before_the_first_deploy(director: Director) -> None:
    assert (await run(director)).result == "Deployment 'dep' doesn't exist"
    director.store.deployments.insert(records.Deployment("dep"))
    assert (await run(director)).result == "No successful BOSH deployment manifest available"
