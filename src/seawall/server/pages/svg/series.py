"""A measure over time with its uncertainty as a band, against what is tolerated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from markupsafe import Markup

from seawall.kernel import from_ns, to_ns
from seawall.server.pages.svg.marks import (
    Scale,
    drawing,
    element,
    join,
    number,
    path,
    percent,
    stretched,
    ticks,
)
from seawall.server.pages.views import Mark, Shape


class Band(msgspec.Struct, frozen=True):
    """One span of a series: from when to when (equal for a moment), low, value and high."""

    start: datetime
    end: datetime
    low: float
    value: float
    high: float
    provisional: bool = False


_STEPS = tuple(
    timedelta(hours=h) for h in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160, 8760)
)


def _time_ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    step = next((s for s in _STEPS if (end - start) / s <= 4), _STEPS[-1])
    size = to_ns(start + step) - to_ns(start)
    first = -(-to_ns(start) // size)
    last = to_ns(end) // size
    days = step >= timedelta(days=1)
    moments = [from_ns(k * size) for k in range(first, last + 1)]
    return [(m, f"{m.day} {m:%b}" if days else f"{m:%H:%M}") for m in moments]


def _value_scale(bands: Sequence[Band], low: float | None, high: float | None) -> Scale:
    # early evidence is as wide as the whole range; the picture follows the later half
    late = bands[len(bands) // 2 :]
    values = [v for b in late for v in (b.low, b.high)] + [b.value for b in bands]
    finite = [v for v in values if math.isfinite(v)]
    finite += [v for v in (low, high) if v is not None]
    if not finite:
        return Scale(0.0, 1.0)
    bottom, top = min(finite), max(finite)
    margin = 0.12 * (top - bottom) or abs(top) * 0.1 or 0.1
    return Scale(bottom - margin, top + margin)


def series(
    bands: Sequence[Band],
    label: str,
    *,
    shape: Shape,
    show: Callable[[float], str],
    low: float | None = None,
    high: float | None = None,
    estimated: Sequence[Band] = (),
    marks: Sequence[Mark] = (),
    height: float = 190,
) -> Markup:
    """The chart: value line in its band, tolerated range shaded, provisional spans hatched.

    `show` writes a value of the axis. `estimated` is drawn dashed: what is believed without
    labels. Marks are numbered on the chart; their texts belong in a list below it.
    """
    every = [*bands, *estimated]
    if not every:
        return Markup("")
    start, end = min(b.start for b in every), max(b.end for b in every)
    x = Scale(to_ns(start), to_ns(end))
    y = _value_scale(every, low, high)

    def across(moment: datetime) -> float:
        return x(to_ns(moment))

    def down(value: float) -> float:
        if math.isinf(value):
            return -1e3 if value > 0 else 1e3
        return 100 * (y.high - value) / (y.high - y.low)

    def middle(b: Band) -> float:
        return (across(b.start) + across(b.end)) / 2

    plot = height - 22
    grid, axis = _value_axis(y, plot, show)
    rim = [(100 * middle(b), down(b.high)) for b in bands]
    rim += [(100 * middle(b), down(b.low)) for b in reversed(bands)]
    lines = [
        path(rim, f"band {shape}", closed=True),
        path([(100 * middle(b), down(b.value)) for b in estimated], "estimated"),
        path([(100 * middle(b), down(b.value)) for b in bands], "value"),
    ]
    bounds = [path([(0, down(v)), (100, down(v))], "bound") for v in (low, high) if v is not None]
    inner = element(
        "svg", stretched(_tolerated(low, high, down)), join(grid),
        _provisional(bands, across, plot), stretched(join(bounds + lines)),
        width="100%", height=plot,
    )  # fmt: skip
    front = _marks(marks, across, plot, start, end)
    if bands:
        at = percent(middle(bands[-1])), plot * down(bands[-1].value) / 100
        front.append(element("circle", cx=at[0], cy=at[1], r=4, class_=f"dot {shape}"))
    chart = drawing(
        "plot", height, inner, join(front), _dates(start, end, across, height - 5), label=label
    )
    return element("div", axis, chart, class_="series")


def _dates(start: datetime, end: datetime, across: Callable[[datetime], float], y: float) -> Markup:
    return join(
        element("text", text, x=percent(across(m)), y=y, class_=_anchor(across(m)))
        for m, text in _time_ticks(start, end)
    )


def _provisional(bands: Sequence[Band], across: Callable[[datetime], float], plot: float) -> Markup:
    """Spans whose labels are not all there, hatched."""
    return join(
        element(
            "rect",
            x=percent(across(b.start)),
            width=percent(across(b.end) - across(b.start)),
            y="0",
            height=plot,
            fill="url(#hatch)",
        )
        for b in bands
        if b.provisional
    )


def _tolerated(low: float | None, high: float | None, down: Callable[[float], float]) -> Markup:
    """The tolerated range, to the chart's end where it is open."""
    if low is None and high is None:
        return Markup("")
    top = 0.0 if high is None else max(0.0, down(high))
    foot = 100.0 if low is None else min(100.0, down(low))
    return element(
        "rect", x="0", width="100", y=top, height=max(0.0, foot - top), class_="tolerated"
    )


def _anchor(share: float) -> str:
    return "tick start" if share < 0.06 else "tick end" if share > 0.94 else "tick"


def _value_axis(y: Scale, plot: float, show: Callable[[float], str]) -> tuple[list[Markup], Markup]:
    grid: list[Markup] = []
    labels: list[Markup] = []
    for value in ticks(y):
        at = plot * (1 - y(value))
        grid.append(element("line", x1="0", x2="100%", y1=at, y2=at, class_="grid"))
        if 6 < at < plot - 2:
            labels.append(element("text", show(value), x="100%", y=at + 4, class_="tick end"))
    axis = element(
        "svg", join(labels), class_="chart values", width="52", height=number(plot + 22),
        aria_hidden="true", focusable="false",
    )  # fmt: skip
    return grid, axis


def _marks(
    marks: Sequence[Mark],
    across: Callable[[datetime], float],
    plot: float,
    start: datetime,
    end: datetime,
) -> list[Markup]:
    out: list[Markup] = []
    for count, mark in enumerate(marks, 1):
        if start <= mark.time <= end:
            at = percent(across(mark.time))
            out.append(element("line", x1=at, x2=at, y1="16", y2=plot, class_=f"mark {mark.kind}"))
            out.append(element("circle", cx=at, cy="8", r="8", class_=f"flag {mark.kind}"))
            out.append(element("text", str(count), x=at, y="12", class_="flag-text"))
    return out
