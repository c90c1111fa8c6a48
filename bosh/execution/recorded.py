"""Instances as they were last deployed, for what acts on one of them without a manifest (bosh: instance_plan_from_db.rb).

Values come from the record: the spec, cloud properties and env that its VM had, and the variable set it was deployed with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deployment_variables import DeploymentVariables
from bosh.execution.world import World, world_of
from bosh.inventory.catalog import read_catalog
from bosh.manifest.model import Amount, Catalog, Json, StemcellChoice, Update, VmRequest, WatchTime
from bosh.plan.model import LaidInstance, Reservation
from bosh.state import records
from bosh.state.contract import Store
from bosh.variables.service import Variables
from bosh.wire.errors import InstanceNotFound, StemcellNotFound


def find_instance(store: Store, deployment: str, instance_uuid: str) -> records.Instance:
    """Raises InstanceNotFound when the deployment has no such instance."""
    row = store.instances.get(uuid=instance_uuid, deployment=deployment)
    if row is None:
        raise InstanceNotFound(f"Instance '{instance_uuid}' of deployment '{deployment}' doesn't exist")
    return row


def world_of_instance(context: TaskContext, row: records.Instance) -> World:
    """The task's world with the variables the instance was deployed with."""
    service = Variables(context.store, context.clock, director=context.config.name)
    variables = DeploymentVariables(
        service, row.deployment, set_id=row.variable_set, previous_set=row.variable_set, writable=False
    )
    world = world_of(context, resolve=variables.resolve)
    return replace(world, catalog=read_catalog(context.store), variable_set=row.variable_set)


def vm_of(store: Store, instance_uuid: str) -> records.Vm | None:
    """The instance's VM, if it has one."""
    return next((vm for vm in store.vms.list(instance_uuid=instance_uuid, active=True) if vm.cid), None)


def recorded_instance(world: World, row: records.Instance, *, cpi: str) -> LaidInstance:
    """The instance as it was laid out when it was last deployed; its jobs and packages are in its spec alone.

    Args:
        cpi: of the instance's AZ.

    Raises:
        StemcellNotFound: 50003, its stemcell was deleted meanwhile.
    """
    spec: Mapping[str, Any] = row.spec
    addresses = world.store.ips.list(instance_uuid=row.uuid)
    return LaidInstance(
        id=row.uuid,
        group=row.group,
        index=row.index,
        az=row.az,
        bootstrap=row.bootstrap,
        lifecycle=cast("Any", row.lifecycle),
        state=cast("Any", row.state),
        stemcell=stemcell_of(world.catalog, spec.get("stemcell") or {}, cpi),
        vm=VmRequest(cloud_properties=row.cloud_properties),
        cpi=cpi,
        cloud_properties=row.cloud_properties,
        env=spec.get("env") or row.env,
        jobs=(),
        packages=(),
        reservations=tuple(Reservation(one.network, one.ip, cast("Any", one.kind)) for one in addresses),
        network_settings=spec.get("networks") or {},
        disks=(),
        update=update_of(spec.get("update") or {}),
        address=str(spec.get("address") or ""),
        ip=str(spec.get("ip") or ""),
        dns_domain=str(spec.get("dns_domain_name") or world.config.dns_domain),
        tags=row.tags,
    )


def stemcell_of(catalog: Catalog, recorded: Mapping[str, Json], cpi: str) -> StemcellChoice:
    """The stemcell a spec names. Raises StemcellNotFound."""
    name, version = str(recorded.get("name") or ""), str(recorded.get("version") or "")
    images = [one for one in catalog.stemcells if one.name == name and one.version == version]
    for image in sorted(images, key=lambda one: one.cpi != cpi):
        return StemcellChoice("", image.os, image.name, image.version, image.api_version)
    raise StemcellNotFound(
        f"Stemcell '{name}/{version}' was not found", resolution="Upload it again, or deploy with another stemcell."
    )


def update_of(recorded: Mapping[str, Json]) -> Update:
    """The ``update`` section of a spec (``plan.apply_spec.update_json`` wrote it)."""
    return Update(
        canaries=_amount(recorded.get("canaries", "1")),
        max_in_flight=_amount(recorded.get("max_in_flight", "1")),
        canary_watch_time=_watch(recorded.get("canary_watch_time", "0-300000")),
        update_watch_time=_watch(recorded.get("update_watch_time", "0-300000")),
        serial=bool(recorded.get("serial", True)),
        vm_strategy=recorded.get("vm_strategy", "delete-create"),
    )


def _amount(text: Json) -> Amount:
    return Amount(int(str(text).rstrip("%")), percent=str(text).endswith("%"))


def _watch(text: Json) -> WatchTime:
    low, _, high = str(text).partition("-")
    return WatchTime(int(low), int(high or low))


def cpi_of_az(cloud_configs: Iterable[str], az: str) -> str:
    """The CPI that cloud configs name for an AZ; empty for the default one."""
    import yaml

    for text in cloud_configs:
        for entry in (yaml.safe_load(text) or {}).get("azs") or ():
            if entry.get("name") == az:
                return str(entry.get("cpi") or "")
    return ""
