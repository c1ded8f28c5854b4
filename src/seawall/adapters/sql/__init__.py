"""State, audit entries, outbox and telemetry in one SQL database."""

from seawall.adapters.sql.migrate import migrate
from seawall.adapters.sql.store import SqlStore
from seawall.adapters.sql.transaction import Revision

__all__ = ["Revision", "SqlStore", "migrate"]
