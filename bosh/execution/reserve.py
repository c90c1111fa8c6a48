"""Write down what the layout gave out (instances, addresses, DNS numbers) before anything uses it, so that no other deployment can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bosh.execution.world import World
from bosh.inventory.dns_ids import new_rows
from bosh.plan.model import Current, CurrentInstance, LaidInstance, Layout
from bosh.state import records


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is new: taken back when the deploy goes no further than planning."""

    instance_ids: tuple[str, ...]
    ips: tuple[str, ...]
    group_names: tuple[str, ...] = ()
    """Keys of new DNS numbers of the deployment's groups and links; those of AZs and networks are everybody's and stay."""


def reserve(world: World, layout: Layout, current: Current, *, task_id: int) -> Reserved:
    """Remember new instances, their addresses and numbers, all or nothing.

    Raises:
        Conflict: another deployment was quicker; what is free must be looked up again.
    """
    known = {instance.id: instance for instance in current.instances}
    fresh = [instance for instance in layout.instances if instance.id not in known]
    rows = list(_new_addresses(world.deployment, layout, known, task_id))
    store = world.store
    numbers = new_rows(current.dns_ids, layout.dns_ids)
    with store.transaction():
        if numbers:
            store.dns_numbers.insert_all(numbers)
        if fresh:
            store.instances.insert_all([_row(world.deployment, instance, layout) for instance in fresh])
        if rows:
            store.ips.insert_all(rows)
        for instance in layout.instances:
            if instance.id in known and _moved(instance, known[instance.id]):
                store.instances.update_where({"uuid": instance.id}, **_place(instance))
            for ip, network in _renamed(instance, known.get(instance.id)):
                store.ips.update_where({"ip": ip, "instance_uuid": instance.id}, network=network)
    groups = tuple(row.key for row in numbers if row.space == "group")
    return Reserved(tuple(instance.id for instance in fresh), tuple(row.ip for row in rows), groups)


def give_back(world: World, reserved: Reserved) -> None:
    """Undo ``reserve``: nothing of it was used."""
    store = world.store
    with store.transaction():
        for ip in reserved.ips:
            store.ips.delete(ip=ip, deployment=world.deployment)
        for instance_id in reserved.instance_ids:
            store.dns_numbers.delete(space="instance", key=instance_id)
            store.instances.delete(uuid=instance_id)
        for key in reserved.group_names:
            store.dns_numbers.delete(space="group", key=key)


def _new_addresses(
    deployment: str, layout: Layout, known: dict[str, CurrentInstance], task_id: int
) -> Iterator[records.IpAddress]:
    for instance in layout.instances:
        held = {one.ip for one in known[instance.id].reservations} if instance.id in known else set()
        for one in instance.reservations:
            if one.ip and one.kind != "dynamic" and one.ip not in held:
                yield records.IpAddress(
                    one.ip, one.network, deployment, instance_uuid=instance.id, kind=one.kind, task_id=task_id
                )


def _renamed(instance: LaidInstance, current: CurrentInstance | None) -> Iterator[tuple[str, str]]:
    """Addresses kept while their network got another name."""
    held = {one.ip: one.network for one in current.reservations} if current else {}
    for one in instance.reservations:
        if one.ip and held.get(one.ip, one.network) != one.network:
            yield one.ip, one.network


def _row(deployment: str, instance: LaidInstance, layout: Layout) -> records.Instance:
    return records.Instance(
        uuid=instance.id,
        deployment=deployment,
        state=instance.state if instance.state != "detached" else "started",
        lifecycle=instance.lifecycle,
        env=dict(instance.env),
        cloud_properties=dict(instance.cloud_properties),
        tags=dict(instance.tags),
        dns_num=layout.dns_ids.instances.get(instance.id, 0),
        **_place(instance),
    )


def _place(instance: LaidInstance) -> dict[str, Any]:
    return {
        "group": instance.group,
        "index": instance.index,
        "az": instance.az,
        "bootstrap": instance.bootstrap,
    }


def _moved(instance: LaidInstance, current: CurrentInstance) -> bool:
    before = (current.group, current.index, current.az, current.bootstrap)
    return before != (instance.group, instance.index, instance.az, instance.bootstrap)
