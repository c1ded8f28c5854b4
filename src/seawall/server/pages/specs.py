"""Vega-Lite specifications of the large charts, which a script draws over the server's drawing.

They name styles (`band`, `bound`, …) instead of colours; charts.js takes the colours from the
style sheet, so that light, dark and print need no second specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from seawall.server.pages.svg.series import Band
from seawall.server.pages.views import Mark, Shape

HEIGHT = 190


def _finite(value: float, factor: float) -> float | None:
    return value * factor if math.isfinite(value) else None


def _row(b: Band, factor: float) -> dict[str, Any]:
    middle = b.start + (b.end - b.start) / 2
    return {
        "time": middle.isoformat(),
        "start": b.start.isoformat(),
        "end": b.end.isoformat(),
        "low": _finite(b.low, factor),
        "value": _finite(b.value, factor),
        "high": _finite(b.high, factor),
        "provisional": b.provisional,
    }


def over_time(
    bands: Sequence[Band],
    *,
    title: str,
    shape: Shape,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    estimated: Sequence[Band] = (),
    marks: Sequence[Mark] = (),
) -> dict[str, Any]:
    """A value in its band over time, the tolerated range shaded, each point told on hover."""
    factor = 100.0 if unit in ("%", "pp") else 1.0
    clock = "%d %b" if bands and bands[-1].end - bands[0].start > timedelta(days=4) else "%H:%M"
    time = {
        "field": "time", "type": "temporal", "scale": {"type": "utc"},
        "axis": {"title": None, "tickCount": 4, "format": clock},
    }  # fmt: skip
    value: dict[str, Any] = {
        "field": "value", "type": "quantitative",
        "scale": {"zero": False, "clamp": True, "nice": False},
        "axis": {"title": None, "tickCount": 4},
    }  # fmt: skip
    domain = _domain(bands, estimated, low, high, factor)
    if domain:
        value["scale"]["domain"] = domain
    layers: list[dict[str, Any]] = [_tolerated(low, high, factor, domain)]
    if any(b.provisional for b in bands):
        layers.append(_PROVISIONAL)
    layers.append(
        {
            "mark": {"type": "area", "style": f"band-{shape}", "clip": True},
            "encoding": {"x": time, "y": value | {"field": "low"}, "y2": {"field": "high"}},
        }
    )
    layers += [_bound(bound * factor) for bound in (low, high) if bound is not None]
    if estimated:
        layers.append(
            {
                "data": {"values": [_row(b, factor) for b in estimated]},
                "mark": {"type": "line", "style": "estimated", "clip": True},
                "encoding": {"x": time, "y": value},
            }
        )
    layers += _marked(marks, time)
    layers.append(
        {
            "mark": {"type": "line", "style": "value", "clip": True},
            "encoding": {"x": time, "y": value},
        }
    )
    layers.append(_points(time, value, shape))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": title,
        "width": "container",
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": [_row(b, factor) for b in bands]},
        "layer": layers,
    }


_PROVISIONAL = {
    "transform": [{"filter": "datum.provisional"}],
    "mark": {"type": "rect", "style": "provisional"},
    "encoding": {"x": {"field": "start", "type": "temporal"}, "x2": {"field": "end"}},
}


def _bound(value: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"bound": value}]},
        "mark": {"type": "rule", "style": "bound"},
        "encoding": {"y": {"field": "bound", "type": "quantitative"}},
    }


def _marked(marks: Sequence[Mark], time: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each event, with its number above."""
    if not marks:
        return []
    rows = [
        {"time": m.time.isoformat(), "text": f"{i} {m.text}", "number": str(i)}
        for i, m in enumerate(marks, 1)
    ]
    return [
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "style": "mark"},
            "encoding": {"x": time, "tooltip": {"field": "text"}},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "text", "style": "mark-text", "dy": 8, "dx": 7},
            "encoding": {"x": time, "y": {"value": 0}, "text": {"field": "number"}},
        },
    ]


def _domain(
    bands: Sequence[Band],
    estimated: Sequence[Band],
    low: float | None,
    high: float | None,
    factor: float,
) -> list[float] | None:
    late = [*bands[len(bands) // 2 :], *estimated]
    values = [v for b in late for v in (b.low, b.high)] + [b.value for b in bands]
    finite = [v for v in values if math.isfinite(v)]
    finite += [v for v in (low, high) if v is not None]
    if not finite:
        return None
    margin = 0.1 * (max(finite) - min(finite)) or abs(max(finite)) * 0.1 or 0.1
    return [(min(finite) - margin) * factor, (max(finite) + margin) * factor]


def _tolerated(
    low: float | None, high: float | None, factor: float, domain: list[float] | None
) -> dict[str, Any]:
    if (low is None and high is None) or domain is None:
        return {"data": {"values": []}, "mark": {"type": "point"}}
    row = {
        "low": domain[0] if low is None else low * factor,
        "high": domain[1] if high is None else high * factor,
    }
    return {
        "data": {"values": [row]},
        "mark": {"type": "rect", "style": "tolerated", "clip": True},
        "encoding": {
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
        },
    }


def _points(time: Mapping[str, Any], value: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    def told(field: str, title: str) -> dict[str, Any]:
        return {"field": field, "title": title, "type": "quantitative", "format": ".3~g"}

    return {
        "params": [
            {
                "name": "near",
                "select": {
                    "type": "point", "nearest": True, "on": "pointermove",
                    "clear": "pointerout", "encodings": ["x"],
                },
            }
        ],
        "mark": {"type": "point", "style": f"dot-{shape}", "clip": True},
        "encoding": {
            "x": time,
            "y": value,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0},
            "tooltip": [
                {"field": "time", "type": "temporal", "title": "time", "format": "%d %b %H:%M"},
                told("value", "value"),
                told("low", "from"),
                told("high", "to"),
            ],
        },
    }  # fmt: skip
