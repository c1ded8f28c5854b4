"""A histogram with its baseline behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from seawall.kernel import Outcome
from seawall.report.charts.parts import BLUE, GREY, INK, RED, SMALL, Spec, specification, table_of
from seawall.report.document import Chart
from seawall.report.words import number

_SHARE = {"type": "quantitative", "axis": {"format": "~%", "tickCount": 3}}


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    *,
    title: str,
    variable: str,
    baseline: Sequence[float] | None = None,
    outcome: Outcome | None = None,
) -> Chart:
    """Shares per bin as a step outline, the baseline filled behind; `edges` one more."""
    if len(edges) != len(counts) + 1 or (baseline is not None and len(baseline) != len(counts)):
        raise ValueError(f"{title!r}: {len(counts)} bins need {len(counts) + 1} edges")
    x = {
        "field": "x", "type": "quantitative", "title": None,
        "scale": {"zero": False, "nice": False}, "axis": {"grid": False, "tickCount": 5},
    }  # fmt: skip
    y = {"field": "share", "title": None, **_SHARE}
    layers: list[Spec] = []
    if baseline is not None:
        mark = {"type": "area", "interpolate": "step-after", "color": GREY, "opacity": 0.35}
        layers.append(_steps(edges, baseline, mark, x, y))
    line = {"type": "line", "interpolate": "step-after", "strokeWidth": 1.75}
    layers.append(_steps(edges, counts, line | {"color": _colour(outcome)}, x, y))
    bins = [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
    return _chart({"height": 110, "layer": layers}, bins, counts, baseline, title, variable)


def categories(
    names: Sequence[str],
    counts: Sequence[float],
    *,
    title: str,
    variable: str,
    baseline: Sequence[float] | None = None,
    outcome: Outcome | None = None,
) -> Chart:
    """Shares per category as outlines, the baseline filled behind."""
    if len(names) != len(counts) or (baseline is not None and len(baseline) != len(counts)):
        raise ValueError(f"{title!r}: {len(names)} categories need a count each")
    axis = {"ticks": False, "domain": False, "labelLimit": 90, "labelOverlap": False}
    y = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": axis}
    x = {"field": "share", "title": None, **_SHARE}
    layers: list[Spec] = []
    if baseline is not None:
        mark = {"type": "bar", "color": GREY, "opacity": 0.35, "height": {"band": 0.8}}
        layers.append(_bars(names, baseline, mark, x, y))
    mark = {"type": "bar", "filled": False, "strokeWidth": 1.75, "height": {"band": 0.5}}
    layers.append(_bars(names, counts, mark | {"color": _colour(outcome)}, x, y))
    spec = {"height": {"step": 18}, "layer": layers}
    return _chart(spec, names, counts, baseline, title, variable)


def _chart(
    body: Spec, bins: Sequence[str], counts: Sequence[float], baseline: Sequence[float] | None,
    title: str, variable: str,
) -> Chart:  # fmt: skip
    now = _shares(counts)
    before = None if baseline is None else _shares(baseline)
    shares = {"baseline": before, "now": now} if before is not None else {"now": now}
    rows = tuple(zip(bins, *shares.values(), strict=True))
    table = table_of(title, (variable, *shares), rows)
    fullest = max(range(len(now)), key=lambda i: now[i], default=None)
    summary = "No rows."
    if fullest is not None:
        summary = f"Most rows ({number(100 * now[fullest])}%) are in {bins[fullest]}."
    if fullest is not None and before is not None:
        summary += f" The baseline has {number(100 * before[fullest])}% there."
    return Chart(title, specification({"width": SMALL, **body}), summary, table)


def _steps(edges: Sequence[float], counts: Sequence[float], mark: Spec, x: Spec, y: Spec) -> Spec:
    shares = _shares(counts)
    ends = [*shares, shares[-1] if shares else 0.0]
    values = [{"x": float(e), "share": s} for e, s in zip(edges, ends, strict=True)]
    if mark["type"] == "line" and values:  # the outline stands on the axis at both ends
        values = [{**values[0], "share": 0.0}, *values, {**values[-1], "share": 0.0}]
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": {"x": x, "y": y, "order": {"value": 0}},
    }


def _bars(names: Sequence[str], counts: Sequence[float], mark: Spec, x: Spec, y: Spec) -> Spec:
    shares = _shares(counts)
    values = [
        {"name": name, "share": share, "said": f"{name}: {number(100 * share)}%"}
        for name, share in zip(names, shares, strict=True)
    ]
    encoding = {"y": y, "x": x | {"stack": None}, "description": {"field": "said"}}
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _colour(outcome: Outcome | None) -> str:
    """Undecided and failing outlines differ from passing ones, as their dots do."""
    return {Outcome.FAIL: RED, Outcome.UNDECIDED: INK}.get(outcome or Outcome.PASS, BLUE)


def _shares(counts: Sequence[float]) -> list[float]:
    total = math.fsum(counts)
    return [float(c) / total if total else 0.0 for c in counts]
