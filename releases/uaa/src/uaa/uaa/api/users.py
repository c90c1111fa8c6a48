"""``/Users``, ``/ids/Users`` and the passwords. Who may: uaa, spring/scim-endpoints.xml; what happens: scim/endpoints/ScimUserEndpoints.java."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from uaa import authentication, passwords, scim, store_access
from uaa.api.lists import invalid_filter, version, wanted
from uaa.authentication import Bearer
from uaa.context import Uaa
from uaa.errors import UaaError, insufficient_scope, invalid_password, invalid_scim, scim_exists
from uaa.errors import scim as scim_fault
from uaa.filters import Both, Comparison, FilterError, Node, comparisons
from uaa.records import UAA, User
from uaa.store import providers, tokens, users
from uaa.web import Call, Reply, json_reply


def create(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write", "scim.create")
    content = call.json(dict[str, Any])
    now = uaa.now_ms()
    blank = User(
        id=uaa.system.new_id(), username="", email="", created_ms=now, modified_ms=now, password_changed_ms=now
    )
    user = scim.read_user(content, blank)
    _refuse_unmanaged(uaa, user.origin)
    if user.origin == UAA:
        user = replace(user, password=_hashed(uaa, content.get("password")))
    with uaa.db.transaction() as connection:
        _check_origin(connection, user.origin)
        users.add(connection, user)
        shown = _show(uaa, connection, user)
    uaa.note("UserCreated", user_id=user.id, username=user.username)
    return json_reply(shown, 201, _tag(user))


def get(uaa: Uaa, call: Call) -> Reply:
    user_id = call.places["user"]
    authentication.require(uaa, call, "scim.read", own_user=user_id)
    with uaa.db.reading() as connection:
        user = users.get(connection, user_id)
        return json_reply(_show(uaa, connection, user), headers=_tag(user))


def search(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.read")
    asked = wanted(call, sort_by="created")
    names = {name.strip().partition(".")[0].lower() for name in (asked.attributes or "").split(",") if name.strip()}
    with uaa.db.reading() as connection:
        try:
            found, total = users.page(
                connection,
                asked.condition,
                sort_by=asked.sort_by,
                ascending=asked.ascending,
                start=asked.offset,
                count=asked.count,
            )
        except FilterError as error:
            raise invalid_filter(f"{call.query.get('filter', '')}] [{asked.sort_by}") from error
        shown = [_show(uaa, connection, user, only=names) for user in found]
    return json_reply(scim.page(shown, start=asked.start, count=asked.count, total=total, attributes=asked.attributes))


def put(uaa: Uaa, call: Call) -> Reply:
    """Replace what a user is. The user itself may change its name but not what it may do."""
    user_id = call.places["user"]
    caller = authentication.require(uaa, call, "scim.write", own_user=user_id)
    return _update(uaa, call, caller, call.json(dict[str, Any]))


def patch(uaa: Uaa, call: Call) -> Reply:
    user_id = call.places["user"]
    caller = authentication.require(uaa, call, "scim.write", own_user=user_id)
    with uaa.db.reading() as connection:
        shown = scim.show_user(users.get(connection, user_id))
    return _update(uaa, call, caller, scim.patch_user(call.json(dict[str, Any]), shown))


def _update(uaa: Uaa, call: Call, caller: Bearer, content: Mapping[str, Any]) -> Reply:
    with uaa.db.transaction() as connection:
        before = users.get(connection, call.places["user"])
        _refuse_unmanaged(uaa, before.origin)
        after = replace(scim.read_user(content, before), version=version(call, before.version, needed=True))
        if after.origin != before.origin:
            raise invalid_scim("Cannot change user's origin in update operation.")
        if not caller.has("scim.write"):
            _refuse_self_promotion(before, after)
        stored = users.put(connection, after, now_ms=uaa.now_ms())
        if not stored.active:
            tokens.close_sessions_of(connection, stored.id)
        shown = _show(uaa, connection, stored)
    uaa.note("UserModified", user_id=stored.id)
    return json_reply(shown, headers=_tag(stored))


def _refuse_self_promotion(before: User, after: User) -> None:
    """Users may rename themselves; the rest is for those who manage users (uaa: ScimUserEndpoints#throwWhenInvalidSelfEdit)."""
    own = replace(after, given_name=before.given_name, family_name=before.family_name, phone=before.phone)
    if own != replace(before, version=after.version):
        raise insufficient_scope("scim.write")


def delete(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write")
    with uaa.db.transaction() as connection:
        user = users.get(connection, call.places["user"])
        _refuse_unmanaged(uaa, user.origin)
        if version(call, user.version, needed=False) != user.version:
            raise scim_exists(f"Attempt to delete a user ({user.id}) with wrong version: expected={user.version}")
        shown = _show(uaa, connection, user)
        users.remove(connection, user.id)
    uaa.note("UserDeleted", user_id=user.id, username=user.username)
    return json_reply(shown, headers=_tag(user))


def status(uaa: Uaa, call: Call) -> Reply:
    """``{"locked": false}`` lets a locked user try again; ``{"passwordChangeRequired": true}`` asks for a new password."""
    authentication.require(uaa, call, "scim.write", "uaa.account_status.write")
    content = call.json(dict[str, Any])
    with uaa.db.transaction() as connection:
        user = users.get(connection, call.places["user"])
        if content.get("locked") is True:
            raise scim_fault(
                "Cannot set user account to locked. User accounts only become locked through exceeding the allowed failed login attempts."
            )
        if content.get("locked") is False:
            tokens.forget_failures(connection, user.id)
        if content.get("passwordChangeRequired") is False:
            raise scim_fault("The requirement that this user change their password cannot be removed via API.")
        if content.get("passwordChangeRequired") is True:
            users.put(connection, replace(user, password_change_required=True), now_ms=uaa.now_ms())
    return json_reply({key: content[key] for key in ("locked", "passwordChangeRequired") if key in content})


def verify(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "scim.write", "scim.create")
    with uaa.db.transaction() as connection:
        before = users.get(connection, call.places["user"])
        at = version(call, before.version, needed=False)
        user = users.put(connection, replace(before, verified=True, version=at), now_ms=uaa.now_ms())
        return json_reply(_show(uaa, connection, user), headers=_tag(user))


def change_password(uaa: Uaa, call: Call) -> Reply:
    """A client with ``password.write``, an administrator, or the user itself with the old one (uaa: account/PasswordChangeEndpoint.java)."""
    user_id = call.places["user"]
    caller = authentication.require(uaa, call, "password.write")
    content = call.json(dict[str, Any])
    with uaa.db.reading() as connection:
        user = users.find(connection, user_id)
    old, new = content.get("oldPassword"), content.get("password")
    _may_change(uaa, caller, user_id, user, old)
    if user is None or user.origin != UAA:
        raise _invalid_change()
    if isinstance(new, str) and uaa.hasher.matches(new, user.password):
        raise invalid_password("Your new password cannot be the same as the old password.", status=422)
    changed = replace(
        user,
        password=_hashed(uaa, new),
        password_changed_ms=uaa.now_ms(),
        password_change_required=False,
    )
    with uaa.db.transaction() as connection:
        users.put(connection, changed, now_ms=uaa.now_ms())
        tokens.close_sessions_of(connection, user_id)
    uaa.note("PasswordChangeSuccess", user_id=user_id)
    return json_reply({"status": "ok", "message": "password updated"})


def _may_change(uaa: Uaa, caller: Bearer, user_id: str, user: User | None, old: Any) -> None:
    if caller.user_id is None:
        return
    own = caller.user_id == user_id
    if caller.is_admin:
        if own and not old:
            raise invalid_password("Previous password is required even for admin")
        if not own:
            return
    elif not own:
        raise invalid_password("Not permitted to change another user's password")
    if not old:
        raise invalid_password("Previous password is required")
    if user is None or not uaa.hasher.matches(str(old), user.password):
        uaa.note("PasswordChangeFailure", user_id=user_id)
        raise UaaError(401, "unauthorized", "Old password is incorrect")


def _invalid_change() -> UaaError:
    return UaaError(401, "unauthorized", "Invalid password change request")


def ids(uaa: Uaa, call: Call) -> Reply:
    """Names of ids and ids of names, for whom may not read users (uaa: scim/endpoints/UserIdConversionEndpoints.java)."""
    authentication.require(uaa, call, "scim.userids")
    if not uaa.config.scim.userids_enabled:
        return json_reply("Illegal Operation: Endpoint not enabled.", 400)
    asked = wanted(call, sort_by="userName")
    if asked.condition is None:
        raise scim_fault("a 'filter' parameter is required")
    _check_ids_filter(asked.condition)
    condition = asked.condition
    if call.query.get("includeInactive", "false").lower() != "true":
        condition = _and_active(condition)
    with uaa.db.reading() as connection:
        found, total = users.page(
            connection,
            condition,
            sort_by="userName",
            ascending=asked.ascending,
            start=asked.offset,
            count=asked.count,
        )
    shown = [{"id": user.id, "userName": user.username, "origin": user.origin} for user in found]
    return json_reply(scim.page(shown, start=asked.start, count=asked.count, total=total))


def _check_ids_filter(condition: Node) -> None:
    named = False
    for item in comparisons(condition):
        if item.operator in {"pr", "sw", "co"}:
            raise scim_fault("Wildcards are not allowed in filter.")
        if item.operator != "eq":
            raise scim_fault("Invalid operator.")
        if item.attribute.lower() not in {"id", "username", "origin"}:
            raise scim_fault("Invalid filter attribute.")
        named = named or item.attribute.lower() != "origin"
    if not named:
        raise scim_fault("Invalid filter attribute.")


def _and_active(condition: Node) -> Node:
    return Both("and", condition, Comparison("active", "eq", value=True))


# --- shared ------------------------------------------------------------------------------------------------------------------------


def _show(uaa: Uaa, connection: Connection, user: User, *, only: set[str] | None = None) -> dict[str, Any]:
    """``only``: attributes that will be shown; groups and approvals are looked up only for them. Empty: all."""
    groups = store_access.memberships(uaa, connection, user.id) if not only or "groups" in only else ()
    approvals = tokens.approvals(connection, user.id) if not only or "approvals" in only else ()
    return scim.show_user(user, groups, approvals)


def _tag(user: User) -> tuple[tuple[str, str], ...]:
    return (("etag", f'"{user.version}"'),)


def _hashed(uaa: Uaa, password: Any) -> str:
    if not isinstance(password, str) or not password:
        raise invalid_password("Password cannot be empty")
    if found := passwords.faults(password, uaa.config.password_policy):
        raise invalid_password(" ".join(found))
    return uaa.hasher.hash(password)


def _refuse_unmanaged(uaa: Uaa, origin: str) -> None:
    if origin == UAA and uaa.config.internal_user_management_disabled:
        raise UaaError(
            403,
            "internal_user_management_disabled",
            "Internal User Creation is currently disabled. External User Store is in use.",
        )


def _check_origin(connection: Connection, origin: str) -> None:
    """Users may come from an origin before its provider is known; one that was switched off takes none."""
    provider = providers.by_origin(connection, origin)
    if provider is not None and not provider.active:
        raise invalid_scim(f"Invalid origin {origin} in Identity Zone {UAA}")
