"""Where the boxes of a provenance picture stand, and the lines between them."""

from __future__ import annotations

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
    lines: list[Markup] = []
    for source, target in provenance.edges:
        if source in placed and target in placed:
            a, b = placed[source], placed[target]
            x1, x2 = a.column - 0.5, b.column - 0.5
            half = number((x1 + x2) / 2)
            lines.append(
                element(
                    "path",
                    d=f"M{x1} {a.row}C{half} {a.row} {half} {b.row} {x2} {b.row}",
                    class_="edge",
                )
            )
    inner = element(
        "svg", *lines, viewbox=f"0 0 {width} {height}", preserve="none", width="100%", height="100%"
    )
    return drawing("edges", 0, inner, hidden=True)
