"""Service instances and bindings of the user-provided kind; managed ones need a broker."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events
from cloud_controller.auth.tokens import Identity
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

SUCCEEDED = {"operation_state": "succeeded", "operation_description": None}


def create_user_provided(store: Store, who: Identity, space: Record, name: str, **settings: Any) -> Record:
    """A new instance whose credentials the caller brings.

    Raises:
        ApiError: the name is taken.
    """
    refuse_taken_name(store, space["guid"], name)
    made = store.insert(
        t.service_instances,
        name=name,
        type="user-provided",
        space_guid=space["guid"],
        operation_type="create",
        **SUCCEEDED,
        **settings,
    )
    events.record(store, who, "audit.user_provided_service_instance.create", ("service_instance", made), space=space)
    return made


def refuse_taken_name(store: Store, space_guid: str, name: str) -> None:
    """Raise when an instance of the space has this name; clients know the sentence."""
    if store.find_by(t.service_instances, space_guid=space_guid, name=name):
        raise errors.unprocessable(f"The service instance name is taken: {name}.")


def bind_app(store: Store, who: Identity | None, instance: Record, app: Record, name: str | None) -> Record:
    """Give an app an instance's credentials from its next start on.

    Raises:
        ApiError: they are bound already, or the name is in use.
    """
    if store.find_by(t.service_credential_bindings, service_instance_guid=instance["guid"], app_guid=app["guid"]):
        raise errors.unprocessable("The app is already bound to the service instance")
    if name and store.find_by(t.service_credential_bindings, app_guid=app["guid"], name=name):
        raise errors.unprocessable(
            f"The binding name is invalid. App binding names must be unique. The app already has a binding with name '{name}'."
        )
    made = _bind(store, instance, type="app", app_guid=app["guid"], name=name)
    space = store.find(t.spaces, app["space_guid"])
    target = ("service_binding", {**made, "name": name or ""})
    data = {"app_guid": app["guid"], "service_instance_guid": instance["guid"]}
    events.record(store, who, "audit.service_binding.create", target, space=space, data=data)
    return made


def bind_key(store: Store, instance: Record, name: str) -> Record:
    """Credentials for somebody outside.

    Raises:
        ApiError: the kind has no keys, or the name is taken.
    """
    if instance["type"] == "user-provided":
        raise errors.unprocessable(
            "Service credential bindings of type 'key' are not supported for user-provided service instances."
        )
    if store.find_by(t.service_credential_bindings, service_instance_guid=instance["guid"], name=name, type="key"):
        raise errors.unprocessable(
            f"The binding name is invalid. Key binding names must be unique. The service instance already has a key binding with name '{name}'."
        )
    return _bind(store, instance, type="key", name=name)


def _bind(store: Store, instance: Record, **values: Any) -> Record:
    return store.insert(
        t.service_credential_bindings,
        service_instance_guid=instance["guid"],
        credentials_sealed=instance["credentials_sealed"],
        syslog_drain_url=instance["syslog_drain_url"],
        operation_type="create",
        **SUCCEEDED,
        **values,
    )


def unbind(store: Store, who: Identity | None, binding: Record) -> None:
    """Take credentials back."""
    labels.forget(store, "service_credential_binding", [binding["guid"]])
    store.remove(t.service_credential_bindings, binding["guid"])
    app = store.find(t.apps, binding["app_guid"])
    space = store.find(t.spaces, app["space_guid"]) if app else None
    target = ("service_binding", {**binding, "name": binding["name"] or ""})
    events.record(store, who, "audit.service_binding.delete", target, space=space)


def delete_instance(store: Store, who: Identity | None, instance: Record) -> None:
    """The instance is gone, and its bindings."""
    for binding in bindings_of(store, instance["guid"]):
        unbind(store, who, binding)
    store.remove_where(t.service_route_bindings, t.service_route_bindings.c.service_instance_guid == instance["guid"])
    labels.forget(store, "service_instance", [instance["guid"]])
    store.remove(t.service_instances, instance["guid"])
    space = store.find(t.spaces, instance["space_guid"])
    kind = "user_provided_service_instance" if instance["type"] == "user-provided" else "service_instance"
    events.record(store, who, f"audit.{kind}.delete", ("service_instance", instance), space=space)


def bindings_of(store: Store, instance_guid: str) -> list[Record]:
    """All credential bindings of an instance."""
    table = t.service_credential_bindings
    return store.rows(sa.select(table).where(table.c.service_instance_guid == instance_guid).order_by(table.c.id))


def vcap_services(store: Store, app_guid: str) -> Record:
    """What ``VCAP_SERVICES`` tells an app."""
    table = t.service_credential_bindings
    bindings = store.rows(sa.select(table).where(table.c.app_guid == app_guid).order_by(table.c.id))
    instances = store.many(t.service_instances, (binding["service_instance_guid"] for binding in bindings))
    plans = store.many(t.service_plans, (instance["service_plan_guid"] for instance in instances.values()))
    offerings = store.many(t.service_offerings, (plan["service_offering_guid"] for plan in plans.values()))
    services: dict[str, list[Record]] = {}
    for binding in bindings:
        instance = instances[binding["service_instance_guid"]]
        plan = plans.get(instance["service_plan_guid"] or "")
        offering = offerings.get(plan["service_offering_guid"]) if plan else None
        label = offering["name"] if offering else "user-provided"
        entry = _entry(store, binding, instance, label)
        if plan:
            entry |= {"plan": plan["name"], "provider": None}
        services.setdefault(label, []).append(entry)
    return services


def _entry(store: Store, binding: Record, instance: Record, label: str) -> Record:
    return {
        "label": label,
        "name": binding["name"] or instance["name"],
        "tags": instance["tags"] or [],
        "instance_guid": instance["guid"],
        "instance_name": instance["name"],
        "binding_guid": binding["guid"],
        "binding_name": binding["name"],
        "credentials": store.vault.open_map(binding["credentials_sealed"]),
        "syslog_drain_url": binding["syslog_drain_url"],
        "volume_mounts": binding["volume_mounts"] or [],
    }
