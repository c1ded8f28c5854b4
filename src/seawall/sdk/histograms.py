"""Counts in few bins of the columns that a reader of a drift report will want to see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.statistics.summary import FURTHEST, ColumnSummary, TableSummary, equal_bins

DRAWN = 6
"""Passing columns that are drawn, the furthest moved first."""
MOST = 40
"""Columns that are drawn at most."""
BINS, MOST_CATEGORIES = 24, 10


def with_histograms(
    result: dict[str, Any], reference: TableSummary, current: TableSummary
) -> dict[str, Any]:
    """The same result with `histogram` for columns that did not pass and the furthest others.

    `{"edges" | "categories", "reference": counts, "current": counts}`: `edges` are one more than
    the counts, and rows beyond the ends are in the outermost bins.
    """
    features: Mapping[str, Any] = result["features"]
    ranked = sorted(features, key=lambda name: (_passed(features[name]), -_moved(features[name])))
    open_ = sum(not _passed(features[name]) for name in ranked)
    drawn = ranked[: min(MOST, max(open_, DRAWN))]
    told = {
        name: {**f, "histogram": counts(reference.columns[name], current.columns[name])}
        if name in drawn and reference.columns[name].n
        else f
        for name, f in features.items()
    }
    return {**result, "features": told}


def counts(reference: ColumnSummary, current: ColumnSummary) -> dict[str, Any]:
    """Both samples in the same bins, between the outer 0.5% of both together."""
    if not reference.grid.ordered:
        return _categories(reference, current)
    both = [s for s in (reference, current) if s.n]
    low = max(min(s.quantile(0.005) for s in both), -FURTHEST)
    high = min(max(s.quantile(0.995) for s in both), FURTHEST)
    edges = _edges(low, high, whole=reference.grid.kind == "integer")
    old, new = reference.binned(edges), current.binned(edges)
    return {
        "edges": [float(e) for e in edges],
        "reference": list(old.counts),
        "current": list(new.counts),
    }


def _edges(low: float, high: float, *, whole: bool) -> NDArray[Any]:
    if not low < high:
        half = max(0.5, abs(low) * 2.0**-52)  # no float lies nearer to a huge one
        return np.clip([low - half, low + half], -FURTHEST, FURTHEST)
    if not whole:
        return equal_bins(low, high, BINS)
    low, high = max(low, -(2.0**63)), min(high, 2.0**63)  # what else came among them is no integer
    # no bin holds more integers than another, nor is it too narrow for a float of that size
    step = max(np.ceil((high - low + 1) / BINS), np.spacing(max(-low, high, 2.0**52)))
    first = float(np.floor(low)) - 0.5
    return first + step * np.arange(int(np.ceil((high - first) / step)) + 1)


def _categories(reference: ColumnSummary, current: ColumnSummary) -> dict[str, Any]:
    """The heaviest categories of both together; all others, new ones too, are the last."""
    names = reference.grid.categories
    weight = _shares(reference) + _shares(current)
    order = np.argsort(-weight[: len(names)], kind="stable")[:MOST_CATEGORIES]
    old = [int(reference.counts[i]) for i in order]
    new = [int(current.counts[i]) for i in order]
    rest = (reference.n - sum(old), current.n - sum(new))
    shown = [names[i] for i in order]
    if any(rest):
        shown, old, new = [*shown, "all others"], [*old, rest[0]], [*new, rest[1]]
    return {"categories": shown, "reference": old, "current": new}


def _shares(summary: ColumnSummary) -> NDArray[Any]:
    return summary.counts / max(summary.n, 1)


def _passed(feature: Mapping[str, Any]) -> bool:
    return feature["verdict"]["outcome"] == "pass"


def _moved(feature: Mapping[str, Any]) -> float:
    measures = feature["measures"]
    found = measures.get("ks") or measures.get("total_variation") or {}
    return found.get("value") or 0.0
