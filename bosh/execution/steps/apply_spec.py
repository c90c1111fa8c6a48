"""Give an agent its spec: settings, the first empty apply, prepare, the full apply (bosh: update_instance_settings_step.rb, instance.rb)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bosh.execution import vm_env
from bosh.execution.steps.disks import disks_of
from bosh.execution.world import World
from bosh.manifest.model import Json
from bosh.plan.apply_spec import for_agent
from bosh.state import records
from bosh.wire.errors import RpcRemoteException

LARGEST_ARCHIVE_BYTES = 700 * 1024
"""In base64, with the request around it, this stays below the bus's 1 MiB for a message."""


def fingerprints(world: World) -> tuple[str, str, str]:
    """SHA-1 of the trusted certificates, the blobstore's and the bus's settings that a VM should have now."""
    nats = world.config.nats
    return (
        _sha1(world.config.trusted_certs),
        _sha1(json.dumps(world.blobs.agent_options(), sort_keys=True)),
        _sha1(json.dumps([nats.address, nats.port, nats.ca, nats.client_ca.certificate])),
    )


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def update_settings(world: World, vm: records.Vm, *, instance_uuid: str = "") -> None:
    """Send trusted certificates and names of disks; bus and blobstore settings when they are not those of the VM any more."""
    certs, blobstore, bus = fingerprints(world)
    settings: dict[str, Any] = {
        "trusted_certs": world.config.trusted_certs,
        "disk_associations": [
            {"name": disk.name, "cid": disk.cid}
            for disk in (disks_of(world, instance_uuid) if instance_uuid else ())
            if disk.name and disk.active
        ],
    }
    if vm.blobstore_config_sha1 and vm.blobstore_config_sha1 != blobstore:
        signed = vm_env.signs_urls(world.config, vm.stemcell_api_version)
        settings["blobstores"] = vm_env.blobstores_for(world.blobs.agent_options(), signed_urls=signed)
    if vm.nats_config_sha1 and vm.nats_config_sha1 != bus:
        nats = world.config.nats
        certificate = vm_env.agent_certificate(nats, vm.agent_id, now=world.clock.now())
        settings["mbus"] = {"urls": [vm_env.bus_url(nats)], "cert": certificate}
    try:
        await world.agents.run(vm.agent_id, "update_settings", settings)
    except RpcRemoteException as error:
        if "unknown message" not in error.details:
            raise
    world.store.vms.update(vm.id, trusted_certs_sha1=certs, blobstore_config_sha1=blobstore, nats_config_sha1=bus)


async def apply_bare(world: World, vm: records.Vm, spec: Mapping[str, Json]) -> Mapping[str, Any]:
    """The first apply of a fresh VM: who it is; without a configuration hash the agent installs nothing. Returns the agent's state, its networks among it."""
    known = {key: spec[key] for key in ("deployment", "job", "index", "id", "networks") if key in spec}
    await world.agents.run(vm.agent_id, "apply", known)
    state = await world.agents.call(vm.agent_id, "get_state")
    return state if isinstance(state, Mapping) else {}


async def prepare(world: World, vm: records.Vm, spec: Mapping[str, Json]) -> None:
    """Let the agent fetch packages while the old jobs still run."""
    await _hand_over_archive(world, vm, spec)
    await world.agents.run(vm.agent_id, "prepare", for_vm(world, vm, spec))


async def apply(world: World, vm: records.Vm, spec: Mapping[str, Json]) -> None:
    """The full spec: packages and jobs are installed."""
    await _hand_over_archive(world, vm, spec)
    await world.agents.run(vm.agent_id, "apply", for_vm(world, vm, spec))


async def _hand_over_archive(world: World, vm: records.Vm, spec: Mapping[str, Json]) -> None:
    """Send the rendered templates over the bus to an agent without blobstore credentials: the original agent takes signed URLs for
    packages alone (bosh: rendered_templates_persister.rb; bosh-agent: applyspec/rendered_templates_archive_spec.go).

    An archive too large for a message is left to agents that follow the archive's ``signed_url``.
    """
    archive = spec.get("rendered_templates_archive") or {}
    if not vm_env.signs_urls(world.config, vm.stemcell_api_version) or not archive.get("blobstore_id"):
        return
    content = await world.blobs.get_bytes(archive["blobstore_id"])
    if len(content) > LARGEST_ARCHIVE_BYTES:
        world.debug(f"the templates of {spec.get('name')} are {len(content)} bytes, too many for the bus")
        return
    payload = base64.b64encode(content).decode()
    blob = {"blob_id": archive["blobstore_id"], "checksum": archive["sha1"], "payload": payload}
    await world.agents.run(vm.agent_id, "upload_blob", blob)


def for_vm(world: World, vm: records.Vm, spec: Mapping[str, Json]) -> dict[str, Json]:
    """The agent's part of a spec, signed URLs added for agents without blobstore credentials."""
    sent = for_agent(spec)
    if not vm_env.signs_urls(world.config, vm.stemcell_api_version):
        return sent
    packages = {name: _signed(world, package) for name, package in (sent.get("packages") or {}).items()}
    archive = sent.get("rendered_templates_archive") or {}
    return {**sent, "packages": packages, "rendered_templates_archive": _signed(world, archive)}


def _signed(world: World, blob: Mapping[str, Json]) -> dict[str, Json]:
    blob_id = blob.get("blobstore_id")
    return {**blob, "signed_url": world.blobs.signed_get_url(blob_id)} if blob_id else dict(blob)
