"""The first tables: state with its history, audit entries, outbox, telemetry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _key(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    kind = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary_key, nullable=False)


def _serial() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("number", kind, primary_key=True, autoincrement=True)


def upgrade() -> None:
    op.create_table(
        "commits",
        _serial(),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
    )
    op.create_table(
        "records",
        _key("kind", primary_key=True),
        _key("key", primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("commit", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "record_history",
        _key("kind", primary_key=True),
        _key("key", primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("commit", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text),
    )
    op.create_table(
        "audit_entries",
        _serial(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("commit", sa.BigInteger, nullable=False),
        _key("action"),
        _key("subject"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.BigInteger, unique=True),
    )
    op.create_index("audit_entries_by_subject", "audit_entries", ["subject", "number"])
    op.create_index("audit_entries_by_action", "audit_entries", ["action", "number"])
    op.create_table(
        "events",
        _serial(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("commit", sa.BigInteger, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_positions",
        sa.Column("handler", sa.String, primary_key=True),
        sa.Column("event", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox_deliveries",
        sa.Column("handler", sa.String, primary_key=True),
        sa.Column("event", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ns", sa.BigInteger),
        sa.Column("failed_ns", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("outbox_deliveries_by_time", "outbox_deliveries", ["next_ns"])
    op.create_table(
        "telemetry_reports",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "telemetry",
        _key("endpoint", primary_key=True),
        _key("stream", primary_key=True),
        sa.Column("start_ns", sa.BigInteger, primary_key=True, autoincrement=False),
        _key("version", primary_key=True),
        _key("arm", primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
