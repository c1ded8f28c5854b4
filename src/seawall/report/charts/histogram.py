"""A histogram with its baseline behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from seawall.report.charts.parts import BLUE, GREY, NUMBER, specification, table_of
from seawall.report.document import Chart
from seawall.report.words import number


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    *,
    title: str,
    variable: str,
    baseline: Sequence[float] | None = None,
) -> Chart:
    """Shares per bin as a step outline, the baseline's outline behind; `edges` one more."""
    if len(edges) != len(counts) + 1 or (baseline is not None and len(baseline) != len(counts)):
        raise ValueError(f"{title!r}: {len(counts)} bins need {len(counts) + 1} edges")
    named = {"baseline": baseline, "now": counts} if baseline is not None else {"now": counts}
    shares = {name: _shares(values) for name, values in named.items()}
    values = [
        {"series": name, "x": float(edge), "share": share}
        for name, parts in shares.items()
        for edge, share in zip(edges, [*parts, 0.0], strict=True)
    ]
    colour = {"domain": list(shares), "range": [GREY, BLUE] if baseline is not None else [BLUE]}
    spec = specification(
        {
            "width": 420,
            "height": 200,
            "data": {"values": values},
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
            "encoding": {
                "x": {"field": "x", "title": variable, **NUMBER},
                "y": {"field": "share", "type": "quantitative", "title": "share of rows"},
                "color": {"field": "series", "type": "nominal", "title": None, "scale": colour},
                "strokeDash": {
                    "field": "series",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": ["baseline", "now"], "range": [[4, 3], [1, 0]]},
                },
            },
        }
    )
    bins = [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
    rows = tuple(zip(bins, *shares.values(), strict=True))
    table = table_of(title, (variable, *shares), rows)
    fullest = max(range(len(counts)), key=lambda i: counts[i], default=None)
    summary = "No bins."
    if fullest is not None:
        summary = f"Most rows ({number(100 * shares['now'][fullest])}%) lie in {bins[fullest]}."
    if fullest is not None and baseline is not None:
        summary += f" The baseline has {number(100 * shares['baseline'][fullest])}% there."
    return Chart(title, spec, summary, table)


def _shares(counts: Sequence[float]) -> list[float]:
    total = math.fsum(counts)
    return [float(c) / total if total else 0.0 for c in counts]
