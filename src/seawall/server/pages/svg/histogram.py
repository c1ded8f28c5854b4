"""Step histograms: the baseline as a shade behind, the present as an outline on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from seawall.server.pages.svg.marks import Scale, drawing, element, join, path, percent, stretched
from seawall.server.pages.views import Distribution

_GAP = 0.14  # of a category's slot, left free on each side


def finite_edges(edges: Sequence[float]) -> tuple[float, ...]:
    """The edges with infinite ends replaced by one more bin of the neighbour's width."""
    out = list(edges)
    if len(out) > 3:
        if math.isinf(out[0]):
            out[0] = out[1] - (out[2] - out[1])
        if math.isinf(out[-1]):
            out[-1] = out[-2] + (out[-2] - out[-3])
    return tuple(out)


def _density(shares: Sequence[float], edges: Sequence[float]) -> list[float]:
    # a wide bin is drawn lower than a narrow one of the same share: the area is what counts
    span = edges[-1] - edges[0]
    widths = [max((b - a) / span, 1e-6) for a, b in pairwise(edges)]
    return [s / w for s, w in zip(shares, widths, strict=False)]


def _outline(heights: Sequence[float], lefts: Sequence[float], rights: Sequence[float]):
    points: list[tuple[float, float]] = []
    for height, left, right in zip(heights, lefts, rights, strict=False):
        points += [(left, 100 - height), (right, 100 - height)]
    return [(points[0][0], 100.0), *points, (points[-1][0], 100.0)] if points else []


def step_histogram(
    d: Distribution, label: str, *, threshold: float | None = None, height: float = 72
) -> Markup:
    """Both distributions over the same bins, tallest bin as high as the drawing.

    Numeric bins are drawn with equal areas for equal shares; categories as separate columns.
    """
    if d.edges:
        edges = finite_edges(d.edges)
        x = Scale(edges[0], edges[-1])
        lefts = [100 * x(e) for e in edges[:-1]]
        rights = [100 * x(e) for e in edges[1:]]
        base, now = _density(d.baseline, edges), _density(d.present, edges)
    else:
        n = max(1, len(d.labels))
        x = Scale(0, n)
        lefts = [100 * (i + _GAP) / n for i in range(n)]
        rights = [100 * (i + 1 - _GAP) / n for i in range(n)]
        base, now = list(d.baseline), list(d.present)
    top = max([*base, *now, 1e-12]) * 1.04
    base, now = [100 * v / top for v in base], [100 * v / top for v in now]
    if d.edges:
        shapes = [
            path(_outline(base, lefts, rights), "baseline", closed=True),
            path(_outline(now, lefts, rights), "present"),
        ]
    else:
        shapes = [
            *(path(_outline([h], [a], [b]), "baseline", closed=True)
              for h, a, b in zip(base, lefts, rights, strict=False)),
            *(path(_outline([h], [a], [b]), "present")
              for h, a, b in zip(now, lefts, rights, strict=False)),
        ]  # fmt: skip
    mark = Markup("")
    if threshold is not None and x.holds(threshold):
        at = percent(x(threshold))
        mark = element("line", x1=at, x2=at, y1="0", y2="100%", class_="threshold")
    axis = element("line", x1="0", x2="100%", y1=height - 0.5, y2=height - 0.5, class_="axis")
    return drawing("histogram", height, stretched(join(shapes)), mark, axis, label=label)
