"""Questions that take the configuration and the store together."""

from __future__ import annotations

from sqlalchemy import Connection

from uaa.context import Uaa
from uaa.records import Group
from uaa.store import groups


def group_names(uaa: Uaa, connection: Connection, user_id: str) -> frozenset[str]:
    """The user's groups, and those that every user is in."""
    own = {group.name for group, _direct in groups.of_member(connection, user_id)}
    return frozenset(own | set(uaa.config.user_groups))


def memberships(uaa: Uaa, connection: Connection, user_id: str) -> tuple[tuple[Group, bool], ...]:
    """As ``groups.of_member``, with the groups that every user is in."""
    found = {group.id: (group, direct) for group, direct in groups.of_member(connection, user_id)}
    for name in uaa.config.user_groups:
        group = groups.by_name(connection, name)
        if group is not None:
            found.setdefault(group.id, (group, True))
    return tuple(sorted(found.values(), key=lambda item: item[0].name))
