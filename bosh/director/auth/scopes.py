"""Which scopes allow what (bosh: permission_authorizer.rb). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bosh.wire.errors import UnauthorizedToAccessDeployment

_TEAM_ADMIN = re.compile(r"bosh\.teams\.([^.]*)\.admin\Z")
_TEAM_ANY = re.compile(r"bosh\.teams\.([^.]*)\.(admin|read)\Z")

_WITH_READ = {"read", "read_events", "list_configs", "read_link", "read_releases", "list_deployments", "read_stemcells", "list_tasks"}  # fmt: skip
_WITH_TEAM_ADMIN = {
    "create_deployment", "create_link", "delete_link", "read_releases", "list_deployments", "read_stemcells", "list_tasks",
    "update_configs",
}  # fmt: skip
_WITH_TEAM = {"read_events", "list_configs", "read_link"}
_UPLOADS = {"upload_releases": "bosh.releases.upload", "upload_stemcells": "bosh.stemcells.upload"}
PERMISSIONS = frozenset({"admin", *_WITH_READ, *_WITH_TEAM_ADMIN, *_UPLOADS})


def admin_teams(scopes: Collection[str]) -> list[str]:
    """Teams these scopes are admin of."""
    return sorted(found[1] for scope in scopes if (found := _TEAM_ADMIN.match(scope)))


def _general(uuid: str, kind: str) -> list[str]:
    return [f"bosh.{kind}", f"bosh.{uuid}.{kind}"]


def for_director(permission: str, uuid: str, scopes: Collection[str]) -> list[str]:
    """Any of these allows the permission on the director as a whole."""
    if permission not in PERMISSIONS:
        raise ValueError(f"unknown permission {permission}")
    wanted = _general(uuid, "admin")
    if permission in _WITH_READ:
        wanted += _general(uuid, "read")
    if permission in _WITH_TEAM_ADMIN:
        wanted += [scope for scope in sorted(scopes) if _TEAM_ADMIN.match(scope)]
    if permission in _WITH_TEAM:
        wanted += [scope for scope in sorted(scopes) if _TEAM_ANY.match(scope)]
    if permission in _UPLOADS:
        wanted.append(_UPLOADS[permission])
    return wanted


def for_teams(permission: str, uuid: str, teams: Sequence[str]) -> list[str]:
    """Any of these allows ``admin`` or ``read`` on something that belongs to these teams: a deployment, its tasks, a config."""
    wanted = _general(uuid, "admin") + [f"bosh.teams.{team}.admin" for team in teams]
    if permission == "read":
        wanted += [f"bosh.teams.{team}.read" for team in teams] + _general(uuid, "read")
    return wanted


def demand(wanted: Sequence[str], scopes: Collection[str]) -> None:
    """Raises UnauthorizedToAccessDeployment when none of the wanted scopes is there."""
    if not set(wanted) & set(scopes):
        raise UnauthorizedToAccessDeployment(f"Require one of the scopes: {', '.join(wanted)}")
