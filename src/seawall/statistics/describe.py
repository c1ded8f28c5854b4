"""Summaries for people and scripts: the facts that are read off the counts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.distinct import Distinct
from seawall.statistics.summary import OTHERS, ColumnSummary

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def describe(summary: ColumnSummary, distinct: Distinct | None = None) -> dict[str, Any]:
    """One column: kind, rows, missing; `low`, `high`, `mean`, `sd`, `quantiles` where values have
    an order (datetimes in ISO 8601, UTC); the most frequent `top` values; `distinct`, an estimate.

    What is not there is null; infinite extremes are the texts "inf" and "-inf".
    """
    kind = summary.grid.kind
    found: dict[str, Any] = {
        "kind": kind,
        "rows": summary.rows,
        "missing": summary.missing,
        "missing_share": _number(summary.missing_share),
    }
    if summary.grid.ordered:
        say = _moment if kind == "datetime" else _number
        held = summary.n > 0
        found |= {
            "low": say(summary.low) if held else None,
            "high": say(summary.high) if held else None,
            "mean": say(summary.mean),
            "sd": _number(summary.sd),
            "quantiles": {f"{q:g}": say(summary.quantile(q)) for q in QUANTILES},
            "clipped": summary.clipped,
        }
        if kind == "datetime" and found["sd"] is not None:
            found["sd"] /= 1e6  # seconds
    found["top"] = [{"value": v, "count": c} for v, c in top(summary)]
    counted = different(summary, distinct)
    return found | ({"distinct": counted.to_dict()} if counted else {})


def top(summary: ColumnSummary) -> list[tuple[str | float, int]]:
    """The most frequent values that are counted apart: categories, atoms, small integers."""
    counts = summary.counts[summary.grid.exact]
    values: list[str | float]
    if summary.grid.ordered:
        values = summary.grid.edges[:-1][summary.grid.exact].tolist()
        if summary.grid.kind == "integer":
            values = [int(v) for v in values]
    else:
        values = [*summary.grid.categories, *(name for name, _ in summary.others)]
        counts = np.concatenate([counts, [count for _, count in summary.others]])
    order = np.argsort(-counts, kind="stable")[:TOP].tolist()
    return [(values[i], int(counts[i])) for i in order if counts[i]]


def different(
    summary: ColumnSummary, distinct: Distinct | None, confidence: float = 0.95
) -> Estimate | None:
    """How many different values a column has: counted where every one is kept, else estimated."""
    n = summary.n
    if summary.grid.ordered and not summary.counts[~summary.grid.exact].any():
        count = float(np.count_nonzero(summary.counts))
        return Estimate(count, count, count, confidence, n, "counted")
    if not summary.grid.ordered and len(summary.others) < OTHERS:
        count = float(np.count_nonzero(summary.counts[:-1]) + len(summary.others))
        return Estimate(count, count, count, confidence, n, "counted")
    return distinct.estimate(n, confidence) if distinct else None


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _moment(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    try:
        return (_EPOCH + timedelta(microseconds=value)).isoformat()
    except OverflowError:
        return f"{value:g} µs"
