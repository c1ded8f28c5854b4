"""Dot and whisker: an estimate with its interval beside what is tolerated."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup

from seawall.kernel import Estimate
from seawall.server.pages.svg.marks import Scale, drawing, element, join, padded, percent
from seawall.server.pages.views import Judged, Shape


def span_of(judged: Iterable[Judged]) -> Scale:
    """One scale that shows all of these, with their tolerated ranges."""
    values: list[float | None] = []
    for j in judged:
        values += [j.low, j.high]
        if j.estimate is not None:
            values += [j.estimate.value, j.estimate.low, j.estimate.high]
    return padded(values)


def _tolerance(scale: Scale, low: float | None, high: float | None) -> list[Markup]:
    if low is None and high is None:
        return []
    left = 0.0 if low is None else scale(low)
    right = 1.0 if high is None else scale(high)
    width = percent(max(0.0, right - left))
    parts = [
        element("rect", x=percent(left), width=width, y="0", height="100%", class_="tolerated")
    ]
    for bound in (low, high):
        if bound is not None:
            at = percent(scale(bound))
            parts.append(element("line", x1=at, x2=at, y1="0", y2="100%", class_="bound"))
    return parts


def whisker(
    estimate: Estimate | None,
    shape: Shape,
    *,
    low: float | None,
    high: float | None,
    scale: Scale,
    centre: float | None = None,
    height: float = 22,
) -> Markup:
    """One row: tolerated range shaded, whisker from bound to bound, dot at the value.

    An interval that leaves the scale runs to its edge without an end stroke. The dot is hollow
    when undecided. The numbers stand beside it in text, so a screen reader skips it.
    """
    parts = _tolerance(scale, low, high)
    if centre is not None:
        at = percent(scale(centre))
        parts.append(element("line", x1=at, x2=at, y1="0", y2="100%", class_="centre"))
    if estimate is not None and math.isfinite(estimate.value):
        middle = height / 2
        a, b = percent(scale(estimate.low)), percent(scale(estimate.high))
        parts.append(element("line", x1=a, x2=b, y1=middle, y2=middle, class_=f"whisker {shape}"))
        for end in (estimate.low, estimate.high):
            if scale.holds(end):
                at = percent(scale(end))
                parts.append(
                    element(
                        "line",
                        x1=at,
                        x2=at,
                        y1=middle - 4,
                        y2=middle + 4,
                        class_=f"whisker {shape}",
                    )
                )
        parts.append(
            element(
                "circle", cx=percent(scale(estimate.value)), cy=middle, r=4, class_=f"dot {shape}"
            )
        )
    return drawing("interval", height, join(parts), hidden=True)


def interval(j: Judged, *, scale: Scale | None = None) -> Markup:
    """The whisker of one judged measure, on its own scale unless one is shared."""
    return whisker(j.estimate, j.status.shape, low=j.low, high=j.high, scale=scale or span_of([j]))
