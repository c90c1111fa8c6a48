"""``/identity-providers`` and ``/identity-zones``: where users come from, and the one zone there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from uaa import authentication
from uaa.context import Uaa
from uaa.errors import UaaError, not_found
from uaa.records import UAA, Provider
from uaa.store import providers, users
from uaa.web import Call, Reply, json_reply

_TYPES: Final = frozenset({"uaa", "ldap", "saml", "oauth2.0", "oidc1.0", "keystone", "login-server", "unknown"})
_SECRETS: Final = ("relyingPartySecret", "bindPassword")


def search(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "idps.read")
    active = call.query.get("active_only", "false").lower() == "true"
    raw = call.query.get("rawConfig", "false").lower() == "true"
    with uaa.db.reading() as connection:
        found = providers.every(connection, only_active=active)
    if origin := call.query.get("originKey"):
        found = tuple(item for item in found if item.origin == origin)
    return json_reply([_show(item, raw=raw) for item in found])


def get(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "idps.read")
    return json_reply(_show(_find(uaa, call), raw=call.query.get("rawConfig", "false").lower() == "true"))


def create(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "idps.write")
    now = uaa.now_ms()
    made = _read(call, Provider(uaa.system.new_id(), "", "", "", created_ms=now, modified_ms=now))
    with uaa.db.transaction() as connection:
        providers.add(connection, made)
    uaa.note("IdentityProviderCreated", origin=made.origin)
    return json_reply(_show(made), 201)


def put(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "idps.write")
    before = _find(uaa, call)
    after = _read(call, before)
    if (after.origin, after.type) != (before.origin, before.type) and before.origin == UAA:
        raise UaaError(400, "invalid_identity_provider", "The provider uaa stays what it is.")
    with uaa.db.transaction() as connection:
        stored = providers.put(connection, after, now_ms=uaa.now_ms())
    uaa.note("IdentityProviderModified", origin=stored.origin)
    return json_reply(_show(stored))


def delete(uaa: Uaa, call: Call) -> Reply:
    """The provider and its users."""
    authentication.require(uaa, call, "idps.write")
    gone = _find(uaa, call)
    if gone.origin == UAA:
        raise UaaError(400, "invalid_identity_provider", "The provider uaa cannot be deleted.")
    with uaa.db.transaction() as connection:
        providers.remove(connection, gone.id)
        users.remove_origin(connection, gone.origin)
    uaa.note("IdentityProviderDeleted", origin=gone.origin)
    return json_reply(_show(gone))


def _find(uaa: Uaa, call: Call) -> Provider:
    with uaa.db.reading() as connection:
        found = providers.find(connection, call.places["provider"])
    if found is None:
        raise not_found("Provider not found.")
    return found


def _read(call: Call, before: Provider) -> Provider:
    content = call.json(dict[str, Any])
    given = content.get("config") or {}
    try:
        config = msgspec.json.decode(given) if isinstance(given, str) else given
    except msgspec.DecodeError as error:
        raise UaaError(400, "invalid_identity_provider", "config is no JSON") from error
    origin, kind = str(content.get("originKey") or before.origin), str(content.get("type") or before.type)
    if not origin or kind not in _TYPES or not isinstance(config, dict):
        raise UaaError(400, "invalid_identity_provider", f"originKey, and type, one of {sorted(_TYPES)}, must be set")
    # Secrets are not shown, so a client that sends back what it was shown means to keep them.
    kept = {key: before.config[key] for key in _SECRETS if key in before.config and key not in config}
    return replace(
        before,
        origin=origin,
        type=kind,
        name=str(content.get("name") or before.name or origin),
        active=content.get("active", True) is True,
        config={**config, **kept},
    )


def _show(item: Provider, *, raw: bool = False) -> dict[str, Any]:
    config = {key: value for key, value in item.config.items() if key not in _SECRETS}
    return {
        "type": item.type,
        "config": config if raw else msgspec.json.encode(config).decode(),
        "id": item.id,
        "originKey": item.origin,
        "name": item.name,
        "version": item.version,
        "created": item.created_ms,
        "last_modified": item.modified_ms,
        "active": item.active,
        "identityZoneId": UAA,
    }


def zones(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "zones.read", "zones.write", "uaa.admin")
    return json_reply([_zone(uaa)])


def zone(uaa: Uaa, call: Call) -> Reply:
    authentication.require(uaa, call, "zones.read", "zones.write", "uaa.admin")
    if call.places["zone"] != UAA:
        raise not_found(f"Zone[{call.places['zone']}] not found.")
    return json_reply(_zone(uaa))


def _zone(uaa: Uaa) -> dict[str, Any]:
    policy = uaa.config.jwt.policy
    return {
        "id": UAA,
        "subdomain": "",
        "name": uaa.config.zone_name,
        "version": 0,
        "description": "The system zone for backwards compatibility",
        "active": True,
        "created": 946684800000,
        "last_modified": 946684800000,
        "config": {
            "tokenPolicy": {
                "accessTokenValidity": policy.access_token_validity_s,
                "refreshTokenValidity": policy.refresh_token_validity_s,
                "jwtRevocable": uaa.config.jwt.revocable,
                "refreshTokenUnique": uaa.config.jwt.refresh.unique,
                "refreshTokenRotate": uaa.config.jwt.refresh.rotate,
                "refreshTokenFormat": uaa.config.jwt.refresh.format,
                "activeKeyId": uaa.config.active_key_id,
            },
            "userConfig": {"defaultGroups": list(uaa.config.user_groups)},
            "issuer": uaa.config.issuer or uaa.config.url,
        },
    }
