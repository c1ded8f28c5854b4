"""Estimates as dots with whiskers, one row each."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seawall.kernel import Estimate, Outcome
from seawall.report.charts.parts import (
    BLUE,
    GREY,
    INK,
    NUMBER,
    RED,
    Spec,
    drawn,
    specification,
    table_of,
)
from seawall.report.document import Chart
from seawall.report.words import number

_COLOURS = {Outcome.PASS: BLUE, Outcome.FAIL: RED, Outcome.UNDECIDED: GREY}
_SHAPES = {Outcome.PASS: "circle", Outcome.FAIL: "cross", Outcome.UNDECIDED: "circle"}


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
    return _dots(rows, title=title, measure=measure, band=band, reference=reference)


def ranked_dots(
    rows: Mapping[str, tuple[Estimate, Outcome | None]],
    *,
    title: str,
    measure: str,
    tolerance: float | None = None,
) -> Chart:
    """One estimate per row, the largest first: drift by feature against its tolerance."""
    ranked = dict(sorted(rows.items(), key=lambda item: -_rank(item[1][0].value)))
    band = None if tolerance is None else (0.0, tolerance)
    return _dots(ranked, title=title, measure=measure, band=band, reference=None)


def _dots(
    rows: Mapping[str, tuple[Estimate, Outcome | None]],
    *,
    title: str,
    measure: str,
    band: tuple[float, float] | None,
    reference: float | None,
) -> Chart:
    also = [*(band or ()), *([] if reference is None else [reference])]
    values = [
        {"name": name, "outcome": outcome.value if outcome else "", **numbers}
        for (name, (_, outcome)), numbers in zip(
            rows.items(), drawn([e for e, _ in rows.values()], also), strict=True
        )
    ]
    y = {"field": "name", "type": "nominal", "sort": None, "title": None}
    keys = [o.value for o in _COLOURS]
    outcome = {"field": "outcome", "type": "nominal", "legend": None}
    colour = outcome | {"scale": {"domain": [*keys, ""], "range": [*_COLOURS.values(), BLUE]}}
    shape = outcome | {"scale": {"domain": [*keys, ""], "range": [*_SHAPES.values(), "circle"]}}
    hollow = {"condition": {"test": "datum.outcome === 'undecided'", "value": None}, **colour}
    layers: list[Spec] = []
    if band is not None:
        layers.append(
            {
                "data": {"values": [{"from": band[0], "to": band[1]}]},
                "mark": {"type": "rect", "color": GREY, "opacity": 0.18},
                "encoding": {"x": {"field": "from", **NUMBER}, "x2": {"field": "to"}},
            }
        )
    if reference is not None:
        layers.append(
            {
                "data": {"values": [{"at": reference}]},
                "mark": {"type": "rule", "color": INK, "opacity": 0.6, "strokeDash": [4, 3]},
                "encoding": {"x": {"field": "at", **NUMBER}},
            }
        )
    layers += [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {"field": "low", "title": measure, **NUMBER},
                "x2": {"field": "high"},
                "color": colour,
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
            },
        },
    ]
    if any(outcome for _, outcome in rows.values()):
        layers.append(
            {
                "mark": {"type": "text", "align": "left", "dx": 8, "color": INK},
                "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "outcome"}},
            }
        )
    spec = specification(
        {"width": 420, "height": {"step": 22}, "data": {"values": values}, "layer": layers}
    )
    judged = any(outcome for _, outcome in rows.values())
    heads = ("", measure, "rows", *(("outcome",) if judged else ()))
    body = tuple(
        (name, e, e.n, *((outcome,) if judged else ())) for name, (e, outcome) in rows.items()
    )
    table = table_of(title, heads, body)
    summary = "; ".join(
        f"{name} {number(e.value)}{f' ({o.value})' if o else ''}"
        for name, (e, o) in list(rows.items())[:8]
    )
    more = f"; and {len(rows) - 8} more" if len(rows) > 8 else ""
    return Chart(title, spec, f"{measure}: {summary or 'no rows'}{more}.", table)


def _rank(value: float) -> float:
    return -math.inf if math.isnan(value) else value
