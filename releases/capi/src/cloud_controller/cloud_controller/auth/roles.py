"""Roles and what each allows, as a table (cloud_controller_ng: lib/cloud_controller/membership.rb, permissions.rb)."""

from __future__ import annotations

from typing import Final

ORGANIZATION_ROLES: Final = (
    "organization_user",
    "organization_auditor",
    "organization_manager",
    "organization_billing_manager",
)
SPACE_ROLES: Final = ("space_developer", "space_auditor", "space_manager", "space_supporter")
ALL_ROLES: Final = (*ORGANIZATION_ROLES, *SPACE_ROLES)

# Deed inside a space -> roles that may do it; organization roles are those in the space's organization.
SPACE_DEEDS: Final[dict[str, frozenset[str]]] = {
    "read": frozenset({*SPACE_ROLES, "organization_manager"}),
    "write": frozenset({"space_developer"}),
    "manage_apps": frozenset({"space_developer", "space_supporter"}),
    "read_secrets": frozenset({"space_developer"}),
    "read_app_environment": frozenset({"space_developer", "space_supporter"}),
    "update": frozenset({"space_manager", "organization_manager"}),
    "manage_services": frozenset({"space_developer"}),
    "bind_services": frozenset({"space_developer", "space_supporter"}),
    "manage_routes": frozenset({"space_developer", "space_supporter"}),
}
# Deed inside an organization -> roles that may do it.
ORGANIZATION_DEEDS: Final[dict[str, frozenset[str]]] = {
    "read": frozenset(ORGANIZATION_ROLES),
    "write": frozenset({"organization_manager"}),
}
# Deeds that change something and are refused in suspended organizations.
CHANGING: Final = frozenset({"write", "manage_apps", "update", "manage_services", "bind_services", "manage_routes"})


def allows(table: dict[str, frozenset[str]], deed: str, held: frozenset[str]) -> bool:
    """Whether one of the held roles may do the deed."""
    return bool(table[deed] & held)
