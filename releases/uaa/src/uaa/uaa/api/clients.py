"""``/oauth/clients`` (uaa: client/ClientAdminEndpoints.java and ClientAdminEndpointsValidator.java)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from uaa import authentication, passwords, scim
from uaa.api.lists import wanted
from uaa.authentication import Bearer
from uaa.context import Uaa
from uaa.errors import UaaError, invalid_client, invalid_request
from uaa.filters import Both, Comparison, Node
from uaa.records import Client
from uaa.seeds import GRANT_TYPES, autoapproval, words
from uaa.store import clients
from uaa.web import Call, Reply, json_reply

_SCHEMA: Final = ("http://cloudfoundry.org/schema/scim/oauth-clients-1.0",)
_WRITE: Final = ("clients.write", "clients.admin")
_READ: Final = ("clients.read", "clients.admin")
_FORBIDDEN_IN_NAMES: Final = "/\\"
_OWN_KEYS: Final = frozenset({
    "client_id", "client_secret", "secondary_client_secret", "scope", "resource_ids", "authorized_grant_types", "redirect_uri",
    "authorities", "access_token_validity", "refresh_token_validity", "autoapprove", "action", "approvals_deleted", "lastModified",
})  # fmt: skip


def create(uaa: Uaa, call: Call) -> Reply:
    caller = authentication.require(uaa, call, *_WRITE)
    with uaa.db.transaction() as connection:
        made = _create(uaa, connection, caller, call.json(dict[str, Any]))
    return json_reply(show(made), 201)


def get(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, *_READ)
    with uaa.db.reading() as connection:
        return json_reply(show(_find(connection, call.places["client"])))


def search(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, *_READ)
    asked = wanted(call, sort_by="client_id")
    with uaa.db.reading() as connection:
        found = [show(client) for client in clients.every(connection)]
    chosen = [item for item in found if asked.condition is None or _holds(asked.condition, item)]
    chosen.sort(key=lambda item: str(scim.pick(item, asked.sort_by) or ""), reverse=not asked.ascending)
    shown = chosen[asked.offset : asked.offset + asked.count]
    page = scim.page(
        shown,
        start=asked.start,
        count=min(asked.count, len(chosen)),
        total=len(chosen),
        attributes=asked.attributes,
        schemas=_SCHEMA,
    )
    return json_reply(page)


def put(uaa: Uaa, call: Call) -> Reply:
    caller = authentication.require(uaa, call, *_WRITE)
    content = {**call.json(dict[str, Any]), "client_id": call.places["client"]}
    with uaa.db.transaction() as connection:
        stored = _put(uaa, connection, caller, content)
    return json_reply(show(stored))


def delete(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, *_WRITE)
    with uaa.db.transaction() as connection:
        gone = _find(connection, call.places["client"])
        clients.remove(connection, [gone.id])
    uaa.note("ClientDeleted", client_id=gone.id)
    return json_reply(show(gone))


def change_secret(uaa: Uaa, call: Call) -> Reply:
    """``changeMode`` is ``UPDATE``, ``ADD`` a second one, or ``DELETE`` the first; a client changes its own with the old one."""
    caller = authentication.require(uaa, call, "clients.secret", "clients.admin")
    content = call.json(dict[str, Any])
    with uaa.db.reading() as connection:
        client = _find(connection, call.places["client"])
    if not (caller.is_admin or caller.has("clients.admin")):
        if client.id != caller.client_id:
            raise invalid_client("Bad request. Not permitted to change another client's secret")
        if not authentication.check_secret(uaa, client, content.get("oldSecret")):
            raise invalid_client("Previous secret is required and must be valid")
    secrets, message = _secrets(uaa, client, content)
    with uaa.db.transaction() as connection:
        clients.put(connection, replace(_find(connection, client.id), secrets=secrets), now_ms=uaa.now_ms())
    uaa.note("SecretChangeSuccess", client_id=client.id)
    return json_reply({"status": "ok", "message": message})


def _secrets(uaa: Uaa, client: Client, content: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    mode = str(content.get("changeMode") or "UPDATE").upper()
    if mode == "DELETE":
        if len(client.secrets) != 2:
            raise invalid_client("client secret is either empty or client has only one secret.")
        return client.secrets[1:], "Secret is deleted"
    hashed = _hashed(uaa, str(content.get("secret") or ""))
    if mode == "ADD":
        if len(client.secrets) != 1:
            raise invalid_client("client secret is either empty or client already has two secrets.")
        return (*client.secrets, hashed), "Secret is added"
    return (hashed,), "secret updated"


def meta(uaa: Uaa, call: Call) -> Reply:
    """How a client shows itself to people."""
    authentication.bearer(uaa, call)
    with uaa.db.reading() as connection:
        return json_reply(_meta(_find(connection, call.places["client"])))


def all_meta(uaa: Uaa, call: Call) -> Reply:
    authentication.bearer(uaa, call)
    with uaa.db.reading() as connection:
        return json_reply([_meta(client) for client in clients.every(connection)])


def put_meta(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, *_WRITE)
    content = call.json(dict[str, Any])
    given = {
        "name": content.get("clientName"),
        "show-on-homepage": content.get("showOnHomePage"),
        "app-launch-url": content.get("appLaunchUrl"),
        "app-icon": content.get("appIcon"),
    }
    with uaa.db.transaction() as connection:
        client = _find(connection, call.places["client"])
        more = {key: value for key, value in {**client.more, **given}.items() if value is not None}
        stored = clients.put(connection, replace(client, more=more), now_ms=uaa.now_ms())
    return json_reply(_meta(stored))


def _meta(client: Client) -> dict[str, Any]:
    found = {
        "clientId": client.id,
        "clientName": client.more.get("name"),
        "showOnHomePage": client.more.get("show-on-homepage") is True,
        "appLaunchUrl": client.more.get("app-launch-url"),
        "appIcon": client.more.get("app-icon"),
    }
    return {key: value for key, value in found.items() if value is not None}


# --- several at once -----------------------------------------------------------------------------------------------------------------


def create_many(uaa: Uaa, call: Call) -> Reply:
    return _many(uaa, call, lambda connection, caller, item: show(_create(uaa, connection, caller, item)), status=201)


def put_many(uaa: Uaa, call: Call) -> Reply:
    return _many(uaa, call, lambda connection, caller, item: show(_put(uaa, connection, caller, item)))


def delete_many(uaa: Uaa, call: Call) -> Reply:
    return _many(uaa, call, lambda connection, _caller, item: _delete(uaa, connection, item))


def modify_many(uaa: Uaa, call: Call) -> Reply:
    """Each with an ``action``: add, update, ``update,secret``, secret or delete. The cloud controller keeps dashboards' clients so."""

    def act(connection: Connection, caller: Bearer, item: dict[str, Any]) -> dict[str, Any]:
        action = str(item.get("action") or "none")
        if action == "add":
            return show(_create(uaa, connection, caller, item), action)
        if action == "delete":
            return _delete(uaa, connection, item)
        if action not in {"update", "update,secret", "secret"}:
            raise invalid_client("Invalid action.")
        stored = _put(uaa, connection, caller, item) if "update" in action else _find(connection, _id(item))
        if "secret" in action:
            hashed = _hashed(uaa, str(item.get("client_secret") or ""))
            stored = clients.put(connection, replace(stored, secrets=(hashed,)), now_ms=uaa.now_ms())
        return show(stored, action)

    return _many(uaa, call, act)


def change_secrets(uaa: Uaa, call: Call) -> Reply:
    def act(connection: Connection, _caller: Bearer, item: dict[str, Any]) -> dict[str, Any]:
        client = _find(connection, str(item.get("clientId") or item.get("client_id") or ""))
        secrets, _message = _secrets(uaa, client, item)
        return show(clients.put(connection, replace(client, secrets=secrets), now_ms=uaa.now_ms()), "secret")

    return _many(uaa, call, act)


_Act = Callable[[Connection, Bearer, dict[str, Any]], dict[str, Any]]


def _many(uaa: Uaa, call: Call, act: _Act, *, status: int = 200) -> Reply:
    """All or none."""
    caller = authentication.require(uaa, call, "clients.admin")
    items = call.json(list[dict[str, Any]])
    if not items:
        raise invalid_client("Message body does not contain any clients.")
    with uaa.db.transaction() as connection:
        done = [act(connection, caller, item) for item in items]
    return json_reply(done, status)


# --- one -----------------------------------------------------------------------------------------------------------------------------


def _create(uaa: Uaa, connection: Connection, caller: Bearer, content: Mapping[str, Any]) -> Client:
    client_id = _id(content)
    if client_id == "zones" or any(letter in client_id for letter in _FORBIDDEN_IN_NAMES):
        raise invalid_client(f"Not allowed: {client_id} is a reserved client_id or has one of {_FORBIDDEN_IN_NAMES}")
    client = read(content, Client(client_id))
    _check(connection, caller, client)
    secret = content.get("client_secret")
    if not secret and "client_credentials" in client.grant_types:
        raise invalid_client("Client secret is required for client_credentials grant type")
    if secret and "implicit" in client.grant_types:
        raise invalid_client("Implicit grant should not have a client_secret")
    second = content.get("secondary_client_secret")
    hashes = [_hashed(uaa, str(item)) for item in (secret, second) if item is not None]
    # No secret given: everybody who says the name is the client, as with cf; public clients have none at all.
    if not hashes and not client.is_public():
        hashes = [uaa.hasher.hash("")]
    stored = clients.add(connection, replace(client, secrets=tuple(hashes)), now_ms=uaa.now_ms())
    uaa.note("ClientCreated", client_id=client_id, by=caller.client_id)
    return stored


def _put(uaa: Uaa, connection: Connection, caller: Bearer, content: Mapping[str, Any]) -> Client:
    before = _find(connection, _id(content))
    after = read(content, Client(before.id, secrets=before.secrets, salt=before.salt))
    if "lastModified" not in content and before.more.get("name") and "name" not in content:
        after = replace(after, more={"name": before.more["name"], **after.more})
    _check(connection, caller, after)
    stored = clients.put(connection, after, now_ms=uaa.now_ms())
    uaa.note("ClientModified", client_id=before.id, by=caller.client_id)
    return stored


def _delete(uaa: Uaa, connection: Connection, content: Mapping[str, Any]) -> dict[str, Any]:
    gone = _find(connection, _id(content))
    clients.remove(connection, [gone.id])
    uaa.note("ClientDeleted", client_id=gone.id)
    return {**show(gone, "delete"), "approvals_deleted": True}


def _find(connection: Connection, client_id: str) -> Client:
    found = clients.find(connection, client_id)
    if found is None:
        raise UaaError(404, "not_found", f"No client with requested id: {client_id}")
    return found


def _id(content: Mapping[str, Any]) -> str:
    client_id = content.get("client_id")
    if not isinstance(client_id, str) or not client_id.strip():
        raise invalid_client("Client id cannot be empty")
    return client_id


def _hashed(uaa: Uaa, secret: str) -> str:
    if found := passwords.faults(secret, uaa.config.client_secret_policy, "Client secret"):
        raise UaaError(400, "invalid_client", " ".join(found))
    return uaa.hasher.hash(secret)


def read(content: Mapping[str, Any], before: Client) -> Client:
    """``before`` with everything that the body says; what it leaves out is empty."""
    grants = words(content.get("authorized_grant_types"))
    if {"authorization_code", "password"} & set(grants):
        grants = tuple(dict.fromkeys((*grants, "refresh_token")))
    return replace(
        before,
        scope=words(content.get("scope")) or ("uaa.none",),
        authorities=words(content.get("authorities")) or ("uaa.none",),
        grant_types=grants,
        redirect_uris=words(content.get("redirect_uri")),
        resource_ids=("none",),
        autoapprove=autoapproval(content.get("autoapprove")),
        access_token_validity_s=_seconds(content, "access_token_validity"),
        refresh_token_validity_s=_seconds(content, "refresh_token_validity"),
        more={key: value for key, value in content.items() if key not in _OWN_KEYS and value is not None},
    )


def _seconds(content: Mapping[str, Any], key: str) -> int | None:
    value = content.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_request(f"{key} must be a number of seconds")
    return value if value > 0 else None


def _check(connection: Connection, caller: Bearer, client: Client) -> None:
    if not client.grant_types:
        raise invalid_client(f"An authorized grant type must be provided. Must be one of: {sorted(GRANT_TYPES)}")
    for grant in client.grant_types:
        if grant not in GRANT_TYPES:
            raise invalid_client(f"{grant} is not an allowed grant type. Must be one of: {sorted(GRANT_TYPES)}")
        if grant in {"authorization_code", "implicit"} and not client.redirect_uris:
            raise invalid_client(f"{grant} grant type requires at least one redirect URL.")
    if not (caller.is_admin or caller.has("clients.admin")):
        _refuse_escalation(clients.find(connection, caller.client_id), client)


def _refuse_escalation(caller: Client | None, client: Client) -> None:
    """Whom nobody made an administrator gives no more than it has."""
    if "password" in client.grant_types:
        raise invalid_client("password is not an allowed grant type for non-admin caller.")
    if {"implicit", "authorization_code"} <= set(client.grant_types):
        raise invalid_client("Not allowed: implicit grant type is not allowed together with authorization_code")
    name, having = (caller.id, caller.scope) if caller else ("", ())
    for scope in client.scope:
        if not (caller and scope.startswith(f"{name}.")) and scope not in having and scope != "uaa.none":
            raise invalid_client(
                f"{scope} is not an allowed scope for caller={name}. Must have prefix in [{name}.] or be one of: {sorted(having)}"
            )
    allowed = {"uaa.none", *({"uaa.resource"} if "client_credentials" in client.grant_types else ())}
    for authority in client.authorities:
        if authority not in allowed:
            raise invalid_client(
                f"{authority} is not an allowed authority for caller={name}. Must be one of: {sorted(allowed)}"
            )


def show(client: Client, action: str = "none") -> dict[str, Any]:
    """Never the secrets. ``redirect_uri`` and the validities are left out where there are none."""
    approve = client.autoapprove
    found: dict[str, Any] = {
        "scope": list(client.scope),
        "client_id": client.id,
        "resource_ids": list(client.resource_ids),
        "authorized_grant_types": list(client.grant_types),
        "redirect_uri": list(client.redirect_uris) or None,
        "autoapprove": (True if approve else []) if isinstance(approve, bool) else list(approve),
        "action": action,
        "authorities": list(client.authorities),
        "access_token_validity": client.access_token_validity_s,
        "refresh_token_validity": client.refresh_token_validity_s,
        "lastModified": client.modified_ms,
    }
    return {**client.more, **{key: value for key, value in found.items() if value is not None}}


# --- filters, over the few clients there are -------------------------------------------------------------------------------------------


def _holds(node: Node, item: Mapping[str, Any]) -> bool:
    if isinstance(node, Both):
        sides = (_holds(node.left, item), _holds(node.right, item))
        return all(sides) if node.operator == "and" else any(sides)
    found = scim.pick(item, node.attribute)
    values: Iterable[Any] = found if isinstance(found, list) else (found,)
    return any(_compares(node, value) for value in values)


def _compares(node: Comparison, value: Any) -> bool:
    if node.operator == "pr":
        return value is not None
    if value is None or node.value is None:
        return node.operator == "eq" and value is node.value
    if isinstance(value, (bool, int)) and isinstance(node.value, (bool, int, float)):
        return _ordered(node.operator, value, node.value)
    have, want = str(value).lower(), str(node.value).lower()
    if node.operator == "co":
        return want in have
    if node.operator == "sw":
        return have.startswith(want)
    return _ordered(node.operator, have, want)


def _ordered(operator: str, have: Any, want: Any) -> bool:
    results: Mapping[str, bool] = {
        "eq": have == want,
        "gt": have > want,
        "ge": have >= want,
        "lt": have < want,
        "le": have <= want,
    }
    return bool(results.get(operator))
