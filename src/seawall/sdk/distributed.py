"""Spark data frames as summaries: the same counting code, run by the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from seawall.adapters.spark import count, head, types
from seawall.adapters.tables import chosen
from seawall.sdk.summaries import NEW, Counted, Reference, reference_summary, summary_on
from seawall.statistics.grid import Grid
from seawall.statistics.summary import TableSummary
from seawall.statistics.text import counted, sources

_SAMPLE = 1 << 18
_WHERE = "the Spark data frame"


def reference_frame(frame: Any, columns: Sequence[str] | None, *, times: bool) -> Reference:
    """A frame counted on grids that are made from the first rows of its partitions."""
    names = chosen(columns, types(frame).names, _WHERE)
    known = reference_summary(head(frame, names, _SAMPLE), columns, times=times)
    return Reference(known.grids, _count(frame, known.grids), known.left_out)


def frame_on(frame: Any, grids: Mapping[str, Grid], *, every_column: bool) -> Counted:
    """A frame counted on the grids of a reference; `BadInput` as for any table."""
    there = types(frame).names
    names = chosen(sources(grids), there, _WHERE)
    extra = {name: NEW for name in there if name not in names}
    return Counted(_count(frame, grids), extra if every_column else {})


def _count(frame: Any, grids: Mapping[str, Grid]) -> TableSummary:
    names = sources(grids)
    found = TableSummary.from_bytes(count(frame, names, partial(_counted, dict(grids)), _merged))
    return TableSummary(found.rows, {n: found.columns[n] for n in counted(names, grids)})


def _counted(grids: dict[str, Grid], table: Any) -> bytes:
    # Spark runs a worker for each core already
    return summary_on(table, grids, every_column=False, threads=1).summary.to_bytes()


def _merged(mine: bytes, other: bytes) -> bytes:
    return TableSummary.from_bytes(mine).merge(TableSummary.from_bytes(other)).to_bytes()
