"""Users as records: known to us from the first request on, or when somebody gives them a role."""

from __future__ import annotations

import sqlalchemy.exc

from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Database

# Guids this process has seen in the database; spares a statement for every request. Users are deleted rarely, and a
# deleted user who calls again is recorded again when the process starts anew or a role is given.
_SEEN_LIMIT = 10_000
_seen: set[tuple[int, str]] = set()


def remember(database: Database, identity: Identity) -> None:
    """Record the caller unless that has been done."""
    key = (id(database), identity.guid)
    if key in _seen:
        return
    with database.reading() as store:
        known = store.find(t.users, identity.guid)
    if known is None:
        _record(database, identity)
    if len(_seen) >= _SEEN_LIMIT:
        _seen.clear()
    _seen.add(key)


def _record(database: Database, identity: Identity) -> None:
    try:
        with database.writing() as store:
            store.insert(t.users, guid=identity.guid, is_client=identity.is_client)
    except sqlalchemy.exc.IntegrityError:
        # Another request of the same user was first.
        return
