"""The tables. Every resource has a guid for the outside; records refer to each other by guid.

Columns that end in ``_sealed`` hold secrets (see ``vault``). Times are UTC.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _resource(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("guid", sa.String(255), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime, nullable=False, index=True),
        sa.Column("updated_at", sa.DateTime, nullable=False),
        *parts,
    )


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, index=index)


def _maybe_text(name: str, *, index: bool = False) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, nullable=True, index=index)


def _number(name: str, default: int) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=default)


def _maybe_number(name: str) -> sa.Column[int | None]:
    return sa.Column(name, sa.BigInteger, nullable=True)


def _flag(name: str, *, default: bool) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, default=default)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=True)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime, nullable=True)


def _of(name: str, table: str, *, on_delete: str = "CASCADE") -> sa.Column[str]:
    return sa.Column(
        name, sa.String(255), sa.ForeignKey(f"{table}.guid", ondelete=on_delete), nullable=False, index=True
    )


def _maybe_of(name: str, table: str, *, on_delete: str = "SET NULL") -> sa.Column[str | None]:
    return sa.Column(
        name, sa.String(255), sa.ForeignKey(f"{table}.guid", ondelete=on_delete), nullable=True, index=True
    )


organization_quotas = _resource("organization_quotas", _text("name"), _json("limits"), sa.UniqueConstraint("name"))
isolation_segments = _resource("isolation_segments", _text("name"), sa.UniqueConstraint("name"))
organizations = _resource(
    "organizations",
    _text("name"),
    _flag("suspended", default=False),
    _of("quota_guid", "organization_quotas", on_delete="RESTRICT"),
    _maybe_of("default_isolation_segment_guid", "isolation_segments"),
    sa.UniqueConstraint("name"),
)
isolation_segment_organizations = sa.Table(
    "isolation_segment_organizations",
    metadata,
    _of("isolation_segment_guid", "isolation_segments"),
    _of("organization_guid", "organizations"),
    sa.PrimaryKeyConstraint("isolation_segment_guid", "organization_guid"),
)
space_quotas = _resource(
    "space_quotas",
    _text("name"),
    _json("limits"),
    _of("organization_guid", "organizations"),
    sa.UniqueConstraint("organization_guid", "name"),
)
spaces = _resource(
    "spaces",
    _text("name"),
    _of("organization_guid", "organizations"),
    _maybe_of("quota_guid", "space_quotas"),
    _maybe_of("isolation_segment_guid", "isolation_segments"),
    _flag("allow_ssh", default=True),
    sa.UniqueConstraint("organization_guid", "name"),
)
users = _resource("users", _maybe_text("username"), _maybe_text("origin"), _flag("is_client", default=False))
roles = _resource(
    "roles",
    _text("type", index=True),
    _of("user_guid", "users"),
    _of("organization_guid", "organizations"),
    _maybe_of("space_guid", "spaces", on_delete="CASCADE"),
)
# A space is absent for organization roles; absent values never clash in a unique constraint, hence two indexes.
sa.Index(
    "uq_roles_organization",
    roles.c.user_guid,
    roles.c.type,
    roles.c.organization_guid,
    unique=True,
    sqlite_where=roles.c.space_guid.is_(None),
    postgresql_where=roles.c.space_guid.is_(None),
)
sa.Index("uq_roles_space", roles.c.user_guid, roles.c.type, roles.c.space_guid, unique=True)

stacks = _resource(
    "stacks",
    _text("name"),
    _maybe_text("description"),
    _text("state"),
    _maybe_text("state_reason"),
    _maybe_text("build_rootfs_image"),
    _maybe_text("run_rootfs_image"),
    sa.UniqueConstraint("name"),
)
buildpacks = _resource(
    "buildpacks",
    _text("name"),
    _maybe_text("stack"),
    _number("position", 1),
    _flag("enabled", default=True),
    _flag("locked", default=False),
    _text("lifecycle"),
    _text("state"),
    _maybe_text("filename"),
    _maybe_text("sha256"),
    _maybe_text("blob_key"),
)
apps = _resource(
    "apps",
    _text("name"),
    _of("space_guid", "spaces"),
    _text("state"),
    _text("lifecycle_type"),
    _json("buildpacks"),
    _maybe_text("stack"),
    _maybe_text("cnb_credentials_sealed"),
    # Droplets refer to apps; a constraint in both directions could not be created in one pass.
    sa.Column("droplet_guid", sa.String(255), nullable=True, index=True),
    _maybe_text("environment_sealed"),
    _flag("enable_ssh", default=True),
    _flag("revisions_enabled", default=True),
    _flag("service_binding_k8s", default=False),
    _flag("file_based_vcap_services", default=False),
    _maybe_text("buildpack_cache_sha256"),
    _number("last_task_sequence_id", 0),
    sa.UniqueConstraint("space_guid", "name"),
)
processes = _resource(
    "processes",
    _of("app_guid", "apps"),
    _text("type"),
    _text("state"),
    _text("version"),
    _maybe_text("command"),
    _maybe_text("user"),
    _number("instances", 0),
    _number("memory_in_mb", 1024),
    _number("disk_in_mb", 1024),
    _number("log_rate_limit", -1),
    _text("health_check_type"),
    _maybe_number("health_check_timeout"),
    _maybe_text("health_check_endpoint"),
    _maybe_number("health_check_invocation_timeout"),
    _maybe_number("health_check_interval"),
    _text("readiness_type"),
    _maybe_text("readiness_endpoint"),
    _maybe_number("readiness_invocation_timeout"),
    _maybe_number("readiness_interval"),
    sa.Column("revision_guid", sa.String(255), nullable=True),
    sa.Index("ix_processes_app_guid_type", "app_guid", "type"),
)
sidecars = _resource(
    "sidecars",
    _of("app_guid", "apps"),
    _text("name"),
    _text("command"),
    _json("process_types"),
    _maybe_number("memory_in_mb"),
    _text("origin"),
    sa.UniqueConstraint("app_guid", "name"),
)
packages = _resource(
    "packages",
    _of("app_guid", "apps"),
    _text("type"),
    _text("state"),
    _maybe_text("error"),
    _maybe_text("sha256"),
    _maybe_text("blob_key"),
    _maybe_text("image"),
    _maybe_text("username"),
    _maybe_text("password_sealed"),
)
droplets = _resource(
    "droplets",
    _of("app_guid", "apps"),
    sa.Column("package_guid", sa.String(255), nullable=True, index=True),
    sa.Column("build_guid", sa.String(255), nullable=True, index=True),
    _text("state"),
    _maybe_text("error"),
    _text("lifecycle_type"),
    _maybe_text("stack"),
    _maybe_text("image"),
    _maybe_text("execution_metadata"),
    _json("process_types"),
    _json("sidecars"),
    _json("buildpacks"),
    _maybe_text("sha256"),
    _maybe_text("blob_key"),
    _maybe_text("registry_username"),
    _maybe_text("registry_password_sealed"),
)
builds = _resource(
    "builds",
    _of("app_guid", "apps"),
    sa.Column("package_guid", sa.String(255), nullable=False, index=True),
    sa.Column("droplet_guid", sa.String(255), nullable=True),
    _text("state", index=True),
    _maybe_text("error_id"),
    _maybe_text("error_description"),
    _text("lifecycle_type"),
    _json("buildpacks"),
    _maybe_text("stack"),
    _number("staging_memory_in_mb", 1024),
    _number("staging_disk_in_mb", 4096),
    _number("staging_log_rate_limit", -1),
    _maybe_text("created_by_guid"),
    _maybe_text("created_by_name"),
    _maybe_text("created_by_email"),
)
revisions = _resource(
    "revisions",
    _of("app_guid", "apps"),
    _number("version", 1),
    sa.Column("droplet_guid", sa.String(255), nullable=True),
    _maybe_text("environment_sealed"),
    _text("description"),
    _json("commands"),
    _json("sidecars"),
    sa.UniqueConstraint("app_guid", "version"),
)
deployments = _resource(
    "deployments",
    _of("app_guid", "apps"),
    _text("state", index=True),
    _text("status_value"),
    _text("status_reason"),
    _text("strategy"),
    _maybe_text("droplet_guid"),
    _maybe_text("previous_droplet_guid"),
    _maybe_text("deploying_web_process_guid"),
    _number("original_web_process_instances", 1),
    _maybe_text("revision_guid"),
    _maybe_number("revision_version"),
    _number("max_in_flight", 1),
    _maybe_number("web_instances"),
    _maybe_number("memory_in_mb"),
    _maybe_number("disk_in_mb"),
    _maybe_number("log_rate_limit"),
    _json("canary_steps"),
    _maybe_number("canary_current_step"),
    _time("last_healthy_at"),
    _time("status_updated_at"),
    _maybe_text("error"),
)
tasks = _resource(
    "tasks",
    _of("app_guid", "apps"),
    _number("sequence_id", 1),
    _text("name"),
    _text("command"),
    _maybe_text("user"),
    _text("state", index=True),
    _number("memory_in_mb", 1024),
    _number("disk_in_mb", 1024),
    _number("log_rate_limit", -1),
    _text("droplet_guid"),
    _maybe_text("failure_reason"),
    sa.UniqueConstraint("app_guid", "sequence_id"),
)
domains = _resource(
    "domains",
    _text("name"),
    _flag("internal", default=False),
    _maybe_text("router_group_guid"),
    _maybe_of("organization_guid", "organizations", on_delete="CASCADE"),
    sa.UniqueConstraint("name"),
)
domain_shares = sa.Table(
    "domain_shares",
    metadata,
    _of("domain_guid", "domains"),
    _of("organization_guid", "organizations"),
    sa.PrimaryKeyConstraint("domain_guid", "organization_guid"),
)
routes = _resource(
    "routes",
    _text("host", index=True),
    _text("path"),
    _number("port", 0),
    _of("domain_guid", "domains"),
    _of("space_guid", "spaces"),
    _json("options"),
    sa.UniqueConstraint("domain_guid", "host", "path", "port"),
)
route_shares = sa.Table(
    "route_shares",
    metadata,
    _of("route_guid", "routes"),
    _of("space_guid", "spaces"),
    sa.PrimaryKeyConstraint("route_guid", "space_guid"),
)
destinations = _resource(
    "destinations",
    _of("route_guid", "routes"),
    _of("app_guid", "apps"),
    _text("process_type"),
    _maybe_number("port"),
    _maybe_number("weight"),
    _text("protocol"),
)
environment_groups = sa.Table(
    "environment_groups",
    metadata,
    sa.Column("name", sa.String(50), primary_key=True),
    _maybe_text("environment_sealed"),
    _time("updated_at"),
)
feature_flags = sa.Table(
    "feature_flags",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    _flag("enabled", default=False),
    _maybe_text("custom_error_message"),
    _time("updated_at"),
)
security_groups = _resource(
    "security_groups",
    _text("name"),
    _json("rules"),
    _flag("running_default", default=False),
    _flag("staging_default", default=False),
    sa.UniqueConstraint("name"),
)
security_group_spaces = sa.Table(
    "security_group_spaces",
    metadata,
    _of("security_group_guid", "security_groups"),
    _of("space_guid", "spaces"),
    sa.Column("phase", sa.String(10), nullable=False),
    sa.PrimaryKeyConstraint("security_group_guid", "space_guid", "phase"),
)
audit_events = _resource(
    "audit_events",
    _text("type", index=True),
    _maybe_text("actor_guid"),
    _text("actor_type"),
    _maybe_text("actor_name"),
    _text("target_guid", index=True),
    _text("target_type"),
    _text("target_name"),
    _json("data"),
    _maybe_text("space_guid", index=True),
    _maybe_text("organization_guid", index=True),
)
app_usage_events = _resource("app_usage_events", _json("data"))
service_usage_events = _resource("service_usage_events", _json("data"))
jobs = _resource(
    "jobs",
    _text("operation"),
    _text("state", index=True),
    _json("payload"),
    _json("errors"),
    _json("warnings"),
    _maybe_text("resource_type"),
    _maybe_text("resource_guid"),
    _maybe_text("owner_guid"),
    _number("attempts", 0),
    _time("run_at"),
    _time("locked_until"),
)
service_brokers = _resource(
    "service_brokers",
    _text("name"),
    _text("url"),
    _maybe_text("authentication_sealed"),
    _maybe_of("space_guid", "spaces", on_delete="CASCADE"),
    sa.UniqueConstraint("name"),
)
service_offerings = _resource(
    "service_offerings",
    _text("name"),
    _text("description"),
    _flag("available", default=True),
    _flag("bindable", default=True),
    _json("tags"),
    _json("requires"),
    _flag("shareable", default=False),
    _maybe_text("documentation_url"),
    _json("broker_catalog"),
    _of("service_broker_guid", "service_brokers"),
)
service_plans = _resource(
    "service_plans",
    _text("name"),
    _text("description"),
    _text("visibility_type"),
    _flag("available", default=True),
    _flag("free", default=True),
    _json("costs"),
    _json("maintenance_info"),
    _json("broker_catalog"),
    _json("schemas"),
    _of("service_offering_guid", "service_offerings"),
)
service_instances = _resource(
    "service_instances",
    _text("name"),
    _text("type"),
    _of("space_guid", "spaces"),
    _maybe_of("service_plan_guid", "service_plans", on_delete="RESTRICT"),
    _json("tags"),
    _maybe_text("credentials_sealed"),
    _maybe_text("syslog_drain_url"),
    _maybe_text("route_service_url"),
    _maybe_text("dashboard_url"),
    _json("maintenance_info"),
    _text("operation_type"),
    _text("operation_state"),
    _maybe_text("operation_description"),
    sa.UniqueConstraint("space_guid", "name"),
)
service_instance_shares = sa.Table(
    "service_instance_shares",
    metadata,
    _of("service_instance_guid", "service_instances"),
    _of("space_guid", "spaces"),
    sa.PrimaryKeyConstraint("service_instance_guid", "space_guid"),
)
service_credential_bindings = _resource(
    "service_credential_bindings",
    _maybe_text("name"),
    _text("type"),
    _of("service_instance_guid", "service_instances"),
    _maybe_of("app_guid", "apps", on_delete="CASCADE"),
    _maybe_text("credentials_sealed"),
    _maybe_text("syslog_drain_url"),
    _json("volume_mounts"),
    _text("operation_type"),
    _text("operation_state"),
    _maybe_text("operation_description"),
)
service_route_bindings = _resource(
    "service_route_bindings",
    _of("service_instance_guid", "service_instances"),
    _of("route_guid", "routes"),
    _maybe_text("route_service_url"),
    _text("operation_type"),
    _text("operation_state"),
    _maybe_text("operation_description"),
)
# Labels and annotations of every kind of resource; a label key's optional prefix stands before its slash.
metadata_entries = sa.Table(
    "metadata_entries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("entry", sa.String(10), nullable=False),
    sa.Column("resource_type", sa.String(50), nullable=False),
    sa.Column("resource_guid", sa.String(255), nullable=False),
    sa.Column("key", sa.String(400), nullable=False),
    sa.Column("value", sa.Text, nullable=True),
    sa.UniqueConstraint("resource_type", "resource_guid", "entry", "key"),
    sa.Index("ix_metadata_entries_lookup", "resource_type", "entry", "key"),
)
# When each clock job last began, so that of several clocks one does it.
clock_runs = sa.Table(
    "clock_runs",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("last_started_at", sa.DateTime, nullable=False),
)
