"""What each gateway said last, and when: without history, since it comes every half minute."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, insert, select

from seawall.adapters.sql.database import Database, Lock
from seawall.adapters.sql.tables import gateways
from seawall.serving.gateways import GatewayStatus


class SqlGateways:
    """The newest status of every gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, status: GatewayStatus, heard_ns: int, *, forget_ns: int) -> None:
        """Keep a status in the place of the one before; forget gateways not heard since."""
        table, name = gateways.c, status.gateway
        gone = (table.name == name) | (table.heard_ns < forget_ns)
        body = msgspec.json.encode(status).decode()
        with self._database.writing(Lock.TELEMETRY) as connection:
            connection.execute(delete(gateways).where(gone))
            connection.execute(insert(gateways).values(name=name, heard_ns=heard_ns, body=body))

    def all(self) -> list[tuple[GatewayStatus, int]]:
        """Every gateway's status and when it was heard, by name."""
        query = select(gateways.c.body, gateways.c.heard_ns).order_by(gateways.c.name)
        with self._database.reading() as connection:
            return [
                (msgspec.json.decode(body, type=GatewayStatus), heard)
                for body, heard in connection.execute(query)
            ]
