"""The process beside a gateway that ships its decision log: `python -m seawall.gateway.ship`.

It reads its settings from standard input and ships until that is closed, then once more. The root
of every segment is told to the control plane; what could not be told is told later, read from the
table, so a shipped segment is never forgotten.
"""

from __future__ import annotations

import pickle
import select
import signal
import sys
from datetime import datetime
from typing import Any

import msgspec
import structlog

from seawall.adapters.decisions import segments, ship
from seawall.adapters.telemetry.logs import set_up_logs
from seawall.gateway.link import Link
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.state import replace
from seawall.kernel import Corrupt, Unavailable

_log: Any = structlog.get_logger("seawall.gateway.ship")


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

    def work(self) -> None:
        """Ship what is sealed and tell what is new; what fails now is tried the next time."""
        root = self._settings.table_root
        try:
            shipped = ship(
                self._settings.log_folder,
                root,
                clock=self._settings.clock,
                keys=self._settings.keyring(),
            )
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


def main() -> None:
    """Ship until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway closes the pipe when it is done
    set_up_logs("info", "json")
    settings, gateway = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from the process that started us
    link = Link(settings.control_url, settings.token)
    shipper = Shipper(settings, gateway, link)
    while True:
        ended = bool(select.select([sys.stdin], [], [], settings.ship_seconds)[0])
        try:
            shipper.work()
        except Exception:  # noqa: BLE001 -- the outermost loop of the process
            _log.exception("shipping")
        if ended:
            return


if __name__ == "__main__":
    main()
