from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bosh.director.config import BlobstoreConfig
from bosh.execution.steps.compile_packages import compile_packages
from bosh.manifest.model import Compilation, Release, StemcellChoice
from bosh.plan.compilation import CompiledIndex, compilations
from bosh.plan.model import CompilePackage, Current
from bosh.state import records
from bosh.testing import builders as build
from bosh.testing.fake_agent import Behaviour
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import NetworkReservationNotEnoughCapacity, RpcRemoteException

from .orders import STEMCELL

SIGNING = BlobstoreConfig(address="10.0.0.1", secret="key", enable_signed_urls=True)
PACKAGES = (
    build.package("base"),
    build.package("runtime", "base"),
    build.package("app", "runtime"),
    build.package("other"),
)


def steps(*stemcells: StemcellChoice) -> tuple[CompilePackage, ...]:
    """What a release of four packages, three of them in a chain, needs."""
    from bosh.plan.layout import lay_out
    from bosh.plan.model import Options
    from bosh.testing.builders import CountingIds

    job = build.job_spec("web", packages=["app", "other"])
    release: Release = build.release(jobs=[job], packages=PACKAGES)
    groups = [
        build.group(f"web{number}", jobs=[build.job(job)], stemcell=stemcell)
        for number, stemcell in enumerate(stemcells or (STEMCELL,))
    ]
    desired = build.desired(*groups, releases=[release])
    current = Current("shop", exists=False, catalog=build.catalog(stemcells=stemcells or (STEMCELL,)))
    layout = lay_out(desired, current, options=Options(), ids=CountingIds())
    return compilations(layout.instances, desired.releases, CompiledIndex(()))


async def compile_all(fake: FakeWorld, wanted: tuple[CompilePackage, ...], **values: Any) -> None:
    given: dict[str, Any] = {"workers": 2, "network": "default", "vm": build.vm(), "reuse_compilation_vms": True}
    world = replace(fake.world, desired=build.desired(build.group()))
    siblings = {one.name: one for one in PACKAGES}
    await compile_packages(world, wanted, Compilation(**(given | values)), lambda _package: siblings)


def compiled(fake: FakeWorld) -> list[str]:
    return [row.package_name for row in fake.store.compiled_packages.list()]


async def test_in_the_order_of_dependencies(fake: FakeWorld) -> None:
    await compile_all(fake, steps())
    order = compiled(fake)
    assert order.index("base") < order.index("runtime") < order.index("app")
    assert len(order) == 4
    requests = {
        arguments[2]: arguments for _agent, method, arguments in fake.agents.calls if method == "compile_package"
    }
    base, runtime = PACKAGES[0], PACKAGES[1]
    assert requests["base"][0:2] == (base.blobstore_id, base.sha1)
    assert requests["base"][3] == f"{base.fingerprint}.1"
    assert sorted(requests["app"][4]) == ["base", "runtime"]
    row = fake.store.compiled_packages.get(package_name="runtime")
    assert row is not None
    assert requests["app"][4]["runtime"] == {
        "name": "runtime",
        "version": f"{runtime.fingerprint}.1",
        "sha1": row.sha1,
        "blobstore_id": row.blobstore_id,
    }
    assert fake.log.finished[0].startswith("Compiling packages: ")


async def test_vms_are_reused_and_gone_afterwards(fake: FakeWorld) -> None:
    await compile_all(fake, steps())
    made = [call for call in fake.cloud.calls() if call["method"] == "create_vm"]
    assert len(made) <= 2
    assert fake.cloud.vms() == {}
    assert fake.store.vms.list() == []
    assert fake.store.ips.list() == []


async def test_the_calls_of_one_compilation(fake: FakeWorld) -> None:
    await compile_all(fake, tuple(step for step in steps() if step.package.name == "other"))
    assert fake.methods(but=()) == ["ping", "update_settings", "apply", "get_state", "compile_package"]
    assert [call["method"] for call in fake.cloud.calls()] == [
        "create_vm",
        "set_vm_metadata",
        "set_vm_metadata",
        "delete_vm",
    ]
    assert [lock.split(":")[1] for lock in fake.control.locks] == ["compile"]


async def test_without_reuse_each_package_has_a_vm_of_its_own(fake: FakeWorld) -> None:
    await compile_all(fake, steps(), reuse_compilation_vms=False, workers=1)
    assert len([call for call in fake.cloud.calls() if call["method"] == "create_vm"]) == 4
    assert fake.cloud.vms() == {}


async def test_what_another_task_has_compiled_meanwhile_is_taken(fake: FakeWorld) -> None:
    (step,) = [step for step in steps() if step.package.name == "other"]
    fake.store.compiled_packages.insert(
        records.CompiledPackage("other", step.package.fingerprint, "[]", STEMCELL.os, STEMCELL.version, "sha1", "blob")
    )
    await compile_all(fake, (step,))
    assert fake.agents.calls == []


async def test_a_package_that_does_not_compile_ends_it_and_leaves_no_vm(fake: FakeWorld) -> None:
    fake.agents.behaviour = Behaviour(failing_methods=frozenset({"compile_package"}))
    with pytest.raises(RpcRemoteException):
        await compile_all(fake, steps(), workers=1)
    assert fake.cloud.vms() == {}
    assert fake.store.ips.list() == []
    assert compiled(fake) == []
    assert len([call for call in fake.agents.calls if call[1] == "compile_package"]) == 1


async def test_a_network_without_room(fake: FakeWorld) -> None:
    for number in range(2, 255):
        fake.store.ips.insert(records.IpAddress(f"10.0.0.{number}", "default", "other"))
    with pytest.raises(NetworkReservationNotEnoughCapacity):
        await compile_all(fake, steps())
    assert fake.store.vms.list() == []


async def test_nothing_to_compile(fake: FakeWorld) -> None:
    await compile_all(fake, ())
    assert fake.log.finished == []


async def test_agents_without_credentials_get_signed_urls(fake: FakeWorld) -> None:
    fake = replace(
        fake, world=replace(fake.world, config=msgspec.structs.replace(fake.world.config, blobstore=SIGNING))
    )
    await compile_all(fake, tuple(step for step in steps() if step.package.name == "other"))
    (request,) = [arguments[0] for _agent, method, arguments in fake.agents.calls if "signed_url" in method]
    row = fake.store.compiled_packages.list()[0]
    assert "/signed/" in request["package_get_signed_url"]
    assert f"/{row.blobstore_id}?" in request["upload_signed_url"]
