"""Charts as Vega-Lite specifications: plain dicts, drawn by a page, a notebook or `vl-convert`."""

from seawall.report.charts.chunks import ChunkPoint, chunks
from seawall.report.charts.curves import curve
from seawall.report.charts.dots import dot_and_whisker, ranked_dots
from seawall.report.charts.histogram import categories, histogram
from seawall.report.charts.reliability import ReliabilityPoint, reliability
from seawall.report.charts.series import (
    EventMark,
    TimePoint,
    e_value_path,
    evidence_path,
    time_series,
)

__all__ = [
    "ChunkPoint",
    "EventMark",
    "ReliabilityPoint",
    "TimePoint",
    "categories",
    "chunks",
    "curve",
    "dot_and_whisker",
    "e_value_path",
    "evidence_path",
    "histogram",
    "ranked_dots",
    "reliability",
    "time_series",
]
