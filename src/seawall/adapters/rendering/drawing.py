"""Vega-Lite specifications drawn as SVG, in this process and without a network."""

from __future__ import annotations

import re
from typing import Any

VERSION = "6.1"
_NAMED = re.compile(r'(\bid="|url\(#|href="#)')


def svg(spec: dict[str, Any], prefix: str = "") -> str | None:
    """The chart as an SVG element; None when the extra `charts` is not installed.

    `prefix` goes before every id, so that several charts can stand in one page.
    """
    try:
        import vl_convert
    except ImportError:
        return None
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VERSION)
    return _NAMED.sub(rf"\g<1>{prefix}", drawn)
