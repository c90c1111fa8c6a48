"""Compile packages on compilation VMs, each as soon as those it depends on are there (bosh: package_compile_stage.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bosh.clients.contract import BlobRef
from bosh.execution import vm_env
from bosh.execution.steps.compile_vms import Workshop, Workshops, tell_package
from bosh.execution.world import World
from bosh.inventory.catalog import compiled_package
from bosh.manifest.model import Compilation, CompiledPackage, Package, StemcellChoice
from bosh.plan.apply_spec import PACKAGE_BUILD
from bosh.plan.compilation import CompiledIndex, dependency_key
from bosh.plan.model import CompilePackage
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.wire.errors import BoshError

LOCK_TIMEOUT_S = 900.0
"""Another deployment may be compiling the same package; its result is ours too."""

StepId = tuple[str, str, str]
PackagesOf = Callable[[Package], Mapping[str, Package]]
"""The packages of a package's release version, by name."""


class CompilationFailed(BoshError):
    """The agent answered without a compiled package."""

    code = 430004


async def compile_packages(
    world: World, steps: Sequence[CompilePackage], compilation: Compilation, packages_of: PackagesOf
) -> None:
    """Compile all; results are remembered one by one, so that an interrupted run goes on where it was.

    Raises:
        RpcRemoteException: a package does not compile; the agent's text has the last lines of its output. Others under way are finished.
        CloudError, RpcTimeout: no VM could be had.
    """
    if not steps:
        return
    stage = world.log.stage("Compiling packages", total=len(steps))
    workshops = Workshops(world, compilation)
    done: dict[StepId, asyncio.Event] = {step.id: asyncio.Event() for step in steps}
    failures: list[BaseException] = []
    workers = asyncio.Semaphore(max(1, compilation.workers))

    async def work(step: CompilePackage) -> None:
        for needed in step.after:
            await done[needed].wait()
        async with workers:
            if failures:
                return
            world.control.checkpoint()
            async with stage.step(f"{step.package.name}/{step.package.fingerprint}"):
                await _compile_once(world, step, workshops, packages_of)

    async def guarded(step: CompilePackage) -> None:
        try:
            await work(step)
        except Exception as error:  # noqa: BLE001 — kept and raised below, after the others are done
            failures.append(error)
        finally:
            done[step.id].set()

    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(guarded(step))
    finally:
        await workshops.close()
    if failures:
        raise failures[0]


async def _compile_once(world: World, step: CompilePackage, workshops: Workshops, packages_of: PackagesOf) -> None:
    lock = f"lock:compile:{step.package.fingerprint}:{step.stemcell.os}/{step.stemcell.version}"
    async with world.control.lock(lock, timeout_s=LOCK_TIMEOUT_S):
        if find_compiled(world, step.package, step.dependency_key, step.stemcell) is not None:
            return
        async with workshops.lend(step.stemcell) as workshop:
            blob = await _compile(world, step, workshop, packages_of)
        _remember(world, step, blob)


def find_compiled(world: World, package: Package, key: str, stemcell: StemcellChoice) -> CompiledPackage | None:
    """What is remembered of a package compiled for a stemcell."""
    rows = world.store.compiled_packages.list(package_fingerprint=package.fingerprint)
    exported_from = world.desired.exported_from if world.desired else {}
    return CompiledIndex(map(compiled_package, rows), exported_from).find(package, key, stemcell)


async def _compile(world: World, step: CompilePackage, workshop: Workshop, packages_of: PackagesOf) -> BlobRef:
    await tell_package(world, workshop, step.package.name)
    package = step.package
    needed = _dependencies(world, step, packages_of)
    version = f"{package.fingerprint}.{PACKAGE_BUILD}"
    if vm_env.signs_urls(world.config, workshop.vm.stemcell_api_version):
        return await _compile_with_signed_urls(world, package, version, needed, workshop)
    answer = await world.agents.run(
        workshop.vm.agent_id,
        "compile_package",
        package.blobstore_id,
        package.sha1,
        package.name,
        version,
        needed,
    )
    result = _result(answer, package)
    if not result.get("blobstore_id"):
        raise CompilationFailed(f"cannot use the compiled package '{package.name}'", details="it has no blob")
    return BlobRef(result["blobstore_id"], result["sha1"])


async def _compile_with_signed_urls(
    world: World, package: Package, version: str, needed: Mapping[str, Any], workshop: Workshop
) -> BlobRef:
    blob_id = world.ids.uuid()
    signed = {
        name: {**one, "package_get_signed_url": world.blobs.signed_get_url(one["blobstore_id"])}
        for name, one in needed.items()
    }
    request = {
        "package_get_signed_url": world.blobs.signed_get_url(package.blobstore_id),
        "upload_signed_url": world.blobs.signed_put_url(blob_id),
        "digest": package.sha1,
        "name": package.name,
        "version": version,
        "deps": signed,
    }
    answer = await world.agents.run(workshop.vm.agent_id, "compile_package_with_signed_url", request)
    return BlobRef(blob_id, _result(answer, package)["sha1"])


def _result(answer: Any, package: Package) -> Mapping[str, Any]:
    result = answer.get("result") if isinstance(answer, Mapping) else None
    if not isinstance(result, Mapping) or not result.get("sha1"):
        raise CompilationFailed(
            f"cannot use the compiled package '{package.name}'", details=f"the agent answered {answer!r:.200}"
        )
    return result


def _dependencies(world: World, step: CompilePackage, packages_of: PackagesOf) -> dict[str, dict[str, str]]:
    """What the agent installs before it compiles: name → {name, version, sha1, blobstore_id}."""
    siblings = packages_of(step.package)
    needed = {}
    for name, fingerprint in step.dependencies:
        compiled = find_compiled(world, siblings[name], dependency_key(name, siblings), step.stemcell)
        if compiled is None:
            raise CompilationFailed(
                f"cannot compile '{step.package.name}'",
                details=f"'{name}/{fingerprint}', which it needs, is not compiled",
            )
        needed[name] = {
            "name": name,
            "version": f"{fingerprint}.{PACKAGE_BUILD}",
            "sha1": compiled.sha1,
            "blobstore_id": compiled.blobstore_id,
        }
    return needed


def _remember(world: World, step: CompilePackage, blob: BlobRef) -> None:
    row = records.CompiledPackage(
        package_name=step.package.name,
        package_fingerprint=step.package.fingerprint,
        dependency_key=step.dependency_key,
        stemcell_os=step.stemcell.os,
        stemcell_version=step.stemcell.version,
        sha1=blob.sha1,
        blobstore_id=blob.id,
    )
    try:
        world.store.compiled_packages.insert(row)
    except Conflict:
        world.debug(f"package {step.package.name} was compiled elsewhere at the same time")
