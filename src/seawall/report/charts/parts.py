"""What all charts share: colours, the look of axes, bands, bounds and the table behind.

Ink is `currentColor`, so a chart follows the light or dark page it stands on. Status is shape and
colour together: a filled circle passes, a filled cross fails, a hollow circle is undecided. All
colours have a contrast of at least 3:1 on white and on #14171a (WCAG 1.4.11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from seawall.kernel import Estimate
from seawall.report.document import Cell, Column, Table

Spec = dict[str, Any]

INK = "currentColor"
BLUE, RED, GREY = "#3b82c4", "#d1495b", "#7a828c"
WIDE, SMALL = 420, 220
"""Widths of the plot in pixels: alone in its row, and in a gallery."""
NUMBER = {"type": "quantitative", "scale": {"zero": False, "nice": True}}

CONFIG: Spec = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": INK,
        "tickColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.12,
        "domainOpacity": 0.4,
        "tickOpacity": 0.4,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 12},
    "text": {"fontSize": 11},
    "point": {"opacity": 1},
}


def band(x: Spec, measure: str) -> Spec:
    """The interval of an estimate as a filled band."""
    return {
        "mark": {"type": "area", "color": BLUE, "opacity": 0.2},
        "encoding": {
            "x": x,
            "y": {"field": "low", "title": measure, **NUMBER},
            "y2": {"field": "high"},
        },
    }


def bounds(bounds: Sequence[float | None]) -> list[Spec]:
    """A dashed line at each bound that is given."""
    values = [{"bound": b} for b in bounds if b is not None]
    if not values:
        return []
    mark = {"type": "rule", "color": INK, "strokeDash": [6, 4], "opacity": 0.7}
    return [
        {
            "data": {"values": values},
            "mark": mark,
            "encoding": {"y": {"field": "bound", "type": "quantitative"}},
        }
    ]


def specification(body: Spec) -> Spec:
    """The whole specification, with the schema's name and the common look."""
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    return {"$schema": schema, **body, "config": CONFIG}


def table_of(caption: str, names: Sequence[str], rows: tuple[tuple[Cell, ...], ...]) -> Table:
    """The table behind a chart; a column of text is left-aligned, of numbers right."""
    columns = tuple(
        Column(name, align="left" if not rows or isinstance(rows[0][i], str) else "right")
        for i, name in enumerate(names)
    )
    return Table(columns, rows, caption)


def drawn(estimates: Sequence[Estimate], also: Sequence[float] = ()) -> list[Spec]:
    """Value and interval of each estimate, ready to draw.

    An unbounded end is drawn to just beyond everything else (`also` are further values on the
    axis): a mark without its whisker would look certain. An undefined value is null.
    """
    every = [v for e in estimates for v in (e.value, e.low, e.high)]
    finite = [v for v in (*every, *also) if math.isfinite(v)]
    least, most = min(finite, default=0.0), max(finite, default=1.0)
    beyond = 0.1 * (most - least)
    return [
        {
            "value": e.value if math.isfinite(e.value) else None,
            "low": e.low if math.isfinite(e.low) else least - beyond,
            "high": e.high if math.isfinite(e.high) else most + beyond,
        }
        for e in estimates
    ]
