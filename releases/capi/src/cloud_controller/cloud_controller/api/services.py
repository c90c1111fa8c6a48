"""Service instances (user-provided), credential and route bindings; what brokers offer, as far as it is known."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, flags, processes
from cloud_controller.actions import services as actions
from cloud_controller.api import includes
from cloud_controller.api.catalog import picked
from cloud_controller.api.listing import Included, Listing, answer, one
from cloud_controller.auth.access import within
from cloud_controller.filters import one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body, given, or_else
from cloud_controller.presenters import services as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

_I, _B, _RB = t.service_instances.c, t.service_credential_bindings.c, t.service_route_bindings.c


def _spaces(call: Call, records: list[Record], fields: list[str]) -> Included:
    found = call.store.many(t.spaces, (record["space_guid"] for record in records))
    rows = [
        {
            **{name: space[name] for name in fields if name in space},
            "relationships": {"organization": {"data": {"guid": space["organization_guid"]}}},
        }
        for space in found.values()
    ]
    return {"spaces": rows}


def _organizations(call: Call, records: list[Record], fields: list[str]) -> Included:
    spaces = call.store.many(t.spaces, (record["space_guid"] for record in records))
    found = call.store.many(t.organizations, (space["organization_guid"] for space in spaces.values()))
    return {"organizations": picked(list(found.values()), fields)}


def _plans(call: Call, records: list[Record], fields: list[str]) -> Included:
    found = call.store.many(t.service_plans, (record.get("service_plan_guid") for record in records))
    rows = [
        {
            **{name: plan[name] for name in fields if name in plan},
            "relationships": {"service_offering": {"data": {"guid": plan["service_offering_guid"]}}},
        }
        for plan in found.values()
    ]
    return {"service_plans": rows}


def _offering_records(call: Call, records: list[Record]) -> list[Record]:
    plans = call.store.many(t.service_plans, (record.get("service_plan_guid") for record in records))
    return list(
        call.store.many(t.service_offerings, (plan["service_offering_guid"] for plan in plans.values())).values()
    )


def _offerings(call: Call, records: list[Record], fields: list[str]) -> Included:
    rows = [
        {
            **{name: offering[name] for name in fields if name in offering},
            "relationships": {"service_broker": {"data": {"guid": offering["service_broker_guid"]}}},
        }
        for offering in _offering_records(call, records)
    ]
    return {"service_offerings": rows}


def _brokers(call: Call, records: list[Record], fields: list[str]) -> Included:
    found = call.store.many(
        t.service_brokers, (offering["service_broker_guid"] for offering in _offering_records(call, records))
    )
    return {"service_brokers": picked(list(found.values()), fields)}


INSTANCES = Listing(
    "service_instance",
    t.service_instances,
    bodies.instances,
    filters={
        "names": one_of(_I.name),
        "type": one_of(_I.type),
        "space_guids": one_of(_I.space_guid),
        "organization_guids": within_filter(_I.space_guid, t.spaces.c.guid, t.spaces.c.organization_guid),
        "service_plan_guids": one_of(_I.service_plan_guid),
        "service_plan_names": within_filter(_I.service_plan_guid, t.service_plans.c.guid, t.service_plans.c.name),
    },
    orders=("name",),
    fields={
        "space": _spaces,
        "space.organization": _organizations,
        "service_plan": _plans,
        "service_plan.service_offering": _offerings,
        "service_plan.service_offering.service_broker": _brokers,
    },
)


def _visible(call: Call) -> list[sa.ColumnElement[bool]]:
    spaces = call.access.readable_spaces()
    if spaces is None:
        return []
    shares = t.service_instance_shares.c
    shared = sa.select(shares.service_instance_guid).where(shares.space_guid.in_(spaces))
    return [sa.or_(*within(_I.space_guid, spaces), _I.guid.in_(shared))]


def index(call: Call) -> Reply:
    """List instances."""
    return answer(call, INSTANCES, *_visible(call))


def _settings(call: Call, body: Body) -> Record:
    credentials, tags = body.mapping("credentials"), body.strings("tags")
    drain, route_service = body.text("syslog_drain_url"), body.text("route_service_url")
    if isinstance(route_service, str) and route_service and not route_service.startswith("https://"):
        body.note("Route service url must be https")
    sealed = {"credentials_sealed": call.store.vault.seal(credentials)} if isinstance(credentials, dict) else {}
    return {**given(tags=tags, syslog_drain_url=drain, route_service_url=route_service), **sealed}


_FIELDS = (
    "type",
    "name",
    "relationships",
    "credentials",
    "tags",
    "syslog_drain_url",
    "route_service_url",
    "parameters",
    "metadata",
    "maintenance_info",
)


def create(call: Call) -> Reply:
    """Create an instance."""
    body = Body(call.json(), _FIELDS)
    kind, name, space_guid = body.choice("type", ("managed", "user-provided")), body.name(), body.to_one("space")
    settings, metadata = _settings(call, body), body.metadata()
    body.finish()
    space = call.store.find(t.spaces, space_guid)
    if space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    flags.require(call.store, call.who, "service_instance_creation")
    call.access.require_space(space, "manage_services")
    if kind != "user-provided":
        raise errors.unprocessable(
            "Invalid service plan. Ensure that the service plan exists, is available, and you have access to it."
        )
    made = actions.create_user_provided(call.store, call.who, space, name, **settings)
    labels.change(call.store, "service_instance", made["guid"], metadata)
    return one(call, INSTANCES, made, 201)


def _instance(call: Call, deed: str = "read") -> tuple[Record, Record]:
    found = call.store.first(sa.select(t.service_instances).where(_I.guid == call.params["guid"], *_visible(call)))
    space = call.store.find(t.spaces, found["space_guid"]) if found else None
    if found is None or space is None:
        raise errors.not_found("Service instance")
    if deed != "read":
        call.access.require_space(space, deed)
    return found, space


def show(call: Call) -> Reply:
    """Show an instance."""
    return one(call, INSTANCES, _instance(call)[0])


def update(call: Call) -> Reply:
    """Change an instance; bindings made before keep their credentials until the apps are bound anew."""
    instance, space = _instance(call, "manage_services")
    body = Body(call.json(), _FIELDS)
    name, settings, metadata = body.new_name(), _settings(call, body), body.metadata()
    body.finish()
    if isinstance(name, str) and name != instance["name"]:
        actions.refuse_taken_name(call.store, space["guid"], name)
        settings["name"] = name
    if settings:
        call.store.change(t.service_instances, instance["guid"], operation_type="update", **settings)
        _hand_on(call, instance["guid"])
    labels.change(call.store, "service_instance", instance["guid"], metadata)
    events.record(
        call.store, call.who, "audit.user_provided_service_instance.update", ("service_instance", instance), space=space
    )
    return show(call)


def _hand_on(call: Call, guid: str) -> None:
    """User-provided credentials belong to the instance: its bindings follow it."""
    instance = call.store.find(t.service_instances, guid) or {}
    call.store.change_where(
        t.service_credential_bindings,
        _B.service_instance_guid == guid,
        credentials_sealed=instance["credentials_sealed"],
        syslog_drain_url=instance["syslog_drain_url"],
    )
    call.store.change_where(
        t.service_route_bindings, _RB.service_instance_guid == guid, route_service_url=instance["route_service_url"]
    )


def remove(call: Call) -> Reply:
    """Delete an instance: at once, as nobody else is asked."""
    instance, _ = _instance(call, "manage_services")
    if call.parameter("purge") == "true":
        call.access.require_admin()
    if actions.bindings_of(call.store, instance["guid"]) and instance["type"] != "user-provided":
        return job_started(
            call, queue.enqueue(call.store, call.who, "service_instance.delete", ("service_instance", instance["guid"]))
        )
    actions.delete_instance(call.store, call.who, instance)
    return no_content()


def credentials(call: Call) -> Reply:
    """What a user-provided instance holds."""
    instance, space = _instance(call)
    call.access.require_space(space, "read_secrets")
    if instance["type"] != "user-provided":
        raise errors.not_found("Service instance")
    return Reply(body=call.store.vault.open_map(instance["credentials_sealed"]))


def parameters(call: Call) -> Reply:
    """What an instance was made with: nobody keeps that for user-provided ones."""
    instance, _ = _instance(call)
    if instance["type"] == "user-provided":
        raise errors.not_found("Service instance")
    raise errors.ApiError(
        400,
        errors.Problem(
            120004,
            "CF-ServiceFetchInstanceParametersNotSupported",
            "This service does not support fetching service instance parameters.",
        ),
    )


def permissions(call: Call) -> Reply:
    """What the caller may do with an instance."""
    _, space = _instance(call)
    return Reply(body={"read": True, "manage": call.access.space(space, "manage_services")})


def shared_spaces(call: Call) -> Reply:
    """The spaces it is shared with."""
    instance, _ = _instance(call)
    shares = t.service_instance_shares.c
    guids = call.store.column(sa.select(shares.space_guid).where(shares.service_instance_guid == instance["guid"]))
    links = {"self": {"href": f"{call.config.url}{call.path}"}}
    return Reply(body={"data": [{"guid": guid} for guid in guids], "links": links})


def share_usage(call: Call) -> Reply:
    """How often it is used in the spaces it is shared with."""
    instance, _ = _instance(call)
    shares = t.service_instance_shares.c
    guids = call.store.column(sa.select(shares.space_guid).where(shares.service_instance_guid == instance["guid"]))
    counts = sa.select(t.apps.c.space_guid, sa.func.count().label("bound")).join(t.apps, t.apps.c.guid == _B.app_guid)
    counts = counts.where(_B.service_instance_guid == instance["guid"]).group_by(t.apps.c.space_guid)
    bound = {row["space_guid"]: row["bound"] for row in call.store.rows(counts)}
    summary = [{"space": {"guid": guid}, "bound_app_count": bound.get(guid, 0)} for guid in guids]
    return Reply(body={"usage_summary": summary, "links": {"self": {"href": f"{call.config.url}{call.path}"}}})


def _instances_of(call: Call, records: list[Record]) -> Included:
    found = call.store.many(t.service_instances, (record["service_instance_guid"] for record in records))
    return {"service_instances": bodies.instances(call, list(found.values()))}


def _routes_of(call: Call, records: list[Record]) -> Included:
    from cloud_controller.presenters import routes as route_bodies

    found = call.store.many(t.routes, (record["route_guid"] for record in records))
    return {"routes": route_bodies.routes(call, list(found.values()))}


BINDINGS = Listing(
    "service_credential_binding",
    t.service_credential_bindings,
    bodies.credential_bindings,
    filters={
        "names": one_of(_B.name),
        "type": one_of(_B.type),
        "app_guids": one_of(_B.app_guid),
        "app_names": within_filter(_B.app_guid, t.apps.c.guid, t.apps.c.name),
        "service_instance_guids": one_of(_B.service_instance_guid),
        "service_instance_names": within_filter(_B.service_instance_guid, _I.guid, _I.name),
    },
    includes={"app": includes.apps_of, "service_instance": _instances_of},
)


def _visible_through(call: Call, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    spaces = call.access.readable_spaces()
    return [] if spaces is None else [column.in_(sa.select(_I.guid).where(_I.space_guid.in_(spaces)))]


def bindings(call: Call) -> Reply:
    """List bindings."""
    return answer(call, BINDINGS, *_visible_through(call, _B.service_instance_guid))


def bind(call: Call) -> Reply:
    """Bind an app, or make a key."""
    body = Body(call.json(), ("type", "name", "relationships", "parameters", "metadata", "strategy"))
    kind, name = body.choice("type", ("app", "key")), or_else(body.text("name", limit=255), "") or None
    instance_guid, metadata = body.to_one("service_instance"), body.metadata()
    app_guid = body.to_one("app") if kind == "app" else None
    if kind == "key" and not name:
        body.note("Name can't be blank")
    body.finish()
    instance = call.store.first(sa.select(t.service_instances).where(_I.guid == instance_guid, *_visible(call)))
    if instance is None:
        raise errors.unprocessable(f"The service instance could not be found: '{instance_guid}'")
    made = _bind_app(call, instance, app_guid, name) if kind == "app" else _bind_key(call, instance, name or "")
    labels.change(call.store, "service_credential_binding", made["guid"], metadata)
    return one(call, BINDINGS, made, 201)


def _bind_app(call: Call, instance: Record, app_guid: str | None, name: str | None) -> Record:
    app = call.store.find(t.apps, app_guid)
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if app is None or space is None or not call.access.space(space, "read"):
        raise errors.unprocessable(f"The app could not be found: '{app_guid}'")
    call.access.require_space(space, "bind_services")
    if app["space_guid"] != instance["space_guid"]:
        raise errors.unprocessable("The service instance and the app are in different spaces")
    return actions.bind_app(call.store, call.who, instance, app, name)


def _bind_key(call: Call, instance: Record, name: str) -> Record:
    space = call.store.find(t.spaces, instance["space_guid"]) or {}
    call.access.require_space(space, "bind_services")
    return actions.bind_key(call.store, instance, name)


def _binding(call: Call, deed: str = "read") -> tuple[Record, Record]:
    query = sa.select(t.service_credential_bindings).where(
        _B.guid == call.params["guid"], *_visible_through(call, _B.service_instance_guid)
    )
    found = call.store.first(query)
    instance = call.store.find(t.service_instances, found["service_instance_guid"]) if found else None
    space = call.store.find(t.spaces, instance["space_guid"]) if instance else None
    if found is None or space is None:
        raise errors.not_found("Service credential binding")
    if deed != "read":
        call.access.require_space(space, deed)
    return found, space


def show_binding(call: Call) -> Reply:
    """Show a binding."""
    return one(call, BINDINGS, _binding(call)[0])


def update_binding(call: Call) -> Reply:
    """Label a binding."""
    binding, _ = _binding(call, "bind_services")
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "service_credential_binding", binding["guid"], metadata)
    return one(call, BINDINGS, binding)


def binding_details(call: Call) -> Reply:
    """The credentials of a binding."""
    binding, space = _binding(call)
    call.access.require_space(space, "read_secrets")
    drain = {"syslog_drain_url": binding["syslog_drain_url"]} if binding["syslog_drain_url"] else {}
    shown = {"credentials": call.store.vault.open_map(binding["credentials_sealed"]), **drain}
    return Reply(body={**shown, "volume_mounts": binding["volume_mounts"] or []})


def unbind(call: Call) -> Reply:
    """Take a binding away: at once for user-provided instances."""
    binding, _ = _binding(call, "bind_services")
    actions.unbind(call.store, call.who, binding)
    return no_content()


ROUTE_BINDINGS = Listing(
    "service_route_binding",
    t.service_route_bindings,
    bodies.route_bindings,
    filters={
        "route_guids": one_of(_RB.route_guid),
        "service_instance_guids": one_of(_RB.service_instance_guid),
        "service_instance_names": within_filter(_RB.service_instance_guid, _I.guid, _I.name),
    },
    includes={"service_instance": _instances_of, "route": _routes_of},
)


def route_bindings(call: Call) -> Reply:
    """List route bindings."""
    return answer(call, ROUTE_BINDINGS, *_visible_through(call, _RB.service_instance_guid))


def bind_route(call: Call) -> Reply:
    """Let a route's requests pass through a service first."""
    body = Body(call.json(), ("relationships", "parameters", "metadata"))
    route_guid, instance_guid, metadata = body.to_one("route"), body.to_one("service_instance"), body.metadata()
    body.finish()
    instance = call.store.first(sa.select(t.service_instances).where(_I.guid == instance_guid, *_visible(call)))
    route = call.store.find(t.routes, route_guid)
    if instance is None or route is None or route["space_guid"] != instance["space_guid"]:
        raise errors.unprocessable("The service instance and the route must exist in the same space.")
    call.access.require_space(call.store.find(t.spaces, route["space_guid"]) or {}, "bind_services")
    if not instance["route_service_url"]:
        raise errors.unprocessable("This service instance does not support route binding.")
    if call.store.find_by(t.service_route_bindings, route_guid=route["guid"], service_instance_guid=instance["guid"]):
        problem = errors.Problem(
            130008, "CF-ServiceInstanceAlreadyBoundToSameRoute", "The route and service instance are already bound."
        )
        raise errors.ApiError(422, problem)
    if call.store.find_by(t.service_route_bindings, route_guid=route["guid"]):
        raise errors.unprocessable("A route may only be bound to a single service instance")
    made = call.store.insert(
        t.service_route_bindings,
        route_guid=route["guid"],
        service_instance_guid=instance["guid"],
        route_service_url=instance["route_service_url"],
        operation_type="create",
        **actions.SUCCEEDED,
    )
    labels.change(call.store, "service_route_binding", made["guid"], metadata)
    _tell_route(call, route["guid"])
    return one(call, ROUTE_BINDINGS, made, 201)


def _tell_route(call: Call, guid: str) -> None:
    d = t.destinations.c
    processes.touched(call.store, set(call.store.column(sa.select(d.app_guid).where(d.route_guid == guid))))


def _route_binding(call: Call) -> Record:
    found = call.store.find(t.service_route_bindings, call.params["guid"])
    route = call.store.find(t.routes, found["route_guid"]) if found else None
    space = call.store.find(t.spaces, route["space_guid"]) if route else None
    if found is None or space is None or not call.access.space(space, "read"):
        raise errors.not_found("Service route binding")
    return {**found, "space": space}


def show_route_binding(call: Call) -> Reply:
    """Show a route binding."""
    return one(call, ROUTE_BINDINGS, _route_binding(call))


def unbind_route(call: Call) -> Reply:
    """Let a route's requests go straight again."""
    binding = _route_binding(call)
    call.access.require_space(binding["space"], "bind_services")
    labels.forget(call.store, "service_route_binding", [binding["guid"]])
    call.store.remove(t.service_route_bindings, binding["guid"])
    _tell_route(call, binding["route_guid"])
    return no_content()


_INSTANCE, _BINDING = "/v3/service_instances/{guid}", "/v3/service_credential_bindings/{guid}"
ROUTES: list[Route] = [
    get("/v3/service_instances", index),
    post("/v3/service_instances", create),
    get(_INSTANCE, show),
    patch(_INSTANCE, update),
    delete(_INSTANCE, remove),
    get(f"{_INSTANCE}/credentials", credentials),
    get(f"{_INSTANCE}/parameters", parameters),
    get(f"{_INSTANCE}/permissions", permissions),
    get(f"{_INSTANCE}/relationships/shared_spaces", shared_spaces),
    get(f"{_INSTANCE}/relationships/shared_spaces/usage_summary", share_usage),
    get("/v3/service_credential_bindings", bindings),
    post("/v3/service_credential_bindings", bind),
    get(_BINDING, show_binding),
    patch(_BINDING, update_binding),
    delete(_BINDING, unbind),
    get(f"{_BINDING}/details", binding_details),
    get("/v3/service_route_bindings", route_bindings),
    post("/v3/service_route_bindings", bind_route),
    get("/v3/service_route_bindings/{guid}", show_route_binding),
    delete("/v3/service_route_bindings/{guid}", unbind_route),
]
