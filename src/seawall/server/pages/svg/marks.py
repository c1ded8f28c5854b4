"""The vocabulary of the drawings: elements, paths and scales.

A chart is an `<svg>` of full width and fixed height. Text, dots and rectangles stand at
percentages of the width, so they keep their shape at any width; outlines live in an inner `<svg>`
that is stretched, drawn with strokes that are not. Colour and stroke come from classes in app.css:
the content security policy allows no style attribute, and dark mode then comes by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share of the width as a coordinate."""
    return number(100 * share) + "%"


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """An element; `class_` and `text_anchor` read as `class` and `text-anchor`; None is left out.

    Children that are not `Markup` are escaped.
    """
    parts: list[str] = []
    for key, value in attributes.items():
        if value is None:
            continue
        spelt = value if isinstance(value, str) else number(value)
        parts.append(f' {attribute(key)}="{escape(spelt)}"')
    inner = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")  # noqa: S704 -- escaped above


def attribute(key: str) -> str:
    """The attribute's name as SVG spells it."""
    camel = {"viewbox": "viewBox", "preserve": "preserveAspectRatio"}
    return camel.get(key) or key.rstrip("_").replace("_", "-")


def join(parts: Iterable[Markup]) -> Markup:
    """Several elements one after another."""
    return Markup("").join(parts)


def drawing(
    kind: str, height: float, *children: Markup, label: str = "", hidden: bool = False
) -> Markup:
    """The outer `<svg>`: named for a screen reader by `label`, or hidden from it."""
    return element(
        "svg",
        *children,
        class_=f"chart {kind}",
        width="100%",
        height=height,
        role=None if hidden else "img",
        aria_label=None if hidden else label,
        aria_hidden="true" if hidden else None,
        focusable="false",
    )


def stretched(*children: Markup) -> Markup:
    """An inner `<svg>` in which x and y both run from 0 to 100 over the whole drawing."""
    return element(
        "svg", *children, viewbox="0 0 100 100", preserve="none", width="100%", height="100%"
    )


def path(points: Sequence[tuple[float, float]], class_: str, *, closed: bool = False) -> Markup:
    """A line through points (x and y in 0 to 100); no element for fewer than two."""
    if len(points) < 2:
        return Markup("")
    steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return element("path", d=f"M{steps}{'Z' if closed else ''}", class_=class_)


class Scale:
    """Maps a span of values linearly onto 0 to 1; what is outside is cut to the ends."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high if high > low else low + 1.0

    def __call__(self, value: float) -> float:
        """Where the value stands, in 0 to 1; an undefined one at 0."""
        if math.isnan(value):
            return 0.0
        share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def holds(self, value: float) -> bool:
        """Is the value inside the span?"""
        return self.low <= value <= self.high


def padded(values: Iterable[float | None], *, pad: float = 0.08) -> Scale:
    """A scale over the finite values with a margin on both sides."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    margin = pad * (high - low) or abs(high) * pad or pad
    return Scale(low - margin, high + margin)


def ticks(scale: Scale, count: int = 4) -> list[float]:
    """Round values inside the scale, about as many as asked for, at 1, 2 or 5 times ten to n."""
    rough = (scale.high - scale.low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]
