"""Shipping a gateway's decision log, and telling of it.

The root of every segment is told to the control plane; what could not be told is told later, read
from the table, so a shipped segment is never forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from seawall.adapters.decisions import segments, ship
from seawall.gateway.link import Link
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.state import replace
from seawall.kernel import Corrupt, Unavailable

_log: Any = structlog.get_logger("seawall.gateway.keeper")


class _Told(msgspec.Struct, frozen=True):
    """How far the control plane knows: all before `time`, and `ids` of that moment."""

    time: datetime | None = None
    ids: tuple[str, ...] = ()


class Shipper:
    """Ships one gateway's log folder and tells of its segments."""

    def __init__(self, settings: GatewaySettings, gateway: str, link: Link) -> None:
        self._settings, self._gateway, self._link = settings, gateway, link
        self._path = settings.state_dir / "segments-told"
        self._told = _Told()
        if self._path.exists():
            self._told = msgspec.json.decode(self._path.read_bytes(), type=_Told)
        self._behind = True
        """Whether there may be segments in the table that were not told."""

    def work(self, may_go: Callable[[Path], bool]) -> None:
        """Ship what is sealed and may go, and tell what is new; what fails is tried again."""
        root, clock = self._settings.table_root, self._settings.clock
        try:
            keys = self._settings.keyring()
            folder = self._settings.log_folder
            shipped = ship(folder, root, clock=clock, may_go=may_go, keys=keys)
            self._behind = self._behind or bool(shipped)
        except Corrupt as error:
            self._behind = True
            _log.error("decision log", error=str(error))
        except Unavailable as error:
            _log.warning("not shipped yet", error=str(error))
        if self._behind:
            try:
                self._tell(root)
                self._behind = False
            except Unavailable as error:
                _log.warning("segments not told yet", error=str(error))

    def _tell(self, root: str) -> None:
        mine = [s for s in segments(root) if s.gateway == self._gateway]
        for segment in sorted(mine, key=lambda s: (s.shipped, s.id)):
            told = self._told
            if told.time and (segment.shipped < told.time or segment.id in told.ids):
                continue
            self._link.segment(segment)
            ids = (*told.ids, segment.id) if told.time == segment.shipped else (segment.id,)
            self._told = _Told(segment.shipped, ids)
            replace(self._path, msgspec.json.encode(self._told))
