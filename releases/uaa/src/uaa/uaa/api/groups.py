"""``/Groups``: what users may do (uaa: scim/endpoints/ScimGroupEndpoints.java)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from uaa import authentication, scim
from uaa.api.lists import invalid_filter, version, wanted
from uaa.context import Uaa
from uaa.errors import ScimError, invalid_scim, scim_exists, scim_not_found
from uaa.errors import scim as scim_fault
from uaa.filters import FilterError
from uaa.records import UAA, ExternalGroup, Group, Member
from uaa.store import groups, users
from uaa.web import Call, Reply, json_reply


def create(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write", "groups.update")
    content = call.json(dict[str, Any])
    now = uaa.now_ms()
    group = Group(uaa.system.new_id(), _name(content), content.get("description"), now, now)
    with uaa.db.transaction() as connection:
        groups.add(connection, group)
        for member, _goes in scim.read_members(content):
            _check(connection, member, group.id)
            groups.join(connection, group.id, member)
        shown = _show(connection, group)
    uaa.note("GroupCreated", group_id=group.id, name=group.name)
    return json_reply(shown, 201, _tag(group))


def get(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    with uaa.db.reading() as connection:
        group = groups.get(connection, call.places["group"])
        return json_reply(_show(connection, group), headers=_tag(group))


def search(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    asked = wanted(call, sort_by="created")
    with uaa.db.reading() as connection:
        try:
            found, total = groups.page(
                connection,
                asked.condition,
                sort_by=asked.sort_by,
                ascending=asked.ascending,
                start=asked.offset,
                count=asked.count,
            )
        except FilterError as error:
            raise invalid_filter(call.query.get("filter", "")) from error
        shown = [_show(connection, group) for group in found]
    return json_reply(scim.page(shown, start=asked.start, count=asked.count, total=total, attributes=asked.attributes))


def put(uaa: Uaa, call: Call) -> Reply:
    """Replace a group's name, description and members."""
    authentication.require(uaa, call, "scim.write", "groups.update")
    content = call.json(dict[str, Any])
    members = [member for member, goes in scim.read_members(content) if not goes]
    return _update(uaa, call, name=_name(content), description=content.get("description"), members=members)


def patch(uaa: Uaa, call: Call) -> Reply:
    """Change what the body names; members are added, or removed with ``operation: delete``."""
    authentication.require(uaa, call, "scim.write", "groups.update")
    content = call.json(dict[str, Any])
    dropped = {str(name).lower() for name in (content.get("meta") or {}).get("attributes") or ()}
    with uaa.db.reading() as connection:
        group = groups.get(connection, call.places["group"])
        before = () if "members" in dropped else groups.members(connection, group.id)
    kept = {member.id: member for member in before}
    for member, goes in scim.read_members(content):
        if goes:
            kept.pop(member.id, None)
        else:
            kept[member.id] = member
    description = None if "description" in dropped else group.description
    return _update(
        uaa,
        call,
        name=_name({"displayName": content.get("displayName") or group.name}),
        description=content.get("description", description),
        members=list(kept.values()),
    )


def _update(uaa: Uaa, call: Call, *, name: str, description: Any, members: Sequence[Member]) -> Reply:
    with uaa.db.transaction() as connection:
        before = groups.get(connection, call.places["group"])
        after = replace(
            before,
            name=name,
            description=None if description is None else str(description),
            version=version(call, before.version, needed=True),
        )
        stored = groups.put(connection, after, now_ms=uaa.now_ms())
        for member in members:
            _check(connection, member, stored.id)
        groups.replace_members(connection, stored.id, members)
        shown = _show(connection, stored)
    uaa.note("GroupModified", group_id=stored.id, name=stored.name)
    return json_reply(shown, headers=_tag(stored))


def delete(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write")
    with uaa.db.transaction() as connection:
        group = groups.get(connection, call.places["group"])
        if version(call, group.version, needed=False) != group.version:
            raise scim_exists(f"error deleting group: {group.id}")
        shown = _show(connection, group)
        groups.remove(connection, group.id)
    uaa.note("GroupDeleted", group_id=group.id, name=group.name)
    return json_reply(shown, headers=_tag(group))


# --- members -----------------------------------------------------------------------------------------------------------------------


def members(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    whole = call.query.get("returnEntities", "false").lower() == "true"
    with uaa.db.reading() as connection:
        group = groups.get(connection, call.places["group"])
        found = groups.members(connection, group.id)
        return json_reply([_member(connection, member, whole=whole) for member in found])


def _member(connection: Connection, member: Member, *, whole: bool) -> dict[str, Any]:
    shown = scim.show_member(member)
    if not whole:
        return shown
    if member.kind == "GROUP":
        return {**shown, "entity": _show(connection, groups.get(connection, member.id))}
    return {**shown, "entity": scim.show_user(users.get(connection, member.id))}


def member(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    with uaa.db.reading() as connection:
        return json_reply(scim.show_member(_find(connection, call)))


def add_member(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write", "groups.update")
    joining = scim.read_member(call.json(dict[str, Any]))
    with uaa.db.transaction() as connection:
        group = groups.get(connection, call.places["group"])
        _check(connection, joining, group.id)
        if not groups.join(connection, group.id, joining):
            raise _already(group, joining)
    uaa.note("GroupModified", group_id=group.id, joined=joining.id)
    return json_reply(scim.show_member(joining), 201)


def _already(group: Group, joining: Member) -> Exception:
    return ScimError(409, "member_already_exists", f"Member {joining.id} is in the group {group.name} already")


def remove_member(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write", "groups.update")
    with uaa.db.transaction() as connection:
        leaving = _find(connection, call)
        groups.leave(connection, call.places["group"], leaving.id)
    uaa.note("GroupModified", group_id=call.places["group"], left=leaving.id)
    return json_reply(scim.show_member(leaving))


def _find(connection: Connection, call: Call) -> Member:
    group = groups.get(connection, call.places["group"])
    wanted_id = call.places["member"]
    found = next((item for item in groups.members(connection, group.id) if item.id == wanted_id), None)
    if found is None:
        raise scim_not_found(f"Member {wanted_id} does not exist in group {group.id}")
    return found


def _check(connection: Connection, joining: Member, group_id: str) -> None:
    if joining.id == group_id:
        raise invalid_scim("Trying to add a group to itself: a group cannot contain itself.")
    if joining.kind == "GROUP":
        groups.get(connection, joining.id)
    elif users.find(connection, joining.id) is None:
        raise invalid_scim(f"Invalid group member: {joining.id}")


# --- groups of other origins ---------------------------------------------------------------------------------------------------------


def list_external(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    origin, name = call.query.get("origin"), call.query.get("externalGroup")
    asked = wanted(call, sort_by="displayName")
    with uaa.db.reading() as connection:
        found = [
            _show_external(connection, item)
            for item in groups.external(connection)
            if origin in {None, item.origin} and name in {None, item.external_group}
        ]
    shown = found[asked.offset : asked.offset + asked.count]
    return json_reply(scim.page(shown, start=asked.start, count=len(shown), total=len(found)))


def map_external(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write")
    content = call.json(dict[str, Any])
    with uaa.db.transaction() as connection:
        mapping = ExternalGroup(
            _group_id(connection, content.get("groupId"), content.get("displayName")),
            str(content.get("externalGroup") or "").lower(),
            str(content.get("origin") or "ldap"),
        )
        if not mapping.external_group:
            raise scim_fault("externalGroup must not be null")
        if not groups.map_external(connection, mapping):
            raise scim_exists("The mapping exists already")
        return json_reply(_show_external(connection, mapping), 201)


def unmap_external(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write")
    with uaa.db.transaction() as connection:
        mapping = ExternalGroup(
            _group_id(connection, call.places.get("group"), call.places.get("name")),
            call.places["external"].lower(),
            call.places.get("origin", "ldap"),
        )
        if not groups.unmap_external(connection, mapping):
            raise scim_not_found("The mapping does not exist")
        return json_reply(_show_external(connection, mapping))


def _group_id(connection: Connection, group_id: Any, name: Any) -> str:
    if group_id:
        return groups.get(connection, str(group_id)).id
    found = groups.by_name(connection, str(name or ""))
    if found is None:
        raise scim_not_found(f"Group not found:{name}")
    return found.id


def _show_external(connection: Connection, item: ExternalGroup) -> dict[str, Any]:
    name = groups.get(connection, item.group_id).name
    return {
        "groupId": item.group_id,
        "displayName": name,
        "externalGroup": item.external_group,
        "origin": item.origin,
        "zoneId": UAA,
        "schemas": list(scim.SCHEMAS),
    }


# --- shared ------------------------------------------------------------------------------------------------------------------------


def _name(content: dict[str, Any]) -> str:
    name = content.get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise invalid_scim("A group name must be provided.")
    return name.strip()


def _show(connection: Connection, group: Group) -> dict[str, Any]:
    return scim.show_group(group, groups.members(connection, group.id))


def _tag(group: Group) -> tuple[tuple[str, str], ...]:
    return (("etag", f'"{group.version}"'),)
