"""Users as records: known to us from the first request on, or when somebody gives them a role."""

from __future__ import annotations

import sqlalchemy.exc

from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Database

# Remembering whom we have seen spares a statement for every request.
SEEN_LIMIT = 10_000


def remember(database: Database, identity: Identity) -> None:
    """Record the caller unless that has been done."""
    seen = database.seen_users
    if identity.guid in seen:
        return
    with database.reading() as store:
        known = store.find(t.users, identity.guid)
    if known is None:
        _record(database, identity)
    if len(seen) >= SEEN_LIMIT:
        seen.clear()
    seen.add(identity.guid)


def _record(database: Database, identity: Identity) -> None:
    try:
        with database.writing() as store:
            store.insert(t.users, guid=identity.guid, is_client=identity.is_client)
    except sqlalchemy.exc.IntegrityError:
        # Another request of the same user was first.
        return
