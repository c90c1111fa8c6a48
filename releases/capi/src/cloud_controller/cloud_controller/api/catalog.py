"""What service brokers offer, as far as it is known here: brokers, offerings, plans."""

from __future__ import annotations

from cloud_controller import errors
from cloud_controller.api import lookup
from cloud_controller.api.listing import Included, Listing, answer, one
from cloud_controller.filters import boolean, one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.presenters import services as bodies
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, get


def picked(records: list[Record], fields: list[str]) -> list[Record]:
    """The named values of records."""
    return [{name: record[name] for name in fields if name in record} for record in records]


_P, _O = t.service_plans.c, t.service_offerings.c
BROKERS = Listing(
    "service_broker",
    t.service_brokers,
    bodies.brokers,
    filters={"names": one_of(t.service_brokers.c.name), "space_guids": one_of(t.service_brokers.c.space_guid)},
    orders=("name",),
)
OFFERINGS = Listing(
    "service_offering",
    t.service_offerings,
    bodies.offerings,
    filters={
        "names": one_of(_O.name),
        "available": boolean(_O.available, "Available"),
        "service_broker_guids": one_of(_O.service_broker_guid),
        "service_broker_names": within_filter(
            _O.service_broker_guid, t.service_brokers.c.guid, t.service_brokers.c.name
        ),
    },
    orders=("name",),
    fields={
        "service_broker": lambda call, records, fields: {
            "service_brokers": picked(
                list(call.store.many(t.service_brokers, (r["service_broker_guid"] for r in records)).values()), fields
            )
        }
    },
    extras=frozenset({"space_guids", "organization_guids"}),
)


def _offering_of_plans(call: Call, records: list[Record]) -> Included:
    found = call.store.many(t.service_offerings, (record["service_offering_guid"] for record in records))
    return {"service_offerings": bodies.offerings(call, list(found.values()))}


def _broker_of_plans(call: Call, records: list[Record], fields: list[str]) -> Included:
    offerings = call.store.many(t.service_offerings, (record["service_offering_guid"] for record in records))
    found = call.store.many(t.service_brokers, (offering["service_broker_guid"] for offering in offerings.values()))
    return {"service_brokers": picked(list(found.values()), fields)}


PLANS = Listing(
    "service_plan",
    t.service_plans,
    bodies.plans,
    filters={
        "names": one_of(_P.name),
        "available": boolean(_P.available, "Available"),
        "service_offering_guids": one_of(_P.service_offering_guid),
        "service_offering_names": within_filter(_P.service_offering_guid, _O.guid, _O.name),
    },
    orders=("name",),
    includes={
        "service_offering": _offering_of_plans,
        "space.organization": lambda _call, _records: {"spaces": [], "organizations": []},
    },
    fields={"service_offering.service_broker": _broker_of_plans},
    extras=frozenset({"service_broker_names", "service_broker_guids", "space_guids", "organization_guids"}),
)


def brokers(call: Call) -> Reply:
    """List brokers."""
    visible = [] if call.who.reads_everything else lookup.visible_in_space(call, t.service_brokers.c.space_guid)
    return answer(call, BROKERS, *visible)


def offerings(call: Call) -> Reply:
    """List what brokers offer."""
    return answer(call, OFFERINGS)


def plans(call: Call) -> Reply:
    """List in which sizes."""
    return answer(call, PLANS)


def show_broker(call: Call) -> Reply:
    """Show a broker."""
    found = call.store.find(t.service_brokers, call.params["guid"])
    if found is None or not call.who.reads_everything:
        raise errors.not_found("Service broker")
    return one(call, BROKERS, found)


def show_offering(call: Call) -> Reply:
    """Show an offering."""
    return one(call, OFFERINGS, lookup.anybody(call, t.service_offerings, "Service offering"))


def show_plan(call: Call) -> Reply:
    """Show a plan."""
    return one(call, PLANS, lookup.anybody(call, t.service_plans, "Service plan"))


ROUTES: list[Route] = [
    get("/v3/service_brokers", brokers),
    get("/v3/service_brokers/{guid}", show_broker),
    get("/v3/service_offerings", offerings),
    get("/v3/service_offerings/{guid}", show_offering),
    get("/v3/service_plans", plans),
    get("/v3/service_plans/{guid}", show_plan),
]
