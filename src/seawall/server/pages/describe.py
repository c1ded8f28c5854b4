"""What a chart shows, in one sentence: its name for a screen reader and for text search."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from seawall.server.pages import formats
from seawall.server.pages.svg.histogram import finite_edges
from seawall.server.pages.svg.series import Band
from seawall.server.pages.views import Budget, Distribution


def bins(d: Distribution) -> tuple[str, ...]:
    """The names of the bins, in order."""
    if d.labels:
        return d.labels
    edges = d.edges
    return tuple(f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges))


def distribution(name: str, d: Distribution) -> str:
    """The fullest bin now and before, and where the share rose and fell most."""
    if not d.present or not d.baseline:
        return f"{name}: no rows yet"
    names = bins(d)
    change = [p - b for p, b in zip(d.present, d.baseline, strict=True)]
    rise = max(range(len(change)), key=change.__getitem__)
    fall = min(range(len(change)), key=change.__getitem__)
    return (
        f"{name}: now fullest at {names[_top(d.present)]}, baseline at {names[_top(d.baseline)]}; "
        f"largest rise {names[rise]} ({formats.number(change[rise], 'pp')}), "
        f"largest fall {names[fall]} ({formats.number(change[fall], 'pp')})"
    )


def _top(shares: Sequence[float]) -> int:
    return max(range(len(shares)), key=shares.__getitem__)


def ends(d: Distribution) -> tuple[str, str]:
    """What stands under the left and the right end of a histogram."""
    if d.edges:
        edges = finite_edges(d.edges)
        return f"{edges[0]:,.4g}", f"{edges[-1]:,.4g}"
    return (d.labels[0], d.labels[-1]) if d.labels else ("", "")


def over_time(name: str, bands: Sequence[Band], unit: str) -> str:
    """The first and the last value with its interval, and how many are provisional."""
    if not bands:
        return f"{name}: nothing measured yet"
    first, last = bands[0], bands[-1]
    waiting = sum(b.provisional for b in bands)
    tail = f"; the last {waiting} of {len(bands)} are provisional" if waiting else ""
    return (
        f"{name}: {formats.number(first.value, unit)} at first, now "
        f"{formats.number(last.value, unit)} ({formats.number(last.low, unit)} to "
        f"{formats.number(last.high, unit)}){tail}"
    )


def budget(b: Budget) -> str:
    """What is left of a budget."""
    return f"{b.name}: {formats.number(b.left, '%')} of the error budget left"
