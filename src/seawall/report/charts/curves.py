"""A measure over all thresholds, with its band."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from seawall.report.charts.parts import BLUE, INK, NUMBER, SMALL, Spec, specification, table_of
from seawall.report.document import Chart
from seawall.report.words import number

Values = Sequence[float | None]


def curve(
    thresholds: Sequence[float], value: Values, low: Values, high: Values,
    *, title: str, measure: str, marked: float | None = None,
) -> Chart:  # fmt: skip
    """One measure at each threshold in its pointwise band; `marked` is the threshold in use."""
    points = [
        {"threshold": t, "value": v, "low": a, "high": b}
        for t, v, a, b in zip_longest(thresholds, value, low, high)
    ]
    x = {"field": "threshold", "type": "quantitative", "title": "threshold"}
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "color": BLUE, "opacity": 0.2},
            "encoding": {"x": x, "y": {"field": "low", "title": None, **NUMBER},
                         "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "color": BLUE, "strokeWidth": 1.75},
            "encoding": {"x": x, "y": {"field": "value", **NUMBER}},
        },
    ]  # fmt: skip
    if marked is not None:
        rule = {"type": "rule", "color": INK, "strokeDash": [4, 3], "opacity": 0.7}
        layers.append(
            {
                "data": {"values": [{"threshold": marked}]},
                "mark": rule,
                "encoding": {"x": {"field": "threshold", "type": "quantitative"}},
            }
        )
    body = {"width": SMALL, "height": 130, "data": {"values": points}, "layer": layers}
    rows = tuple(zip(thresholds, value, low, high, strict=True))
    known = [(v, t) for t, v in zip(thresholds, value, strict=True) if v is not None]
    summary = "No thresholds."
    if known:
        (least, a), (most, b) = min(known), max(known)
        summary = (
            f"{measure} is between {number(least)}, at {number(a)}, and {number(most)}, "
            f"at {number(b)}."
        )
    table = table_of(title, ("threshold", measure, "low", "high"), rows)
    return Chart(title, specification(body), summary, table)
