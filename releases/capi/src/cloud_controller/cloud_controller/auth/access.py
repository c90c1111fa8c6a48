"""What the caller may see and do. Foreign resources are hidden: they are not found rather than forbidden."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.auth import roles
from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

Guids = sa.Select[Any] | sa.CompoundSelect[Any]


class Access:
    """The caller's permissions within one request."""

    def __init__(self, store: Store, identity: Identity) -> None:
        self._store = store
        self.identity = identity

    @cached_property
    def _held(self) -> list[Record]:
        columns = (t.roles.c.type, t.roles.c.organization_guid, t.roles.c.space_guid)
        return self._store.rows(sa.select(*columns).where(t.roles.c.user_guid == self.identity.guid))

    def roles_in_organization(self, guid: str) -> frozenset[str]:
        """The organization roles held there."""
        return frozenset(r["type"] for r in self._held if r["organization_guid"] == guid and r["space_guid"] is None)

    def roles_in_space(self, space: Record) -> frozenset[str]:
        """The space roles held there and the organization roles above."""
        own = frozenset(r["type"] for r in self._held if r["space_guid"] == space["guid"])
        return own | self.roles_in_organization(space["organization_guid"])

    def space(self, space: Record, deed: str) -> bool:
        """Whether the caller may do the deed (``roles.SPACE_DEEDS``) in the space."""
        if self.identity.is_admin or self._reads_globally(deed):
            return True
        return roles.allows(roles.SPACE_DEEDS, deed, self.roles_in_space(space))

    def organization(self, guid: str, deed: str) -> bool:
        """Whether the caller may do the deed (``roles.ORGANIZATION_DEEDS``) in the organization."""
        if self.identity.is_admin or self._reads_globally(deed):
            return True
        held = frozenset(r["type"] for r in self._held if r["organization_guid"] == guid)
        return bool(held) if deed == "read" else roles.allows(roles.ORGANIZATION_DEEDS, deed, held)

    def _reads_globally(self, deed: str) -> bool:
        if deed == "read":
            return self.identity.reads_everything
        return deed.startswith("read_") and self.identity.reads_secrets_everywhere

    def require_space(self, space: Record, deed: str) -> None:
        """Raise NotAuthorized unless allowed, OrgSuspended for changes in suspended organizations."""
        if not self.space(space, deed):
            raise errors.not_authorized()
        if deed in roles.CHANGING:
            self._require_active(space["organization_guid"])

    def require_organization(self, guid: str, deed: str) -> None:
        """Raise NotAuthorized unless allowed, OrgSuspended for changes in suspended organizations."""
        if not self.organization(guid, deed):
            raise errors.not_authorized()
        if deed in roles.CHANGING:
            self._require_active(guid)

    def _require_active(self, organization_guid: str) -> None:
        if self.identity.is_admin:
            return
        organization = self._store.find(t.organizations, organization_guid)
        if organization and organization["suspended"]:
            raise errors.org_suspended()

    def require_admin(self) -> None:
        """Raise NotAuthorized for everybody else."""
        if not self.identity.is_admin:
            raise errors.not_authorized()

    def readable_spaces(self, deed: str = "read") -> Guids | None:
        """The guids of spaces where the deed is allowed; None means all."""
        if self.identity.is_admin or self._reads_globally(deed):
            return None
        allowed = roles.SPACE_DEEDS[deed]
        mine = t.roles.c.user_guid == self.identity.guid
        direct = sa.select(t.roles.c.space_guid).where(
            mine, t.roles.c.space_guid.is_not(None), t.roles.c.type.in_(allowed)
        )
        above = (
            sa.select(t.spaces.c.guid)
            .join(t.roles, t.roles.c.organization_guid == t.spaces.c.organization_guid)
            .where(mine, t.roles.c.space_guid.is_(None), t.roles.c.type.in_(allowed))
        )
        return direct.union(above)

    def readable_organizations(self) -> Guids | None:
        """The guids of organizations in which the caller has any role; None means all."""
        if self.identity.reads_everything:
            return None
        return sa.select(t.roles.c.organization_guid).where(t.roles.c.user_guid == self.identity.guid)


def within(column: sa.ColumnElement[Any], guids: Guids | None) -> list[sa.ColumnElement[bool]]:
    """The condition that a column is among guids; none for None."""
    return [] if guids is None else [column.in_(guids)]
