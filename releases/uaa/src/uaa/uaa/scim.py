"""Users and groups as SCIM 1.1 shows them. Pure. Shapes: uaa, model, scim/ScimUser.java and ScimGroup.java."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from uaa.errors import invalid_scim
from uaa.records import UAA, Approval, Group, Member, User

SCHEMAS: Final = ("urn:scim:schemas:core:1.0",)
_USERNAME: Final = re.compile(r"[\w+\-.@'!]+")
_GIVEN_NAMES: Final = {"familyname": "name.familyName", "givenname": "name.givenName"}


def moment(milliseconds: int) -> str:
    """``2024-10-24T12:05:34.000Z``."""
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def show_user(
    user: User, groups: Iterable[tuple[Group, bool]] = (), approvals: Iterable[Approval] = ()
) -> dict[str, Any]:
    """Never the password."""
    name = {"familyName": user.family_name, "givenName": user.given_name}
    found: dict[str, Any] = {
        "id": user.id,
        "externalId": user.external_id,
        "meta": _meta(user),
        "userName": user.username,
        "name": {key: value for key, value in name.items() if value is not None},
        "emails": [{"value": user.email, "primary": False}],
        "groups": [show_membership(group, direct=direct) for group, direct in groups],
        "approvals": [show_approval(item) for item in approvals],
        "phoneNumbers": [{"value": user.phone}] if user.phone else None,
        "active": user.active,
        "verified": user.verified,
        "origin": user.origin,
        "zoneId": UAA,
        "passwordLastModified": moment(user.password_changed_ms),
        "previousLogonTime": user.previous_logon_ms,
        "lastLogonTime": user.last_logon_ms,
        "schemas": list(SCHEMAS),
    }
    return {key: value for key, value in found.items() if value is not None}


def _meta(item: User | Group) -> dict[str, Any]:
    return {"version": item.version, "created": moment(item.created_ms), "lastModified": moment(item.modified_ms)}


def show_membership(group: Group, *, direct: bool) -> dict[str, str]:
    return {"value": group.id, "display": group.name, "type": "DIRECT" if direct else "INDIRECT"}


def show_approval(item: Approval) -> dict[str, Any]:
    return {
        "userId": item.user_id,
        "clientId": item.client_id,
        "scope": item.scope,
        "status": item.status,
        "lastUpdatedAt": moment(item.modified_ms),
        "expiresAt": moment(item.expires_ms),
    }


def show_group(group: Group, members: Iterable[Member]) -> dict[str, Any]:
    found = {
        "id": group.id,
        "meta": _meta(group),
        "displayName": group.name,
        "zoneId": UAA,
        "description": group.description,
        "members": [show_member(member) for member in members],
        "schemas": list(SCHEMAS),
    }
    return {key: value for key, value in found.items() if value is not None}


def show_member(member: Member) -> dict[str, Any]:
    return {"origin": member.origin, "type": member.kind, "value": member.id}


# --- what clients send ---------------------------------------------------------------------------------------------------------------


def read_user(content: Mapping[str, Any], before: User) -> User:
    """``before`` with what the body says; what it leaves out is empty, as a PUT means.

    Raises:
        UaaError: 400 ``invalid_scim_resource`` with the sentence that uaa has for it (scim/util/ScimUtils.java).
    """
    name = _map(content, "name")
    user = replace(
        before,
        username=str(content.get("userName") or "").strip(),
        email=_email(content),
        given_name=_optional(name.get("givenName")),
        family_name=_optional(name.get("familyName")),
        phone=_phone(content),
        active=_flag(content, "active", default=True),
        verified=_flag(content, "verified", default=before.verified),
        external_id=_optional(content.get("externalId")),
        origin=str(content.get("origin") or before.origin),
    )
    if not user.username:
        raise invalid_scim("A username must be provided.")
    if user.origin == UAA and not _USERNAME.fullmatch(user.username):
        raise invalid_scim(r"Username must match pattern: [\p{L}+0-9+\-_.@'!]+")
    return user


def patch_user(content: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the PUT that a PATCH means: what is there, without ``meta.attributes``, with what the patch says."""
    merged = dict(shown)
    for path in _map(content, "meta").get("attributes") or ():
        _drop(merged, str(path))
    for key, value in content.items():
        if key in {"meta", "schemas", "id", "groups", "approvals", "zoneId"} or value is None:
            continue
        merged[key] = {**_map(merged, "name"), **value} if key == "name" and isinstance(value, Mapping) else value
    return merged


def _drop(merged: dict[str, Any], path: str) -> None:
    first, _, rest = path.partition(".")
    found = next((key for key in merged if key.lower() == first.lower()), None)
    if found is None:
        raise invalid_scim(f'Attribute {path} cannot be removed using "Meta.attributes"')
    if rest and isinstance(merged[found], Mapping):
        merged[found] = {key: value for key, value in merged[found].items() if key.lower() != rest.lower()}
    else:
        del merged[found]


def read_members(content: Mapping[str, Any]) -> tuple[tuple[Member, bool], ...]:
    """The members that a group's body names, and for each whether it is to go (``operation: delete``)."""
    given = content.get("members") or ()
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise invalid_scim("members must be a list")
    return tuple((read_member(item), _operation(item) == "delete") for item in given)


def read_member(content: Any) -> Member:
    if not isinstance(content, Mapping) or not content.get("value"):
        raise invalid_scim("A member needs a value")
    kind = str(content.get("type") or "USER").upper()
    if kind not in {"USER", "GROUP"}:
        raise invalid_scim(f"Invalid group member type: {kind}")
    return Member(str(content["value"]), kind, str(content.get("origin") or UAA))


def _operation(content: Any) -> str:
    return str(content.get("operation") or "").lower() if isinstance(content, Mapping) else ""


def _email(content: Mapping[str, Any]) -> str:
    emails = content.get("emails")
    if not isinstance(emails, list) or len(emails) != 1:
        raise invalid_scim("Exactly one email must be provided.")
    value = emails[0].get("value") if isinstance(emails[0], Mapping) else None
    if not value or not isinstance(value, str):
        raise invalid_scim("An email must be provided.")
    return value


def _phone(content: Mapping[str, Any]) -> str | None:
    numbers = content.get("phoneNumbers")
    first = numbers[0] if isinstance(numbers, list) and numbers else None
    return _optional(first.get("value")) if isinstance(first, Mapping) else None


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _optional(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(content: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = content.get(key)
    return default if value is None else value is True


# --- lists -------------------------------------------------------------------------------------------------------------------------


def page(
    resources: Sequence[Mapping[str, Any]],
    *,
    start: int,
    count: int,
    total: int,
    attributes: str | None = None,
    schemas: Sequence[str] = SCHEMAS,
) -> dict[str, Any]:
    """The answer to a list. ``start`` counts from 1; ``attributes`` are the only ones shown, comma-separated."""
    names = [name.strip() for name in (attributes or "").split(",") if name.strip()]
    shown = [{name: pick(item, name) for name in names} for item in resources] if names else list(resources)
    return {
        "resources": shown,
        "startIndex": start,
        "itemsPerPage": count,
        "totalResults": total,
        "schemas": list(schemas),
    }


def pick(item: Mapping[str, Any], path: str) -> Any:
    """``emails.value`` → the value of each email; names without regard to case, family and given name without ``name.``."""
    value: Any = item
    for part in _GIVEN_NAMES.get(path.lower(), path).split("."):
        value = [_get(each, part) for each in value] if isinstance(value, list) else _get(value, part)
    return value


def _get(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return None
    return next((found for key, found in value.items() if key.lower() == name.lower()), None)
