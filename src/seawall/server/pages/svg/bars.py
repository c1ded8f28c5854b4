"""Small drawings for rows: sparkline, burn-down, share of traffic, counts by health."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from seawall.server.pages.svg.marks import (
    Scale,
    drawing,
    element,
    join,
    path,
    percent,
    stretched,
)


def _line(values: Sequence[float], scale: Scale) -> list[tuple[float, float]]:
    last = max(1, len(values) - 1)
    return [(100 * i / last, 100 - 100 * scale(v)) for i, v in enumerate(values)]


def sparkline(values: Sequence[float], *, height: float = 17) -> Markup:
    """A line over equal steps from zero to its largest value; its numbers stand beside it."""
    if len(values) < 2:
        return Markup("")
    scale = Scale(0.0, max([*values, 1e-12]) * 1.1)
    line = _line(values, scale)
    area = path([(0, 100), *line, (100, 100)], "area", closed=True)
    return drawing("spark", height, stretched(area, path(line, "present")), hidden=True)


def burn_down(history: Sequence[float], left: float, label: str, *, height: float = 44) -> Markup:
    """The share of an error budget that is left over its window, down to the line of zero.

    The dashed diagonal is the pace that would use the budget up just as the window ends.
    """
    values = [*history] or [left]
    low = min([0.0, *values])
    scale = Scale(low * 1.1, 1.05)
    zero = height * (1 - scale(0.0))
    line = _line(values, scale)
    parts = stretched(
        path([(0, 100 * zero / height), *line, (100, 100 * zero / height)], "area", closed=True),
        path([(0, 100 - 100 * scale(1.0)), (100, 100 - 100 * scale(0.0))], "pace"),
        path(line, "present"),
    )
    axis = element("line", x1="0", x2="100%", y1=zero, y2=zero, class_="axis")
    return drawing("burn", height, parts, axis, label=label)


def level(share: float, shape: str, *, height: float = 8) -> Markup:
    """A bar filled to a share, for a row; the number stands beside it."""
    filled = percent(min(1.0, max(0.0, share)))
    return drawing(
        "level",
        height,
        element("rect", x="0", width="100%", y="0", height="100%", rx="2", class_="track"),
        element("rect", x="0", width=filled, y="0", height="100%", rx="2", class_=f"fill {shape}"),
        hidden=True,
    )


def stacked(parts: Sequence[tuple[str, float]], *, height: float = 12) -> Markup:
    """Parts of a whole side by side: (class, amount); nothing for a whole of zero."""
    total = sum(amount for _, amount in parts)
    if total <= 0:
        return Markup("")
    rects: list[Markup] = []
    at = 0.0
    for name, amount in parts:
        if amount > 0:
            rects.append(
                element(
                    "rect",
                    x=percent(at / total),
                    width=percent(amount / total),
                    y="0",
                    height="100%",
                    class_=f"part {name}",
                )
            )
        at += amount
    return drawing("stacked", height, join(rects), hidden=True)


def contribution(value: float, largest: float, *, height: float = 12) -> Markup:
    """A bar from the middle to the left or right: what pulled a score down or up, and how far."""
    reach = min(1.0, abs(value) / largest) / 2 if largest else 0.0
    left = 0.5 if value >= 0 else 0.5 - reach
    sign = "up" if value >= 0 else "down"
    return drawing(
        "contribution",
        height,
        element(
            "rect", x=percent(left), width=percent(reach), y="1", height=height - 2, class_=sign
        ),
        element("line", x1="50%", x2="50%", y1="0", y2="100%", class_="axis"),
        hidden=True,
    )
