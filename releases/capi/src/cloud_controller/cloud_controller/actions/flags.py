"""Feature flags and their defaults (cloud_controller_ng: app/models/runtime/feature_flag.rb)."""

from __future__ import annotations

from typing import Final

from cloud_controller import errors
from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

DEFAULTS: Final[dict[str, bool]] = {
    "user_org_creation": False,
    "private_domain_creation": True,
    "app_bits_upload": True,
    "app_scaling": True,
    "route_creation": True,
    "service_instance_creation": True,
    "diego_docker": False,
    "diego_cnb": False,
    "set_roles_by_username": True,
    "unset_roles_by_username": True,
    "task_creation": True,
    "env_var_visibility": True,
    "space_scoped_private_broker_creation": True,
    "space_developer_env_var_visibility": True,
    "service_instance_sharing": False,
    "hide_marketplace_from_unauthenticated_users": False,
    "resource_matching": True,
    "route_sharing": False,
    "hash_based_routing": False,
}
# Of these the reading administrator is exempt too.
ADMIN_READ_ONLY_EXEMPT: Final = frozenset({"env_var_visibility", "space_developer_env_var_visibility"})


def overrides(store: Store) -> dict[str, Record]:
    """What operators have set, by flag."""
    return {row["name"]: row for row in store.rows(t.feature_flags.select())}


def enabled(store: Store, name: str) -> bool:
    """Whether a flag is on."""
    row = store.first(t.feature_flags.select().where(t.feature_flags.c.name == name))
    return bool(row["enabled"]) if row else DEFAULTS[name]


def require(store: Store, who: Identity, name: str) -> None:
    """Refuse everybody but administrators while the flag is off.

    Raises:
        ApiError: FeatureDisabled.
    """
    if who.is_admin or (name in ADMIN_READ_ONLY_EXEMPT and who.reads_secrets_everywhere) or enabled(store, name):
        return
    row = store.first(t.feature_flags.select().where(t.feature_flags.c.name == name))
    raise errors.feature_disabled((row and row["custom_error_message"]) or name)
