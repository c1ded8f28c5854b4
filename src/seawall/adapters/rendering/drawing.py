"""Vega-Lite specifications drawn as SVG, in this process and without a network."""

from __future__ import annotations

import re
from typing import Any

from seawall.kernel import Digest, to_json

VERSION = "6.1"
WIDE, SMALL, NARROW = 680, 240, 190
"""Widths of the plot in pixels: alone on a page, beside others, and on a telephone's page."""
_NAMED = re.compile(r'(\bid="|url\(#|href="#)')
_SAID = re.compile(r'<(path|line|rect)\b([^>]*?) aria-label="([^"]*)"([^>]*?)/>')
_ROLES = re.compile(r' (?:aria-roledescription|aria-label|role|class)="[^"]*"')
_DIGITS = re.compile(r"(\d\.\d\d)\d+")


def svg(spec: dict[str, Any]) -> str | None:
    """The chart as an SVG element; None when the extra `charts` is not installed.

    Every mark that says what it stands for has it as its `<title>`, which shows on hovering. Ids
    are the specification's own, so that several charts can stand in one page.
    """
    try:
        import vl_convert
    except ImportError:
        return None
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VERSION)
    titled = _ROLES.sub("", _SAID.sub(r"<\1\2\4><title>\3</title></\1>", drawn))
    prefix = Digest.of(to_json(spec)).short
    return _NAMED.sub(rf"\g<1>{prefix}", _short(titled))


def _short(drawn: str) -> str:
    """Coordinates to a hundredth of a pixel; text is left as it is."""
    parts = re.split(r"(<[^>]*>)", drawn)
    return "".join(_DIGITS.sub(r"\1", p) if p.startswith("<") else p for p in parts)


def elastic(spec: dict[str, Any]) -> bool:
    """Whether a chart may be drawn at another width: one plot that is not small already."""
    return spec.get("width", 0) > SMALL
