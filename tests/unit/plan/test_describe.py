from __future__ import annotations

import json
from dataclasses import replace

from bosh.plan.decide import decide
from bosh.plan.describe import describe, to_json, totals
from bosh.plan.layout import lay_out
from bosh.plan.model import Layout, Options, Plan
from bosh.testing import builders as b

SPEC = b.job_spec("web", packages=["app"])


def deployed_then(**options) -> tuple[Plan, Layout]:
    """A group that shrinks, gets a new stemcell and a bigger disk, after another has gone."""
    world = b.nothing()
    for count, size, version, groups in ((3, 100, "1.2", ["old"]), (2, 200, "1.3", [])):
        web = b.group(
            "web",
            count,
            jobs=[b.job(SPEC)],
            azs=("z1",),
            persistent_disks=(b.disk(size),),
            stemcell=replace(b.STEMCELL, version=version),
        )
        desired = b.desired(
            web, *(b.group(name) for name in groups), releases=[b.release(jobs=[SPEC], packages=[b.package("app")])]
        )
        layout = lay_out(desired, world, options=Options(), ids=b.CountingIds())
        opts = Options(**options)
        plan = decide(desired, world, layout, b.rendered(layout), options=opts)
        before, world = world, b.carried_out(plan, layout, world)
    assert before.exists
    return plan, layout


def test_the_text_has_every_step_its_reason_and_the_totals() -> None:
    text = describe(*deployed_then(skip_drain=frozenset({"*"})))
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(5)]
    assert (
        text
        == f"""\
Plan for deployment 'shop'

Compile packages
  web/app ({b.package("app").fingerprint[:8]}): needed by instance group 'web'; not compiled for ubuntu-noble/1.3 yet

Delete instances of groups that are gone
  delete old/{ids[4]} (0): instance group 'old' is no longer in the manifest

Update instance group 'web'
  delete web/{ids[3]} (2): 2 instances wanted; orphan disk-0003-100 (100 MiB)
  canaries in z1, 1 at a time:
    recreate VM web/{ids[1]} (0): stemcell: 1.2 → 1.3; persistent_disk: size 100 → 200 MiB; create disk of 200 MiB; move content of and orphan disk-0001-100; without drain
  instances in z1, 1 at a time:
    recreate VM web/{ids[2]} (1): stemcell: 1.2 → 1.3; persistent_disk: size 100 → 200 MiB; create disk of 200 MiB; move content of and orphan disk-0002-100; without drain

Total: 2 instances wanted; 1 to compile, 2 to recreate, 2 to delete, disks: 2 to create, disks: 2 to orphan.
"""
    )


def test_json_is_plain_and_tells_the_same() -> None:
    plan, _ = deployed_then()
    told = to_json(plan)
    assert json.loads(json.dumps(told)) == told
    assert (told["deployment"], told["empty"]) == ("shop", False)
    step = told["groups"][0]["batches"][0]["steps"][0]
    assert step == {
        "group": "web",
        "id": "00000000-0000-4000-8000-000000000001",
        "index": 0,
        "az": "z1",
        "ips": ["10.0.0.2"],
        "method": "recreate",
        "state": "started",
        "changes": [
            {"kind": "stemcell", "reason": "1.2 → 1.3"},
            {"kind": "persistent_disk", "reason": "size 100 → 200 MiB"},
        ],
        "skip_drain": False,
        "create_disks": [{"name": "", "size_mb": 200}],
        "keep_disks": [],
        "orphan_disks": ["disk-0001-100"],
    }
    assert told["deletions"][0]["group"] == "old"
    assert told["compilations"][0]["stemcell"] == "ubuntu-noble/1.3"
    assert told["totals"] == totals(plan)


def test_json_of_a_first_deploy_with_an_errand() -> None:
    desired = b.desired(b.group("web"), b.group("smoke", lifecycle="errand"))
    layout = lay_out(desired, b.nothing(), options=Options(), ids=b.CountingIds())
    plan = decide(desired, b.nothing(), layout, b.rendered(layout), options=Options())
    told = to_json(plan)
    assert [one["reason"] for one in told["missing_vms"]] == ["new instance"]
    assert [one["group"] for one in told["errands"]] == ["smoke"]
    assert totals(plan)["create"] == 1
    assert totals(plan)["update"] == 0


def test_nothing_to_do() -> None:
    desired = b.desired(b.group("web"))
    layout = lay_out(desired, b.nothing(), options=Options(), ids=b.CountingIds())
    world = b.carried_out(
        decide(desired, b.nothing(), layout, b.rendered(layout), options=Options()), layout, b.nothing()
    )
    plan = decide(desired, world, layout, b.rendered(layout), options=Options())
    assert describe(plan, layout) == (
        "Plan for deployment 'shop'\n\nNothing to do: 1 instance wanted, all as they should be.\n\n"
        "Left alone:\n  web: 1 instance unchanged\n"
    )
