"""Telemetry on its way: kept on disk until the control plane says that it has it.

What was never tried is merged into one waiting report, so a long outage costs one body a window;
what was tried once is sent again as it was, under its number, since it may have arrived.

    waiting          rows not tried yet        N.report     tried, not acknowledged
    sequence         the last number acknowledged

Rows that follow from something else that is kept come in numbered batches: one that is added again
after a crash changes nothing. Each file begins with the last batch that went into it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from seawall.gateway.state import replace
from seawall.serving.telemetry import Report, Row, merge

_kept = msgspec.msgpack.Decoder(tuple[int, tuple[Row, ...]])
_sequence = msgspec.msgpack.Decoder(tuple[int, int])


class Outbox:
    """The reports of one gateway; used by its worker alone."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self._folder, self._gateway = folder, gateway
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._waiting: dict[tuple[str, str, str, str, int], bytes] = {}
        self._saved = True
        self._batch = 0
        with contextlib.suppress(FileNotFoundError):
            batch, rows = _kept.decode((folder / "waiting").read_bytes())
            self._waiting, self._batch = {row[:5]: row[5] for row in rows}, batch
        self._acknowledged = 0
        with contextlib.suppress(FileNotFoundError):
            self._acknowledged, batch = _sequence.decode((folder / "sequence").read_bytes())
            self._batch = max(self._batch, batch)
        self._tried = len(self._read() or ())

    @property
    def waiting(self) -> int:
        """Rows that the control plane is not known to have."""
        return len(self._waiting) + self._tried

    def add(self, rows: tuple[Row, ...], *, batch: int | None = None) -> None:
        """Take rows; when this returns they are on disk. A batch not above the last is no news.

        Raises `OSError` when the disk does not take them; then they are held and saved with others.
        """
        if not rows or (batch is not None and batch <= self._batch):
            return
        self._batch = self._batch if batch is None else batch
        for row in rows:
            held = self._waiting.get(row[:5])
            self._waiting[row[:5]] = row[5] if held is None else merge(held, row[5])
        self._save()

    def next(self) -> Report | None:
        """The report to send, the same until it is acknowledged; None when there is none."""
        rows = self._read()
        if rows is None:
            if not self._waiting:
                return None
            if not self._saved:
                self._save()
            (self._folder / "waiting").rename(self._path)
            rows = tuple((*key, body) for key, body in self._waiting.items())
            self._waiting, self._tried = {}, len(rows)
        return Report(gateway=self._gateway, sequence=self._acknowledged + 1, rows=rows)

    def _save(self) -> None:
        self._saved = False
        kept = tuple((*key, body) for key, body in self._waiting.items())
        replace(self._folder / "waiting", msgspec.msgpack.encode((self._batch, kept)))
        self._saved = True

    def acknowledge(self, report: Report) -> None:
        """The control plane has this report."""
        done = msgspec.msgpack.encode((report.sequence, self._batch))
        replace(self._folder / "sequence", done)
        path, self._acknowledged, self._tried = self._path, report.sequence, 0
        path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        """The report under way."""
        return self._folder / f"{self._acknowledged + 1}.report"

    def _read(self) -> tuple[Row, ...] | None:
        """The rows of the report under way, if there is one."""
        try:
            batch, rows = _kept.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        self._batch = max(self._batch, batch)
        return rows
