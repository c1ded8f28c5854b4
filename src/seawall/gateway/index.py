"""Rows of fixed width by decision id, on disk: found by binary search, never held in memory.

A folder for each hour of the decisions' ids holds *runs*: the rows of some batches, sorted by id,
column after column in one file named `FIRST-LAST` by the batches it holds.

    ids, 16 bytes each | first column | second column | …

Small runs are merged, so that an hour has a few. A merged run takes the place of the runs whose
batches it holds: after a crash it may stand beside them, and they are removed. Runs of batches that
were never committed are removed too. Only values are changed in place (`put`), which may be
repeated.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.bytes_]
"""Decision ids, sixteen bytes each (S16: they compare as they sort in time)."""
Rows = NDArray[np.void]
"""Rows with named fields (a structured array)."""

HOUR_MS = 3_600_000
MOST_ROWS = 1 << 18
"""A run is not merged beyond so many rows; this bounds the memory that merging takes."""
MOST_RUNS = 8
"""So many runs of the present hour are borne before small ones are merged."""
_ROW = 40
"""Bits for the row within a run, in the number of a place."""


class Run(NamedTuple):
    """One file of rows: of which hour, of which batches, and how many rows."""

    hour: int
    first: int
    last: int
    rows: int


class Found(NamedTuple):
    """Where ids are: `place` numbers a row of one of the `runs`, -1 where the id is not held."""

    runs: list[Run]
    place: NDArray[np.int64]

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which of the ids there are."""
        return self.place >= 0

    def at(self, which: NDArray[Any]) -> Found:
        """Some of the places."""
        return Found(self.runs, self.place[which])


class Index:
    """Runs of one kind of rows: of `kind`, whose first field is `id`."""

    def __init__(self, folder: Path, kind: np.dtype[np.void], committed: int) -> None:
        self._folder, self._kind = folder, kind
        self._names = kind.names or ()
        self._hours: dict[int, list[Run]] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in sorted(folder.iterdir(), key=lambda p: int(p.name)):
            if runs := self._survivors(place, committed):
                self._hours[int(place.name)] = runs
            else:  # of a batch that never counted, or forgotten but for its folder
                place.rmdir()

    @property
    def rows(self) -> int:
        """Rows held."""
        return sum(run.rows for runs in self._hours.values() for run in runs)

    @property
    def hours(self) -> list[int]:
        """The hours that have rows, as hours since the epoch."""
        return sorted(self._hours)

    def add(self, batch: int, rows: Rows) -> None:
        """Write the rows of a batch; they count once the batch is committed."""
        hours = hours_of(rows["id"])
        for hour in np.unique(hours).tolist():
            mine = rows[hours == hour]
            order = np.argsort(mine["id"], kind="stable")
            run = Run(hour, batch, batch, len(mine))
            self._write(run, [mine[name][order] for name in self._names])
            self._hours.setdefault(hour, []).append(run)

    def find(self, ids: Ids) -> Found:
        """Where these ids are held."""
        runs: list[Run] = []
        place = np.full(len(ids), -1, np.int64)
        hours = hours_of(ids)
        for hour in np.unique(hours).tolist():
            mine = np.flatnonzero(hours == hour)
            mine = mine[np.argsort(ids[mine])]
            for run in self._hours.get(hour, ()):
                held = self._column(run, "id")
                at = np.minimum(np.searchsorted(held, ids[mine]), run.rows - 1)
                hit = held[at] == ids[mine]
                place[mine[hit]] = len(runs) << _ROW | at[hit]
                runs.append(run)
        return Found(runs, place)

    def get(self, found: Found) -> Rows:
        """The rows at places, zero where nothing is held."""
        values = np.zeros(len(found.place), self._kind)
        for run, mine, rows in self.split(found):
            for name in self._names:
                values[name][mine] = self._column(run, name)[rows]
        return values

    def split(self, found: Found) -> list[tuple[Run, NDArray[np.intp], NDArray[np.int64]]]:
        """By run: which of the ids it holds, and in which rows."""
        which = found.place >> _ROW
        parts: list[tuple[Run, NDArray[np.intp], NDArray[np.int64]]] = []
        for number, run in enumerate(found.runs):
            mine = np.flatnonzero(found.held & (which == number))
            if mine.size:
                parts.append((run, mine, found.place[mine] & ((1 << _ROW) - 1)))
        return parts

    def put(self, run: Run, rows: NDArray[np.int64], fields: Mapping[str, NDArray[Any]]) -> None:
        """Change values in place; nothing is done when the run has been merged into another."""
        if not self._path(run).exists():
            return
        for name, values in fields.items():
            column = self._column(run, name, "r+")
            column[rows] = values
            column.flush()

    def settle(self, present: int) -> None:
        """Merge what is small; hours before the present one are merged as far as may be."""
        for hour, runs in self._hours.items():
            past = hour < present - 1
            if len(runs) < (2 if past else MOST_RUNS):
                continue
            while len(runs) > 1:
                last, before = runs[-1], runs[-2]
                small = past or before.rows < 2 * last.rows
                if not small or before.rows + last.rows > MOST_ROWS:
                    break
                runs[-2:] = [self._merge(before, last)]

    def prune(self, hours: Iterable[int]) -> None:
        """Forget these hours."""
        for hour in hours:
            self._hours.pop(hour, None)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._folder / str(hour))

    def unique(self, hour: int, name: str) -> NDArray[Any]:
        """The different values of a field within an hour that has rows."""
        parts = [np.unique(self._column(run, name)) for run in self._hours[hour]]
        return np.unique(np.concatenate(parts))

    def _merge(self, a: Run, b: Run) -> Run:
        merged = Run(a.hour, a.first, b.last, a.rows + b.rows)
        order = np.argsort(self._both(a, b, "id"), kind="stable")
        self._write(merged, (self._both(a, b, name)[order] for name in self._names))
        for run in (a, b):
            self._path(run).unlink()
        return merged

    def _both(self, a: Run, b: Run, name: str) -> NDArray[Any]:
        return np.concatenate([self._column(a, name), self._column(b, name)])

    def _write(self, run: Run, columns: Iterable[NDArray[Any]]) -> None:
        path = self._path(run)
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            _sync(self._folder)
        draft = path.with_name(f".{path.name}")
        with draft.open("wb") as file:
            for column in columns:
                file.write(np.ascontiguousarray(column).data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)

    def _column(self, run: Run, name: str, mode: Literal["r", "r+"] = "r") -> Any:
        at = self._names.index(name)  # rows are packed: a field begins after those before it
        kind, offset = self._kind[at], sum(self._kind[i].itemsize for i in range(at))
        return np.memmap(self._path(run), kind, mode, offset * run.rows, (run.rows,))

    def _path(self, run: Run) -> Path:
        return self._folder / str(run.hour) / f"{run.first:012d}-{run.last:012d}"

    def _survivors(self, folder: Path, committed: int) -> list[Run]:
        """The runs of an hour that count; the others are removed."""
        runs: list[Run] = []
        for path in folder.iterdir():
            if path.name.startswith("."):
                path.unlink()
                continue
            first, _, last = path.name.partition("-")
            rows = path.stat().st_size // self._kind.itemsize
            runs.append(Run(int(folder.name), int(first), int(last), rows))
        runs.sort(key=lambda run: (run.first, -run.last))
        kept: list[Run] = []
        for run in runs:
            if run.last > committed or (kept and run.last <= kept[-1].last):
                self._path(run).unlink()
            else:
                kept.append(run)
        return kept


def hours_of(ids: Ids) -> NDArray[np.int64]:
    """The hour since the epoch in which each id was made."""
    digits = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 16)[:, :6].astype(np.int64)
    return (digits @ (1 << np.arange(40, -1, -8, dtype=np.int64))) // HOUR_MS


def ids_of(texts: Iterable[str]) -> Ids:
    """UUIDs as they are written, as bytes."""
    return np.frombuffer(bytes.fromhex("".join(texts).replace("-", "")), "S16")


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
