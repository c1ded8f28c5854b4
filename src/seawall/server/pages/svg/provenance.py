"""Where the boxes of a provenance picture stand, and the lines between them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from markupsafe import Markup

from seawall.server.pages.svg.marks import drawing, element, number
from seawall.server.pages.views import Provenance, ProvenanceNode


class Placed(msgspec.Struct, frozen=True):
    """A node with its cell: column from 1, first of two half rows from 1."""

    node: ProvenanceNode
    column: int
    row: int


def place(provenance: Provenance) -> tuple[Placed, ...]:
    """Nodes in reading order; each column is centred beside the tallest one."""
    columns: dict[int, list[ProvenanceNode]] = {}
    for node in provenance.nodes:
        columns.setdefault(node.column, []).append(node)
    tallest = max((len(nodes) for nodes in columns.values()), default=0)
    return tuple(
        Placed(node, column, tallest - len(nodes) + 2 * i + 1)
        for column, key in enumerate(sorted(columns), 1)
        for i, node in enumerate(columns[key])
        for nodes in (columns[key],)
    )


def edges(provenance: Provenance) -> Markup:
    """The lines between the boxes, behind them, stretched over the whole grid of cells."""
    placed = {p.node.id: p for p in place(provenance)}
    if not placed:
        return Markup("")
    width = max(p.column for p in placed.values())
    height = max(p.row for p in placed.values()) + 1
    lines = [
        element("path", d=_line(placed[a], placed[b], placed.values(), height), class_="edge")
        for a, b in provenance.edges
        if a in placed and b in placed
    ]
    inner = element(
        "svg", *lines, viewbox=f"0 0 {width} {height}", preserve="none", width="100%", height="100%"
    )
    return drawing("edges", 0, inner, hidden=True)


_BOX = 0.42  # half the width of a box, in columns


def _line(a: Placed, b: Placed, every: Iterable[Placed], height: float) -> str:
    """Straight out of a box, a bend between two columns, straight into the next box."""
    x1, x2 = a.column - 0.5, b.column - 0.5
    between = [p.row for p in every if a.column < p.column < b.column]
    if not between:
        return f"M{number(x1)} {a.row}{_bend(x1 + _BOX, a.row, x2 - _BOX, b.row)}H{number(x2)}"
    # a line over other columns passes where no box stands, as near to its ends as it can
    lanes = [y / 4 for y in range(1, int(4 * height)) if all(abs(y / 4 - r) > 0.9 for r in between)]
    lane = min(lanes, key=lambda y: abs(y - a.row) + abs(y - b.row), default=height - 0.05)
    return (
        f"M{number(x1)} {a.row}{_bend(x1 + _BOX, a.row, x1 + 1 - _BOX, lane)}"
        f"H{number(x2 - 1 + _BOX)}{_bend(x2 - 1 + _BOX, lane, x2 - _BOX, b.row)}H{number(x2)}"
    )


def _bend(x1: float, y1: float, x2: float, y2: float) -> str:
    half = number((x1 + x2) / 2)
    return f"H{number(x1)}C{half} {number(y1)} {half} {number(y2)} {number(x2)} {number(y2)}"
