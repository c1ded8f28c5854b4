"""Estimated quality by chunk of rows, with what came true beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from seawall.kernel import Estimate
from seawall.report.charts.parts import (
    BLUE,
    INK,
    NUMBER,
    WIDE,
    Spec,
    bounds,
    drawn,
    specification,
    table_of,
)
from seawall.report.document import Chart, Interval
from seawall.report.words import cell_text, number


class ChunkPoint(msgspec.Struct, frozen=True):
    """One chunk: its first and last row, what was estimated, and what came true once known."""

    first: int
    last: int
    estimated: Estimate
    realised: Estimate | None = None

    @property
    def name(self) -> str:
        """The rows it holds."""
        return f"rows {self.first:,} to {self.last:,}"


def chunks(
    points: Sequence[ChunkPoint],
    *,
    title: str,
    measure: str,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Chart:
    """Estimates hollow, since they are provisional; realised values filled; bounds dashed."""
    known = [(p, p.realised) for p in points if p.realised is not None]
    both = [p.estimated for p in points] + [e for _, e in known]
    limits = [b for b in (at_least, at_most) if b is not None]
    where = [*points, *(p for p, _ in known)]
    names = ["estimated"] * len(points) + ["realised"] * len(known)
    values = [
        {
            "row": (point.first + point.last) / 2,
            "series": name,
            "said": f"{point.name}: {name} {measure} {cell_text(e)}",
            **numbers,
        }
        for point, name, e, numbers in zip(where, names, both, drawn(both, limits), strict=True)
    ]
    x = {
        "field": "row", "type": "quantitative", "title": "row",
        "scale": {"zero": False, "nice": False, "padding": 12}, "axis": {"grid": False},
    }  # fmt: skip
    series = ["estimated", "realised"] if known else ["estimated"]
    colour = {
        "field": "series", "type": "nominal", "title": None,
        "scale": {"domain": series, "range": [BLUE, INK][: len(series)]},
        "legend": {"orient": "top"} if known else None,
    }  # fmt: skip
    layers: list[Spec] = [*bounds((at_least, at_most))]
    for name in series:
        layers += _marks(name, x, measure, colour)
    body = {"width": WIDE, "height": 220, "data": {"values": values}, "layer": layers}
    table = table_of(
        title,
        ("chunk", "estimated", "realised"),
        tuple((p.name, p.estimated, p.realised) for p in points),
    )
    span = None
    if limits:
        span = (
            -math.inf if at_least is None else at_least,
            math.inf if at_most is None else at_most,
        )
    intervals = tuple(Interval(p.name, p.estimated, None, span, p.realised) for p in points)
    return Chart(title, specification(body), _summary(points, measure), table, intervals)


def _marks(name: str, x: Spec, measure: str, colour: Spec) -> list[Spec]:
    estimated = name == "estimated"
    shift = 0 if estimated else 5  # beside the estimate, not on it
    mine = [{"filter": f"datum.series === '{name}'"}]
    described = {"description": {"field": "said"}}
    return [
        {
            "transform": mine,
            "mark": {"type": "rule", "strokeWidth": 1.5, "xOffset": shift, "opacity": 0.7},
            "encoding": {
                "x": x,
                "y": {"field": "low", "title": measure, **NUMBER},
                "y2": {"field": "high"},
                "color": colour,
                **described,
            },
        },
        {
            "transform": mine,
            "mark": {
                "type": "point", "size": 42, "strokeWidth": 1.75, "filled": not estimated,
                "xOffset": shift, "shape": "circle" if estimated else "diamond",
            },
            "encoding": {
                "x": x, "y": {"field": "value", **NUMBER}, "color": colour, **described,
            },
        },
    ]  # fmt: skip


def _summary(points: Sequence[ChunkPoint], measure: str) -> str:
    if not points:
        return "No chunks."
    worst = min(points, key=lambda p: p.estimated.value)
    text = f"Estimated {measure} is lowest, {number(worst.estimated.value)}, in {worst.name}."
    known = [p.realised for p in points if p.realised is not None]
    inside = sum(
        p.realised is not None and p.estimated.low <= p.realised.value <= p.estimated.high
        for p in points
    )
    if known:
        text += f" What came true lies in the estimate's interval in {inside} of {len(known)}."
    return text
