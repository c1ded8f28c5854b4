"""State, audit entries, outbox and telemetry in one SQL database."""

from seawall.adapters.sql.audit import Logged
from seawall.adapters.sql.migrate import migrate
from seawall.adapters.sql.outbox import DeadLetter
from seawall.adapters.sql.store import SqlStore
from seawall.adapters.sql.telemetry import TelemetryRow
from seawall.adapters.sql.transaction import Revision

__all__ = ["DeadLetter", "Logged", "Revision", "SqlStore", "TelemetryRow", "migrate"]
