"""Scores, labels and groups of a table, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seawall.kernel import BadInput
from seawall.statistics.column import Column, numbers
from seawall.statistics.grid import Grid, heavy
from seawall.statistics.score import ScoreSummary, summarise_scores


def repeated(values: Column, name: str, source: str = "") -> tuple[float, ...]:
    """The scores that many rows share, for a grid; `BadInput` that names the column on text."""
    try:
        return heavy(numbers(values)[0])
    except BadInput as error:
        raise BadInput(
            "numbers are expected, not text", remedy="convert the column",
            where=f"{source}, column {name}" if source else f"column {name}",
        ) from error  # fmt: skip


def count_scores(
    table: Mapping[str, Column], score: str, label: str | None,
    groups: Sequence[tuple[str, ...]], grid: Grid, source: str = "",
) -> ScoreSummary:  # fmt: skip
    """The score summary of these columns; `BadInput` that names `source` and the column."""
    single = dict.fromkeys(c for by in groups for c in by)
    try:
        return summarise_scores(
            table[score],
            table[label] if label else None,
            {name: table[name] for name in single},
            intersections=[by for by in groups if len(by) > 1],
            grid=grid,
        )
    except BadInput as error:
        columns = f"score {score}" + (f", label {label}" if label else "")
        raise error.at(f"{source}, {columns}" if source else columns) from error
