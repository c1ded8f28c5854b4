"""Drift of one table from another, with no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np

from seawall.adapters.tables import batches
from seawall.kernel import BadInput
from seawall.sdk.report import CONFIDENCE, Report, Table
from seawall.statistics.column import Column
from seawall.statistics.counting import summarise_table
from seawall.statistics.drift import Drift
from seawall.statistics.drift import drift as compare
from seawall.statistics.grid import Grid, make_grid
from seawall.statistics.summary import TableSummary


class DriftReport(Report, frozen=True):
    """What `drift` found."""

    subject = "drift"


def drift(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> DriftReport:
    """How far each column of `current` has moved from `reference`.

    `columns`: all that both tables have by default, without dates and times, which always move.
    `tolerances` by deciding measure (ks, total_variation, missing_difference) or column. Parquet
    is read a million rows at a time. Raises `BadInput` on unreadable tables and unknown columns.
    """
    pieces, grids, left_out = _baseline(reference, columns)
    old = reduce(TableSummary.merge, (summarise_table(b, grids) for b in pieces))
    new: TableSummary | None = None
    extra: list[str] = []
    for batch in batches(current, None if columns is None else list(grids)):
        extra = [name for name in batch if name not in grids and name not in left_out]
        part = summarise_table(batch, grids)
        new = part if new is None else new.merge(part)
    assert new is not None
    found: Drift = compare(old, new, tolerances=tolerances or {}, confidence=CONFIDENCE)
    body = found.to_dict()
    body.pop("verdict")
    return DriftReport(found.verdict, body | {"not_compared": sorted({*left_out, *extra})})


def _baseline(
    reference: Table, columns: Sequence[str] | None
) -> tuple[Iterable[dict[str, Column]], dict[str, Grid], list[str]]:
    """The reference in pieces, a grid for each compared column, and what is not compared.

    A reference of several pieces is read twice: every 16th row for the grids, then all.
    """
    stream = batches(reference, columns)
    whole, more = next(stream), next(stream, None)
    pieces: Iterable[dict[str, Column]] = [whole]
    if more is not None:
        whole = _joined([_sixteenth(b) for b in chain([whole, more], stream)])
        pieces = batches(reference, columns)
    grids: dict[str, Grid] = {}
    left_out: list[str] = []
    for name, values in whole.items():
        grid = make_grid(values)
        if grid.kind == "datetime" and columns is None:
            left_out.append(name)
        else:
            grids[name] = grid
    if not grids:
        raise BadInput("the reference has no column to compare")
    return pieces, grids, left_out


def _sixteenth(batch: dict[str, Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in batch.items():
        if isinstance(values, tuple):
            words = np.array([*values[1], None], object)
            found[name] = words[values[0][::16]]
        else:
            found[name] = values[::16]
    return found


def _joined(parts: list[dict[str, Any]]) -> dict[str, Column]:
    whole: dict[str, Column] = {}
    for name in parts[0]:
        columns = [p[name] for p in parts]
        masked = any(isinstance(c, np.ma.MaskedArray) for c in columns)
        whole[name] = np.ma.concatenate(columns) if masked else np.concatenate(columns)
    return whole
