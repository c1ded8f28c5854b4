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
        self._tried = len(self._read() or ())

    @property
    def waiting(self) -> int:
        """Rows that the control plane is not known to have."""
        return len(self._waiting) + self._tried

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
        rows = self._read()
        if rows is None:
            if not self._waiting:
                return None
            (self._folder / "waiting").rename(self._path)
            rows = tuple((*key, body) for key, body in self._waiting.items())
            self._waiting, self._tried = {}, len(rows)
        return Report(gateway=self._gateway, sequence=self._acknowledged + 1, rows=rows)

    def acknowledge(self, report: Report) -> None:
        """The control plane has this report."""
        replace(self._folder / "sequence", str(report.sequence).encode())
        path, self._acknowledged, self._tried = self._path, report.sequence, 0
        path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        """The report under way."""
        return self._folder / f"{self._acknowledged + 1}.report"

    def _read(self) -> tuple[Row, ...] | None:
        """The rows of the report under way, if there is one."""
        try:
            return _rows.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
