"""Estimates over time, and evidence as it arrives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

from seawall.kernel import Estimate
from seawall.report.charts.parts import (
    BLUE,
    INK,
    NUMBER,
    Spec,
    band,
    bounds,
    drawn,
    specification,
    table_of,
)
from seawall.report.document import Chart
from seawall.report.words import number


class EventMark(msgspec.Struct, frozen=True):
    """Something that happened, marked on a time axis: a deploy, an incident, late labels."""

    time: datetime
    text: str


class TimePoint(msgspec.Struct, frozen=True):
    """An estimate of one window; `provisional` while its labels are still arriving."""

    time: datetime
    estimate: Estimate
    provisional: bool = False


def time_series(
    points: Sequence[TimePoint],
    *,
    title: str,
    measure: str,
    events: Sequence[EventMark] = (),
    at_most: float | None = None,
    at_least: float | None = None,
) -> Chart:
    """An estimate over time as a line in its band; events as marked rules, bounds as dashes.

    Provisional windows are drawn hollow.
    """
    limits = [b for b in (at_most, at_least) if b is not None]
    values = [
        {"time": p.time.isoformat(), "provisional": p.provisional, **interval}
        for p, interval in zip(points, drawn([p.estimate for p in points], limits), strict=True)
    ]
    x = {"field": "time", "type": "temporal", "title": None, "scale": {"type": "utc"}}
    layers: list[Spec] = [
        band(x, measure),
        {
            "mark": {"type": "line", "color": BLUE},
            "encoding": {"x": x, "y": {"field": "value", **NUMBER}},
        },
        {
            "mark": {"type": "point", "color": BLUE, "size": 36},
            "encoding": {
                "x": x,
                "y": {"field": "value", **NUMBER},
                "fill": {"condition": {"test": "!datum.provisional", "value": BLUE}, "value": None},
            },
        },
        *bounds((at_most, at_least)),
    ]
    if events:
        marks = [{"time": e.time.isoformat(), "text": e.text} for e in events]
        layers += [
            {
                "data": {"values": marks},
                "mark": {"type": "rule", "color": INK, "opacity": 0.6},
                "encoding": {"x": x},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "text", "color": INK, "align": "left", "dx": 4, "y": 8},
                "encoding": {"x": x, "text": {"field": "text"}},
            },
        ]
    spec = specification({"width": 520, "height": 220, "data": {"values": values}, "layer": layers})
    rows = tuple((p.time, p.estimate, "provisional" if p.provisional else "") for p in points)
    table = table_of(title, ("time", measure, "labels"), rows)
    summary = "No windows."
    if points:
        first, last = points[0].estimate, points[-1].estimate
        summary = f"{measure} went from {number(first.value)} to {number(last.value)}."
    if events:
        summary += f" Marked: {'; '.join(e.text for e in events)}."
    return Chart(title, spec, summary, table)


def evidence_path(
    estimates: Sequence[Estimate],
    *,
    title: str,
    measure: str,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Chart:
    """How an estimate closed in on its bounds as rows arrived; rows on a log axis."""
    limits = [b for b in (at_most, at_least) if b is not None]
    values = [
        {"n": max(1, e.n), **interval}
        for e, interval in zip(estimates, drawn(estimates, limits), strict=True)
    ]
    x = {"field": "n", "type": "quantitative", "title": "rows", "scale": {"type": "log"}}
    layers = [
        band(x, measure),
        {
            "mark": {"type": "line", "color": BLUE},
            "encoding": {"x": x, "y": {"field": "value", **NUMBER}},
        },
        *bounds((at_most, at_least)),
    ]
    spec = specification({"width": 520, "height": 220, "data": {"values": values}, "layer": layers})
    table = table_of(title, ("rows", measure), tuple((e.n, e) for e in estimates))
    summary = "No evidence yet."
    if estimates:
        last = estimates[-1]
        inside = f"between {number(last.low)} and {number(last.high)}"
        summary = f"After {last.n:,} rows {measure} is {inside}."
    return Chart(title, spec, summary, table)


def e_value_path(points: Sequence[tuple[int, float]], *, title: str, boundary: float) -> Chart:
    """Log e-values (natural logarithm) by rows, drawn as e-values on a log axis.

    `boundary` is the e-value that decides, 1/α (Ville's inequality).
    """
    values = [{"n": n, "log10": e / math.log(10) if math.isfinite(e) else None} for n, e in points]
    x = {"field": "n", "type": "quantitative", "title": "rows"}
    y = {"field": "log10", "type": "quantitative", "title": "e-value, power of ten"}
    spec = specification(
        {
            "width": 520,
            "height": 220,
            "data": {"values": values},
            "layer": [
                {"mark": {"type": "line", "color": BLUE}, "encoding": {"x": x, "y": y}},
                *bounds((math.log10(boundary), None)),
            ],
        }
    )
    table = table_of(
        title, ("rows", "log10 e-value"), tuple((n, e / math.log(10)) for n, e in points)
    )
    highest = max((e for _, e in points), default=-math.inf)
    crossed = "crossed" if highest >= math.log(boundary) else "did not cross"
    return Chart(title, spec, f"The e-value {crossed} the boundary of {boundary:g}.", table)
