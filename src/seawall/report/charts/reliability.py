"""The reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from seawall.kernel import Estimate
from seawall.report.charts.parts import BLUE, GREY, INK, Spec, drawn, specification, table_of
from seawall.report.document import Chart
from seawall.report.words import cell_text, number

_SIDE = 260


class ReliabilityPoint(msgspec.Struct, frozen=True):
    """Scores of one bin: their mean, the observed rate of the positive label, and how many."""

    predicted: float
    observed: Estimate
    rows: int


def reliability(points: Sequence[ReliabilityPoint], *, title: str, side: int = _SIDE) -> Chart:
    """Observed against predicted rate with bands, the counts as bars below."""
    intervals = drawn([p.observed for p in points])
    values = [
        {
            "predicted": p.predicted,
            "rows": p.rows,
            "said": f"predicted {number(p.predicted)}: observed {cell_text(p.observed)}",
            **interval,
        }
        for p, interval in zip(points, intervals, strict=True)
    ]
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    x = {"field": "predicted", "title": "predicted probability", **unit}
    diagram: Spec = {
        "width": side,
        "height": side,
        "layer": [
            {
                "data": {"values": [{"p": 0, "o": 0}, {"p": 1, "o": 1}]},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": INK, "opacity": 0.5},
                "encoding": {"x": {"field": "p", **unit}, "y": {"field": "o", **unit}},
            },
            {
                "mark": {"type": "rule", "color": BLUE, "strokeWidth": 2, "clip": True},
                "encoding": {
                    "x": x,
                    "y": {"field": "low", "title": "observed rate", **unit},
                    "y2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "color": BLUE, "size": 40},
                "encoding": {
                    "x": x,
                    "y": {"field": "value", **unit},
                    "description": {"field": "said"},
                },
            },
        ],
    }
    counts: Spec = {
        "width": side,
        "height": 60,
        "mark": {"type": "bar", "color": GREY, "width": 12},
        "encoding": {"x": x, "y": {"field": "rows", "type": "quantitative", "title": "rows"}},
    }
    spec = specification({"data": {"values": values}, "vconcat": [diagram, counts]})
    rows = tuple((p.predicted, p.observed, p.rows) for p in points)
    table = table_of(title, ("predicted", "observed", "rows"), rows)
    furthest = max(points, key=lambda p: abs(p.predicted - p.observed.value), default=None)
    summary = (
        f"{len(points)} bins; furthest from the diagonal where {number(furthest.predicted)} "
        f"is predicted and {number(furthest.observed.value)} observed."
        if furthest
        else "No bins."
    )
    return Chart(title, spec, summary, table)
