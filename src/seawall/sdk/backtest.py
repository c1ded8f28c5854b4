"""What a drift monitor would have done over the past, with no server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from seawall.adapters.tables import open_source
from seawall.kernel import BadInput, Rule, Verdict, Window, from_ns
from seawall.monitoring.backtest import SIZES, Backtest, magnitude
from seawall.monitoring.backtest import backtest as replay
from seawall.monitoring.looking import YEAR, Looking
from seawall.monitoring.seasonal import HOUR, HOURS, SeasonalBaseline
from seawall.report.document import Document
from seawall.sdk.report import Progress, Report, Table, named
from seawall.sdk.summaries import SameTypes, reference_summary
from seawall.statistics.column import Column, take
from seawall.statistics.counting import summarise_table
from seawall.statistics.deciding import check_tolerances
from seawall.statistics.grid import Grid
from seawall.statistics.summary import TableSummary
from seawall.statistics.text import on_grids, sources

MICRO = timedelta(microseconds=1)
_MONDAY = 4 * 24
"""Hours from the epoch, a Thursday, to the first Monday."""


class BacktestReport(Report, frozen=True):
    """What `backtest` found."""

    subject = "backtest"

    def _document(self) -> Document:
        from seawall.report.from_backtest import backtest_document

        return backtest_document(self.to_dict())


class Cut(NamedTuple):
    """A history by window, as bytes since counts are mostly zeros, and what was odd about it."""

    parts: dict[int, bytes]
    rows: int
    undated: int
    backward: int


def backtest(
    reference: Table,
    history: Table,
    *,
    time: str,
    window: timedelta = timedelta(days=1),
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
    change: datetime | None = None,
    between: timedelta = YEAR,
    progress: Progress | None = None,
) -> BacktestReport:
    """How often, on what and how late these tolerances would have alarmed over a history.

    `history` is cut into windows of `window` by its column `time`, aligned to the epoch. Where the
    reference has that column too, a window is compared with the same hours of the week. `change`,
    when something is known to have changed, tells false alarms (before) from the delay (after).
    One false alarm in `between` is what the monitor promises for all columns together. Passes when
    false alarms are shown to come at most that often, else undecided or fails. Raises `BadInput` on
    unreadable tables, a time that is none, and unknown columns.
    """
    if not timedelta(0) < window < between:
        raise BadInput(
            f"a window of {window / timedelta(days=1):,g} days is not shorter than the "
            f"{between / timedelta(days=1):,g} days between false alarms",
            remedy="look more often, say 1d",
        )
    names = None if columns is None else [c for c in columns if c != time]
    inputs = named(reference=reference, history=history)
    base = reference_summary(reference, names, progress)
    grids = {name: grid for name, grid in base.grids.items() if name != time}
    check_tolerances(tolerances or {}, grids)
    if not base.summary.rows:
        raise BadInput("there are no rows", where=inputs["reference"], remedy="give past rows")
    baseline = _seasonal(reference, grids, time, window, base.summary)
    cut = _cut(history, grids, time, window // MICRO, progress)
    found = replay(
        baseline, _windows(cut, window), tolerances or {},
        looking=Looking(interval=window, mean_time_between_false_alarms=between), change=change,
    )  # fmt: skip
    body, verdict = _body(found, between), _verdict(found, between)
    body["rows"] = {"reference": base.summary.rows, "history": cut.rows}
    body["notes"] = _notes(cut, found, time)
    return BacktestReport(verdict, body, inputs)


def _cut(
    source: Table, grids: Mapping[str, Grid], time: str, size: int, progress: Progress | None
) -> Cut:
    parts: dict[int, bytes] = {}
    rows = undated = backward = 0
    last: int | None = None
    for batch, stamps in _pieces(source, grids, time):
        known = np.flatnonzero(~np.isnat(stamps))
        undated += stamps.size - known.size
        at = stamps[known].astype(np.int64)
        path = at if last is None else np.concatenate([[last], at])
        backward += int((np.diff(path) < 0).sum())
        last = int(at[-1]) if at.size else last
        rows += at.size
        if progress:
            progress("history", rows + undated, None)
        for place, chosen in _groups(at // size):
            part = summarise_table(_rows(batch, grids, known[chosen]), grids)
            if place in parts:
                part = part.merge(TableSummary.from_bytes(parts[place]))
            parts[place] = part.to_bytes()
    if not parts:
        raise BadInput(
            "no row has a time", where=f"{named(history=source)['history']}, column {time}",
            remedy="name the column of times by --time",
        )  # fmt: skip
    return Cut(parts, rows, undated, backward)


def _windows(cut: Cut, size: timedelta) -> Iterator[tuple[Window, TableSummary]]:
    for place in sorted(cut.parts):
        start = from_ns(place * (size // MICRO) * 1000)
        yield Window(start, start + size), TableSummary.from_bytes(cut.parts[place])


def _seasonal(
    reference: Table, grids: Mapping[str, Grid], time: str, window: timedelta, pooled: TableSummary
) -> TableSummary | SeasonalBaseline:
    """By hour of the week where the reference has times, and windows shorter than a week."""
    if window >= HOURS * HOUR or time not in open_source(reference).columns:
        return pooled
    step = 24 if window % timedelta(days=1) == timedelta(0) else 1
    parts: dict[int, bytes] = {}
    for batch, stamps in _pieces(reference, grids, time):
        known = np.flatnonzero(~np.isnat(stamps))
        hours = (stamps[known].astype(np.int64) // (HOUR // MICRO) - _MONDAY) % HOURS
        for place, chosen in _groups(hours // step * step):
            part = summarise_table(_rows(batch, grids, known[chosen]), grids)
            if place in parts:
                part = part.merge(TableSummary.from_bytes(parts[place]))
            parts[place] = part.to_bytes()
    if not parts:
        return pooled
    read = ((hour, TableSummary.from_bytes(data)) for hour, data in parts.items())
    return SeasonalBaseline.of(read, step)


def _pieces(
    source: Table, grids: Mapping[str, Grid], time: str
) -> Iterator[tuple[dict[str, Column], NDArray[Any]]]:
    """The columns of each piece, of the type that their grids are of, and its times."""
    there = open_source(source)
    names = there.chosen([*sources(grids), time])
    types = SameTypes(there, grids)
    for piece in there.pieces:
        read = piece.read(names)
        values = types.checked(on_grids(read, grids), piece.where)
        yield values, _stamps(read[time], f"{piece.where}, column {time}")
    types.close()


def _stamps(values: Column, where: str) -> NDArray[Any]:
    if isinstance(values, tuple) or values.dtype.kind != "M":
        raise BadInput(
            "times are expected", where=where, remedy="convert it to a date or a timestamp"
        )
    return np.asarray(values).astype("datetime64[us]")


def _groups(places: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each place with the rows that fall there, in their order."""
    if not places.size:
        return
    order = np.argsort(places, kind="stable")
    found, first = np.unique(places[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, first[1:]), strict=True)


def _rows(
    batch: Mapping[str, Column], grids: Mapping[str, Grid], chosen: NDArray[np.int64]
) -> dict[str, Column]:
    return {name: take(batch[name], chosen) for name in grids}


def _verdict(found: Backtest, between: timedelta) -> Verdict:
    return Rule("false_alarms_per_year", at_most=YEAR / between).judge(found.per_year)


def _notes(cut: Cut, found: Backtest, time: str) -> list[str]:
    notes: list[str] = []
    if cut.undated:
        notes.append(f"{cut.undated:,} rows without a time in {time} were left out")
    if cut.backward:
        notes.append(
            f"time goes backward {cut.backward:,} times in {time}; rows were sorted into windows"
        )
    first, last = found.windows[0], found.windows[-1]
    empty = (last.end - first.start) // (first.end - first.start) - len(found.windows)
    if empty:
        notes.append(f"{empty:,} windows between the first and the last have no rows")
    return notes


def _body(found: Backtest, between: timedelta) -> dict[str, Any]:
    measures = dict.fromkeys(j.measure for j in found.judged)
    return {
        "windows": {
            "count": len(found.windows),
            "seconds": (found.windows[0].end - found.windows[0].start).total_seconds(),
            "first": found.windows[0].start.isoformat(),
            "last": found.windows[-1].end.isoformat(),
            "before_change": found.quiet,
            "compared_with": {text: found.like.count(text) for text in dict.fromkeys(found.like)},
        },
        "looking": found.looking.sentence,
        "mean_days_between_false_alarms": between / timedelta(days=1),
        "alarms": [
            {"column": a.column, "measure": a.measure, "start": a.first.start.isoformat(),
             "end": a.first.end.isoformat(), "windows": a.windows,
             "largest": a.largest.to_dict(), "false": a in found.false_alarms}
            for a in found.alarms
        ],
        "false_alarms_per_year": found.per_year.to_dict(),
        "tolerances": {
            m: {"now": sorted({j.tolerance for j in found.judged if j.measure == m}),
                "one_a_year": found.one_a_year(m).to_dict()}
            for m in measures
        },
        "features": _features(found),
        "delays": [structs.asdict(found.delay(size)) for size in SIZES],
        "change": None if found.change is None else {
            "at": found.change.isoformat(), "seconds_to_alarm": found.seconds_to_alarm,
        },
    }  # fmt: skip


def _features(found: Backtest) -> list[dict[str, Any]]:
    """One row for each measure of each column, the largest lower bound against tolerance first."""
    rows: list[dict[str, Any]] = []
    for j in found.judged:
        alarms = [a for a in found.alarms if (a.column, a.measure) == (j.column, j.measure)]
        rows.append({
            "column": j.column, "kind": j.kind, "measure": j.measure, "tolerance": j.tolerance,
            "alarms": len(alarms), "windows": sum(a.windows for a in alarms),
            "largest": max(j.bounds, key=magnitude).to_dict(),
            "seen": [found.delay(size, [j]).seen for size in SIZES],
        })  # fmt: skip
    rows.sort(key=lambda r: -(r["largest"]["low"] or 0.0) / (r["tolerance"] or 1.0))
    return rows
