"""Telemetry on its way: kept on disk until the control plane says that it has it.

What was never tried is merged into one waiting report, so a long outage costs one body a window;
what was tried once is sent again as it was, under its number, since it may have arrived.

    waiting          rows not tried yet        N.report     tried, not acknowledged
    sequence         the last number acknowledged
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from seawall.gateway.state import replace
from seawall.serving.telemetry import Report, Row, merge

_rows = msgspec.msgpack.Decoder(tuple[Row, ...])


class Outbox:
    """The reports of one gateway; used by its worker alone."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self._folder, self._gateway = folder, gateway
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._waiting: dict[tuple[str, str, str, str, int], bytes] = {}
        with contextlib.suppress(FileNotFoundError):
            for row in _rows.decode((folder / "waiting").read_bytes()):
                self._waiting[row[:5]] = row[5]
        self._acknowledged = 0
        with contextlib.suppress(FileNotFoundError):
            self._acknowledged = int((folder / "sequence").read_text())

    @property
    def waiting(self) -> int:
        """Rows that were not tried yet."""
        return len(self._waiting)

    def add(self, rows: tuple[Row, ...]) -> None:
        """Take rows; when this returns they are on disk."""
        if not rows:
            return
        for row in rows:
            held = self._waiting.get(row[:5])
            self._waiting[row[:5]] = row[5] if held is None else merge(held, row[5])
        kept = tuple((*key, body) for key, body in self._waiting.items())
        replace(self._folder / "waiting", msgspec.msgpack.encode(kept))

    def next(self) -> Report | None:
        """The report to send, the same until it is acknowledged; None when there is none."""
        number = self._acknowledged + 1
        path = self._folder / f"{number}.report"
        if not path.exists():
            if not self._waiting:
                return None
            (self._folder / "waiting").rename(path)
            self._waiting = {}
        rows = _rows.decode(path.read_bytes())
        return Report(gateway=self._gateway, sequence=number, rows=rows)

    def acknowledge(self, report: Report) -> None:
        """The control plane has this report."""
        replace(self._folder / "sequence", str(report.sequence).encode())
        self._acknowledged = report.sequence
        (self._folder / f"{report.sequence}.report").unlink(missing_ok=True)
