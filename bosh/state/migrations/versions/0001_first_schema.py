"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Text that is indexed: MySQL cannot index unbounded text.
_NAME = sa.Text().with_variant(sa.String(255), "mysql")
_TEXT = sa.Text().with_variant(sa.Text(2**32 - 1), "mysql")


def upgrade() -> None:
    op.create_table(
        "attributes",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attributes"),
        sa.UniqueConstraint("name", name="uq_attributes_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deployments",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("manifest", _TEXT, nullable=False),
        sa.Column("desired_manifest", _TEXT, nullable=False),
        sa.Column("releases", sa.Text(), nullable=False),
        sa.Column("stemcells", sa.Text(), nullable=False),
        sa.Column("config_ids", sa.Text(), nullable=False),
        sa.Column("links", sa.Text(), nullable=False),
        sa.Column("providers", sa.Text(), nullable=False),
        sa.Column("variable_set", sa.BigInteger(), nullable=False),
        sa.Column("teams", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("name", name="uq_deployments_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "instances",
        sa.Column("uuid", _NAME, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("group", _TEXT, nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("az", _TEXT, nullable=False),
        sa.Column("bootstrap", sa.Boolean(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("lifecycle", _TEXT, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("cloud_properties", sa.Text(), nullable=False),
        sa.Column("dirty", sa.Boolean(), nullable=False),
        sa.Column("ignored", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("variable_set", sa.BigInteger(), nullable=False),
        sa.Column("dns_num", sa.BigInteger(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
        sa.UniqueConstraint("uuid", name="uq_instances_uuid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_instances_deployment", "instances", ["deployment"])
    op.create_table(
        "vms",
        sa.Column("agent_id", _NAME, nullable=False),
        sa.Column("instance_uuid", _NAME, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("cid", _NAME, nullable=False),
        sa.Column("cpi", _TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("stemcell_name", _TEXT, nullable=False),
        sa.Column("stemcell_version", _TEXT, nullable=False),
        sa.Column("stemcell_api_version", sa.BigInteger(), nullable=False),
        sa.Column("cloud_properties", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("network_settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orphaned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("group", _TEXT, nullable=False),
        sa.Column("az", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vms"),
        sa.UniqueConstraint("agent_id", name="uq_vms_agent_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vms_cid", "vms", ["cid"])
    op.create_index("ix_vms_deployment", "vms", ["deployment"])
    op.create_index("ix_vms_instance_uuid", "vms", ["instance_uuid"])
    op.create_table(
        "disks",
        sa.Column("key", _NAME, nullable=False),
        sa.Column("cid", _NAME, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("instance_uuid", _NAME, nullable=False),
        sa.Column("group", _TEXT, nullable=False),
        sa.Column("size_mb", sa.BigInteger(), nullable=False),
        sa.Column("cloud_properties", sa.Text(), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("cpi", _TEXT, nullable=False),
        sa.Column("az", _TEXT, nullable=False),
        sa.Column("instance_name", _TEXT, nullable=False),
        sa.Column("orphaned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_disks"),
        sa.UniqueConstraint("key", name="uq_disks_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_disks_cid", "disks", ["cid"])
    op.create_index("ix_disks_deployment", "disks", ["deployment"])
    op.create_index("ix_disks_instance_uuid", "disks", ["instance_uuid"])
    op.create_table(
        "snapshots",
        sa.Column("cid", _NAME, nullable=False),
        sa.Column("disk_cid", _TEXT, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("instance_uuid", _NAME, nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snapshots_cid", "snapshots", ["cid"])
    op.create_index("ix_snapshots_deployment", "snapshots", ["deployment"])
    op.create_index("ix_snapshots_instance_uuid", "snapshots", ["instance_uuid"])
    op.create_table(
        "ips",
        sa.Column("ip", _NAME, nullable=False),
        sa.Column("network", _TEXT, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("instance_uuid", _NAME, nullable=False),
        sa.Column("agent_id", _NAME, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ips"),
        sa.UniqueConstraint("ip", name="uq_ips_ip"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ips_agent_id", "ips", ["agent_id"])
    op.create_index("ix_ips_deployment", "ips", ["deployment"])
    op.create_index("ix_ips_instance_uuid", "ips", ["instance_uuid"])
    op.create_table(
        "releases",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
        sa.UniqueConstraint("name", name="uq_releases_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "release_versions",
        sa.Column("release", _NAME, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("commit_hash", _TEXT, nullable=False),
        sa.Column("uncommitted_changes", sa.Boolean(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_release_versions"),
        sa.UniqueConstraint("release", "version", name="uq_release_versions_release_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_templates",
        sa.Column("release", _NAME, nullable=False),
        sa.Column("release_version", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("fingerprint", _NAME, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("blobstore_id", _NAME, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_templates"),
        sa.UniqueConstraint("release", "release_version", "name", name="uq_job_templates_release_release_version_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_templates_blobstore_id", "job_templates", ["blobstore_id"])
    op.create_index("ix_job_templates_fingerprint", "job_templates", ["fingerprint"])
    op.create_table(
        "packages",
        sa.Column("release", _NAME, nullable=False),
        sa.Column("release_version", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("fingerprint", _NAME, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("blobstore_id", _NAME, nullable=False),
        sa.Column("dependencies", sa.Text(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_packages"),
        sa.UniqueConstraint("release", "release_version", "name", name="uq_packages_release_release_version_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_packages_blobstore_id", "packages", ["blobstore_id"])
    op.create_index("ix_packages_fingerprint", "packages", ["fingerprint"])
    op.create_table(
        "compiled_packages",
        sa.Column("package_name", _TEXT, nullable=False),
        sa.Column("package_fingerprint", _NAME, nullable=False),
        sa.Column("dependency_key", _TEXT, nullable=False),
        sa.Column("stemcell_os", _NAME, nullable=False),
        sa.Column("stemcell_version", _TEXT, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("blobstore_id", _NAME, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_compiled_packages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_compiled_packages_blobstore_id", "compiled_packages", ["blobstore_id"])
    op.create_index("ix_compiled_packages_package_fingerprint", "compiled_packages", ["package_fingerprint"])
    op.create_index("ix_compiled_packages_stemcell_os", "compiled_packages", ["stemcell_os"])
    op.create_table(
        "stemcells",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("os", _NAME, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("cid", _TEXT, nullable=False),
        sa.Column("cpi", _NAME, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("api_version", sa.BigInteger(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stemcells"),
        sa.UniqueConstraint("name", "version", "cpi", name="uq_stemcells_name_version_cpi"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stemcells_os", "stemcells", ["os"])
    op.create_table(
        "stemcell_uploads",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("cpi", _NAME, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stemcell_uploads"),
        sa.UniqueConstraint("name", "version", "cpi", name="uq_stemcell_uploads_name_version_cpi"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "configs",
        sa.Column("type", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("team", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_configs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_configs_type_name", "configs", ["type", "name"])
    op.create_table(
        "tasks",
        sa.Column("type", _NAME, nullable=False),
        sa.Column("state", _NAME, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("username", _TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", _NAME, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("context_id", _NAME, nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("result", _TEXT, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checkpoint_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tasks_context_id", "tasks", ["context_id"])
    op.create_index("ix_tasks_deployment", "tasks", ["deployment"])
    op.create_index("ix_tasks_state_queue", "tasks", ["state", "queue"])
    op.create_index("ix_tasks_type", "tasks", ["type"])
    op.create_table(
        "events",
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("object_type", _TEXT, nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", _TEXT, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=False),
        sa.Column("object_name", _TEXT, nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("task", _NAME, nullable=False),
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("instance", _TEXT, nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_deployment", "events", ["deployment"])
    op.create_index("ix_events_task", "events", ["task"])
    op.create_index("ix_events_timestamp", "events", ["timestamp"])
    op.create_table(
        "locks",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("uid", _TEXT, nullable=False),
        sa.Column("task_id", _TEXT, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_locks"),
        sa.UniqueConstraint("name", name="uq_locks_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "variable_values",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("deployment", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_variable_values"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variable_values_name", "variable_values", ["name"])
    op.create_table(
        "variable_uses",
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("value_id", sa.BigInteger(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_variable_uses"),
        sa.UniqueConstraint("deployment", "set_id", "name", name="uq_variable_uses_deployment_set_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variable_uses_name", "variable_uses", ["name"])
    op.create_index("ix_variable_uses_value_id", "variable_uses", ["value_id"])
    op.create_table(
        "dns_blobs",
        sa.Column("blobstore_id", _TEXT, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dns_blobs"),
        sa.UniqueConstraint("version", name="uq_dns_blobs_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "errand_runs",
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("errand", _NAME, nullable=False),
        sa.Column("hash", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_errand_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_errand_runs_deployment_errand", "errand_runs", ["deployment", "errand"])
    op.create_table(
        "blobs",
        sa.Column("blobstore_id", _NAME, nullable=False),
        sa.Column("sha1", _TEXT, nullable=False),
        sa.Column("type", _NAME, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blobs"),
        sa.UniqueConstraint("blobstore_id", name="uq_blobs_blobstore_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blobs_type", "blobs", ["type"])
    op.create_table(
        "problems",
        sa.Column("deployment", _NAME, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.BigInteger(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("resolutions", sa.Text(), nullable=False),
        sa.Column("instance_group", _TEXT, nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_problems"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_problems_deployment", "problems", ["deployment"])
    op.create_table(
        "task_outputs",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task_outputs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_outputs_task_id_kind", "task_outputs", ["task_id", "kind"])
    _compiled_packages_identity()


def _compiled_packages_identity() -> None:
    # PostgreSQL cannot index a value as long as a dependency key may be.
    identity = ("package_name", "package_fingerprint", "stemcell_os", "stemcell_version")
    if op.get_bind().dialect.name == "postgresql":
        hashed: list[str | sa.TextClause] = [*identity, sa.text("md5(dependency_key)")]
        op.create_index("uq_compiled_packages_identity_md5", "compiled_packages", hashed, unique=True)
    elif op.get_bind().dialect.name == "sqlite":
        plain = [*identity, "dependency_key"]
        op.create_index("uq_compiled_packages_identity", "compiled_packages", plain, unique=True)
