"""Estimates as dots with whiskers, one row each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from seawall.kernel import Estimate, Outcome
from seawall.report.charts.parts import (
    BLUE,
    GREY,
    INK,
    NUMBER,
    RED,
    WIDE,
    Spec,
    drawn,
    specification,
    table_of,
)
from seawall.report.document import Chart, Interval
from seawall.report.words import MARKS, cell_text, number

_COLOURS = {Outcome.PASS: BLUE, Outcome.FAIL: RED, Outcome.UNDECIDED: GREY}
_SHAPES = {Outcome.PASS: "circle", Outcome.FAIL: "cross", Outcome.UNDECIDED: "circle"}
_STEP = 24


def dot_and_whisker(
    rows: Mapping[str, tuple[Estimate, Outcome | None]],
    *,
    title: str,
    measure: str,
    band: tuple[float, float] | None = None,
    reference: float | None = None,
) -> Chart:
    """One estimate per row (a group of a fairness audit, say) with its interval.

    `band` shades the values tolerated, `reference` draws a line (the rate overall, zero). Rows
    keep their order.
    """
    intervals = [Interval(name, e, outcome, band) for name, (e, outcome) in rows.items()]
    return _dots(intervals, title=title, measure=measure, reference=reference)


def ranked_dots(rows: Sequence[Interval], *, title: str, measure: str) -> Chart:
    """One estimate per row, the largest first, each against what its rule tolerates."""
    ranked = sorted(rows, key=lambda row: -_rank(row.estimate.value))
    return _dots(ranked, title=title, measure=measure, reference=None)


def _dots(rows: Sequence[Interval], *, title: str, measure: str, reference: float | None) -> Chart:
    also = [] if reference is None else [reference]
    spans = [r.tolerated for r in rows if r.tolerated]
    also += [end for span in spans for end in span if math.isfinite(end)]
    values = [
        _row(row, numbers, measure)
        for row, numbers in zip(rows, drawn([r.estimate for r in rows], also), strict=True)
    ]
    y = {
        "field": "name", "type": "nominal", "sort": None, "title": None,
        "axis": {
            "ticks": False, "domain": False, "labelPadding": 8, "labelLimit": 150,
            "labelOverlap": False,
        },
    }  # fmt: skip
    keys = [o.value for o in _COLOURS]
    outcome = {"field": "outcome", "type": "nominal", "legend": None}
    colour = outcome | {"scale": {"domain": [*keys, ""], "range": [*_COLOURS.values(), BLUE]}}
    shape = outcome | {"scale": {"domain": [*keys, ""], "range": [*_SHAPES.values(), "circle"]}}
    hollow = {"condition": {"test": "datum.outcome === 'undecided'", "value": None}, **colour}
    layers: list[Spec] = []
    if spans:
        layers.append(_tolerated(rows, values, y))
    if reference is not None:
        layers.append(_line_at(reference))
    layers += [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {"field": "low", "title": measure, "axis": {"tickCount": 6}, **NUMBER},
                "x2": {"field": "high"},
                "color": colour,
                "description": {"field": "said"},
            },
        },
        {
            "mark": {"type": "point", "size": 60, "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {"field": "value", **NUMBER},
                "stroke": colour,
                "fill": hollow,
                "shape": shape,
                "description": {"field": "said"},
            },
        },
    ]
    judged = any(row.outcome for row in rows)
    if judged:
        layers.append(
            {
                "mark": {"type": "text", "align": "left", "dx": 10, "color": INK, "aria": False},
                "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "mark"}},
            }
        )
    # the reader's font may be wider than the one that the drawing was measured with
    longest = max((len(row.name) for row in rows), default=0)
    padding = {"left": 5 + 1.2 * min(longest, 24), "right": 24, "top": 5, "bottom": 5}
    body = {"width": WIDE, "height": {"step": _STEP}, "padding": padding}
    spec = specification(body | {"data": {"values": values}, "layer": layers})
    heads = ("", measure, "rows", *(("outcome",) if judged else ()))
    cells = tuple(
        (r.name, r.estimate, r.estimate.n, *((r.outcome,) if judged else ())) for r in rows
    )
    return Chart(title, spec, _summary(rows, measure), table_of(title, heads, cells), tuple(rows))


def _row(row: Interval, numbers: Spec, measure: str) -> Spec:
    told = f", {row.outcome.value}" if row.outcome else ""
    return {
        "name": row.name,
        "outcome": row.outcome.value if row.outcome else "",
        "mark": f"{MARKS[row.outcome]} {row.outcome.value}" if row.outcome else "",
        "said": f"{row.name}: {measure} {cell_text(row.estimate)}{told}",
        **numbers,
    }


def _tolerated(rows: Sequence[Interval], values: Sequence[Spec], y: Spec) -> Spec:
    """A band behind each row, from end to end of the axis where it is open."""
    ends = [v for row in values for v in (row["low"], row["high"])]
    least, most = min(ends), max(ends)
    shaded = [
        {"name": row.name, "from": max(row.tolerated[0], min(least, 0.0)),
         "to": row.tolerated[1] if math.isfinite(row.tolerated[1]) else most}
        for row in rows
        if row.tolerated
    ]  # fmt: skip
    return {
        "data": {"values": shaded},
        "mark": {
            "type": "bar",
            "color": GREY,
            "opacity": 0.18,
            "aria": False,
            "height": {"band": 1},
        },
        "encoding": {
            "y": y,
            "x": {"field": "from", **NUMBER, "stack": None},
            "x2": {"field": "to"},
        },
    }


def _line_at(reference: float) -> Spec:
    return {
        "data": {"values": [{"at": reference}]},
        "mark": {"type": "rule", "color": INK, "opacity": 0.6, "strokeDash": [4, 3]},
        "encoding": {"x": {"field": "at", **NUMBER}},
    }


def _summary(rows: Sequence[Interval], measure: str) -> str:
    told = "; ".join(
        f"{r.name} {number(r.estimate.value)}{f' ({r.outcome.value})' if r.outcome else ''}"
        for r in rows[:8]
    )
    more = f"; and {len(rows) - 8} more" if len(rows) > 8 else ""
    return f"{measure[:1].upper()}{measure[1:]}: {told or 'no rows'}{more}."


def _rank(value: float) -> float:
    return -math.inf if math.isnan(value) else value
