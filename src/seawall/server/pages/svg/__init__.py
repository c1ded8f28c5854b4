"""Drawings made on the server: they paint at once, shift nothing, print well, need no script."""

from seawall.server.pages.svg.bars import burn_down, contribution, level, sparkline, stacked
from seawall.server.pages.svg.histogram import step_histogram
from seawall.server.pages.svg.icons import icon
from seawall.server.pages.svg.interval import interval, span_of, whisker
from seawall.server.pages.svg.marks import Scale, padded
from seawall.server.pages.svg.provenance import edges, place
from seawall.server.pages.svg.series import Band, series

__all__ = [
    "Band",
    "Scale",
    "burn_down",
    "contribution",
    "edges",
    "icon",
    "interval",
    "level",
    "padded",
    "place",
    "series",
    "span_of",
    "sparkline",
    "stacked",
    "step_histogram",
    "whisker",
]
