"""The shapes of the five states: each is told apart without colour."""

from __future__ import annotations

from markupsafe import Markup

from seawall.server.pages.svg.marks import element
from seawall.server.pages.views import Shape

_SHAPES: dict[str, tuple[Markup, ...]] = {
    # a full disc with a tick cut out
    "good": (
        element("circle", cx=8, cy=8, r=7, class_="solid"),
        element("path", d="M4.6 8.3 7 10.7l4.4-5", class_="cut"),
    ),
    # a full triangle with an exclamation mark
    "warning": (
        element("path", d="M8 1.2 15.4 14.4H.6Z", class_="solid"),
        element("path", d="M8 6v4M8 12.1v.2", class_="cut"),
    ),
    # a full octagon with a cross
    "bad": (
        element("path", d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z", class_="solid"),
        element("path", d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8", class_="cut"),
    ),
    # a hollow ring
    "undecided": (element("circle", cx=8, cy=8, r=6, class_="ring"),),
    # a dash
    "none": (element("path", d="M3 8h10", class_="ring"),),
}


def icon(shape: Shape) -> Markup:
    """The icon of a state; its word stands beside it, so a screen reader skips the picture."""
    return element(
        "svg",
        *_SHAPES[shape],
        class_=f"icon {shape}",
        viewbox="0 0 16 16",
        width="16",
        height="16",
        aria_hidden="true",
        focusable="false",
    )
