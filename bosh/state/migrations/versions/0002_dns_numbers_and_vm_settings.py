"""Numbers of the name service, and which settings a VM was last sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.String(255), "mysql")
_TEXT = sa.Text().with_variant(sa.Text(2**32 - 1), "mysql")


def upgrade() -> None:
    op.create_table(
        "dns_numbers",
        sa.Column("space", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dns_numbers"),
        sa.UniqueConstraint("space", "key", name="uq_dns_numbers_space_key"),
        sa.UniqueConstraint("space", "number", name="uq_dns_numbers_space_number"),
        sqlite_autoincrement=True,
    )
    for name in ("trusted_certs_sha1", "blobstore_config_sha1", "nats_config_sha1"):
        op.add_column("vms", sa.Column(name, _TEXT, nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("trusted_certs_sha1", "blobstore_config_sha1", "nats_config_sha1"):
        op.drop_column("vms", name)
    op.drop_table("dns_numbers")
