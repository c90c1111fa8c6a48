"""Service instances, bindings, brokers, offerings and plans."""

from __future__ import annotations

from cloud_controller.clock import stamp
from cloud_controller.presenters.common import href, metadata, times, to_one
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def last_operation(record: Record) -> Record:
    """The ``last_operation`` part of instances and bindings."""
    return {
        "type": record["operation_type"],
        "state": record["operation_state"],
        "description": record["operation_description"],
        "created_at": stamp(record["created_at"]),
        "updated_at": stamp(record["updated_at"]),
    }


def instances(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of service instances."""
    meta = metadata(call, "service_instance", records)
    return [_instance(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _instance(call: Call, record: Record) -> Record:
    guid, base = record["guid"], f"service_instances/{record['guid']}"
    links = {
        "self": href(call, base),
        "space": href(call, f"spaces/{record['space_guid']}"),
        "service_credential_bindings": href(call, f"service_credential_bindings?service_instance_guids={guid}"),
        "service_route_bindings": href(call, f"service_route_bindings?service_instance_guids={guid}"),
    }
    body: Record = {
        **times(record),
        "name": record["name"],
        "type": record["type"],
        "tags": record["tags"] or [],
        "last_operation": last_operation(record),
        "relationships": {"space": to_one(record["space_guid"])},
        "links": links,
    }
    if record["type"] == "user-provided":
        links["credentials"] = href(call, f"{base}/credentials")
        return body | {"syslog_drain_url": record["syslog_drain_url"], "route_service_url": record["route_service_url"]}
    links["service_plan"] = href(call, f"service_plans/{record['service_plan_guid']}")
    links["parameters"] = href(call, f"{base}/parameters")
    links["shared_spaces"] = href(call, f"{base}/relationships/shared_spaces")
    body["relationships"]["service_plan"] = to_one(record["service_plan_guid"])
    return body | {
        "maintenance_info": record["maintenance_info"] or {},
        "upgrade_available": False,
        "dashboard_url": record["dashboard_url"],
    }


def credential_bindings(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of bindings of apps and of keys."""
    meta = metadata(call, "service_credential_binding", records)
    return [_binding(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _binding(call: Call, record: Record) -> Record:
    base, instance, app = (
        f"service_credential_bindings/{record['guid']}",
        record["service_instance_guid"],
        record["app_guid"],
    )
    links = {
        "self": href(call, base),
        "details": href(call, f"{base}/details"),
        "service_instance": href(call, f"service_instances/{instance}"),
    }
    relationships = {"service_instance": to_one(instance)}
    if app:
        links["app"] = href(call, f"apps/{app}")
        relationships["app"] = to_one(app)
    return {
        **times(record),
        "name": record["name"],
        "type": record["type"],
        "last_operation": last_operation(record),
        "relationships": relationships,
        "links": links,
    }


def route_bindings(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of bindings of routes."""
    meta = metadata(call, "service_route_binding", records)
    return [
        {
            **times(record),
            "route_service_url": record["route_service_url"],
            "last_operation": last_operation(record),
            "metadata": meta[record["guid"]],
            "relationships": {
                "service_instance": to_one(record["service_instance_guid"]),
                "route": to_one(record["route_guid"]),
            },
            "links": {
                "self": href(call, f"service_route_bindings/{record['guid']}"),
                "service_instance": href(call, f"service_instances/{record['service_instance_guid']}"),
                "route": href(call, f"routes/{record['route_guid']}"),
            },
        }
        for record in records
    ]


def brokers(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of service brokers."""
    meta = metadata(call, "service_broker", records)
    return [
        {
            **times(record),
            "name": record["name"],
            "url": record["url"],
            "relationships": {"space": to_one(record["space_guid"])} if record["space_guid"] else {},
            "metadata": meta[record["guid"]],
            "links": {
                "self": href(call, f"service_brokers/{record['guid']}"),
                "service_offerings": href(call, f"service_offerings?service_broker_guids={record['guid']}"),
            },
        }
        for record in records
    ]


def offerings(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of service offerings."""
    meta = metadata(call, "service_offering", records)
    names = ("name", "description", "available", "shareable", "documentation_url")
    return [
        {
            **times(record),
            **{name: record[name] for name in names},
            "tags": record["tags"] or [],
            "requires": record["requires"] or [],
            "broker_catalog": record["broker_catalog"] or {},
            "relationships": {"service_broker": to_one(record["service_broker_guid"])},
            "metadata": meta[record["guid"]],
            "links": {
                "self": href(call, f"service_offerings/{record['guid']}"),
                "service_plans": href(call, f"service_plans?service_offering_guids={record['guid']}"),
                "service_broker": href(call, f"service_brokers/{record['service_broker_guid']}"),
            },
        }
        for record in records
    ]


def plans(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of service plans."""
    meta = metadata(call, "service_plan", records)
    names = ("name", "description", "visibility_type", "available", "free")
    return [
        {
            **times(record),
            **{name: record[name] for name in names},
            "costs": record["costs"] or [],
            "maintenance_info": record["maintenance_info"] or {},
            "broker_catalog": record["broker_catalog"] or {},
            "schemas": record["schemas"] or {},
            "relationships": {"service_offering": to_one(record["service_offering_guid"])},
            "metadata": meta[record["guid"]],
            "links": {
                "self": href(call, f"service_plans/{record['guid']}"),
                "service_offering": href(call, f"service_offerings/{record['service_offering_guid']}"),
                "visibility": href(call, f"service_plans/{record['guid']}/visibility"),
            },
        }
        for record in records
    ]
