"""``/approvals``: what the user allowed clients to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from uaa import authentication, scim
from uaa.context import Uaa
from uaa.errors import insufficient_scope, invalid_request
from uaa.records import Approval
from uaa.store import tokens
from uaa.web import Call, Reply, json_reply

_VALIDITY_MS = 30 * 24 * 3600 * 1000


def search(uaa: Uaa, call: Call) -> Reply:
    user_id = _user(uaa, call)
    with uaa.db.reading() as connection:
        return json_reply([scim.show_approval(item) for item in tokens.approvals(connection, user_id)])


def put(uaa: Uaa, call: Call) -> Reply:
    """Replace them: all, or those of the client that the path names."""
    user_id, client_id = _user(uaa, call), call.places.get("client")
    wanted = [_read(uaa, user_id, item) for item in call.json(list[dict[str, Any]])]
    with uaa.db.transaction() as connection:
        tokens.forget_approvals(connection, user_id=user_id, client_id=client_id)
        tokens.decide(connection, [item for item in wanted if client_id in {None, item.client_id}])
        return json_reply([scim.show_approval(item) for item in tokens.approvals(connection, user_id)])


def delete(uaa: Uaa, call: Call) -> Reply:
    user_id, client_id = _user(uaa, call), call.query.get("clientId")
    if not client_id:
        raise invalid_request("clientId must be given")
    with uaa.db.transaction() as connection:
        tokens.forget_approvals(connection, user_id=user_id, client_id=client_id)
    return json_reply({"status": "ok", "message": f"Approvals of user {user_id} and client {client_id} revoked"})


def _user(uaa: Uaa, call: Call) -> str:
    caller = authentication.require(uaa, call, "oauth.approvals")
    if caller.user_id is None:
        raise insufficient_scope("oauth.approvals")
    return caller.user_id


def _read(uaa: Uaa, user_id: str, item: dict[str, Any]) -> Approval:
    client_id, scope = item.get("clientId"), item.get("scope")
    if not isinstance(client_id, str) or not isinstance(scope, str):
        raise invalid_request("An approval needs clientId and scope")
    now = uaa.now_ms()
    status = "DENIED" if item.get("status") == "DENIED" else "APPROVED"
    return Approval(user_id, client_id, scope, status, _expiry(item.get("expiresAt"), now + _VALIDITY_MS), now)


def _expiry(given: Any, default: int) -> int:
    if given is None:
        return default
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise invalid_request(f"not a time: {given}") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
