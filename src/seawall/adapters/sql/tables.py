"""The tables, one set for SQLite and PostgreSQL.

`commits` numbers the transactions in the order in which they committed. `records` is the present;
`record_history` is every revision with the commit that wrote it, a deletion being a row without a
body. Rows of `record_history`, `commits`, `audit_entries` and `events` are never changed, but for
the index that an audit entry gets in the log.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

# Keys are compared byte by byte on both databases, so that prefixes are ranges.
Key = String().with_variant(String(collation="C"), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")

commits = Table(
    "commits",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("commit", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

record_history = Table(
    "record_history",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("commit", BigInteger, nullable=False),
    Column("body", Text, nullable=True),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("commit", BigInteger, nullable=False),
    Column("action", Key, nullable=False),
    Column("subject", Key, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", BigInteger, nullable=True, unique=True),
    Index("audit_entries_by_subject", "subject", "number"),
    Index("audit_entries_by_action", "action", "number"),
)

events = Table(
    "events",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("commit", BigInteger, nullable=False),
    Column("type", String, nullable=False),
    Column("body", Text, nullable=False),
)

# How far each handler has come: every event up to here was delivered or stands in `deliveries`.
positions = Table(
    "outbox_positions",
    metadata,
    Column("handler", String, primary_key=True),
    Column("event", BigInteger, nullable=False),
)

# Deliveries that failed: to be tried again at `next_ns`, or dead when that is null.
deliveries = Table(
    "outbox_deliveries",
    metadata,
    Column("handler", String, primary_key=True),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=True),
    Column("failed_ns", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Index("outbox_deliveries_by_time", "next_ns"),
)

telemetry_reports = Table(
    "telemetry_reports",
    metadata,
    Column("source", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
)

# What each gateway said last: one row, which the next one replaces.
gateways = Table(
    "gateways",
    metadata,
    Column("name", Key, primary_key=True),
    Column("heard_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

telemetry = Table(
    "telemetry",
    metadata,
    Column("endpoint", Key, primary_key=True),
    Column("stream", Key, primary_key=True),
    Column("start_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Key, primary_key=True),
    Column("arm", Key, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
