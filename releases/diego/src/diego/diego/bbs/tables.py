"""What the BBS remembers. Messages are kept whole where nobody asks for their parts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

DOMAINS = Table(
    "domains",
    METADATA,
    Column("domain", String(255), primary_key=True),
    # Nanoseconds since 1970; a domain without an end is fresh for ever.
    Column("expires_at", BigInteger, nullable=False),
)

DESIRED = Table(
    "desired_lrps",
    METADATA,
    Column("process_guid", String(255), primary_key=True),
    Column("domain", String(255), nullable=False, index=True),
    Column("instances", Integer, nullable=False),
    Column("recreate", Boolean, nullable=False),
    # DesiredLRPSchedulingInfo, DesiredLRP with routing info only, DesiredLRP.
    Column("scheduling", LargeBinary, nullable=False),
    Column("routing", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

ACTUAL = Table(
    "actual_lrps",
    METADATA,
    Column("process_guid", String(255), primary_key=True),
    Column("instance_index", Integer, primary_key=True),
    Column("presence", Integer, primary_key=True),
    Column("domain", String(255), nullable=False, index=True),
    Column("state", String(255), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("instance_guid", String(255), nullable=False),
    Column("cell_id", String(255), nullable=False, index=True),
    Column("crash_count", Integer, nullable=False),
    Column("crash_reason", String(1024), nullable=False),
    Column("placement_error", String(1024), nullable=False),
    Column("epoch", String(255), nullable=False),
    Column("tag", Integer, nullable=False),
    # ActualLRP with what its cell tells of the container only.
    Column("runtime", LargeBinary, nullable=False),
)

TASKS = Table(
    "tasks",
    METADATA,
    Column("guid", String(255), primary_key=True),
    Column("domain", String(255), nullable=False, index=True),
    Column("state", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("first_completed_at", BigInteger, nullable=False),
    Column("cell_id", String(255), nullable=False, index=True),
    Column("failed", Boolean, nullable=False),
    Column("failure_reason", String(1024), nullable=False),
    Column("result", Text, nullable=False),
    Column("rejection_count", Integer, nullable=False),
    Column("rejection_reason", String(1024), nullable=False),
    Column("definition", LargeBinary, nullable=False),
)
Index("tasks_state_times", TASKS.c.state, TASKS.c.updated_at, TASKS.c.created_at)
