"""The same few rows of a source, however often and in whatever pieces it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seawall.adapters.tables import open_source
from seawall.kernel import BadInput
from seawall.sdk.report import Table
from seawall.statistics.column import Column, joined, take
from seawall.statistics.hashing import mixed

ROWS = 20_000
"""Rows that a check of whole rows looks at in each table."""


def sample(source: Table, columns: Sequence[str], rows: int = ROWS) -> dict[str, Column]:
    """The rows whose positions have the smallest hashes, at most `rows`, in the order of the hash.

    Raises `BadInput` on an unreadable source, one that is read once only, and unknown columns.
    """
    there = open_source(source)
    if not isinstance(there.pieces, Sequence):
        raise BadInput(
            "rows are looked at twice, and a stream is gone once read",
            where=there.name,
            remedy="give a file or a table, or leave out the multivariate check",
        )
    names = there.chosen(columns)
    kept: dict[str, Column] = {}
    order = np.zeros(0, np.uint64)
    start = 0
    for piece in there.pieces:
        hashes = mixed(np.arange(start, start + piece.rows, dtype=np.uint64))
        least = np.argsort(hashes, kind="stable")[:rows]
        order = np.concatenate([order, hashes[least]])
        best = np.argsort(order, kind="stable")[:rows]
        order, start = order[best], start + piece.rows
        for name, values in piece.read(names).items():
            parts = [kept[name]] if name in kept else []
            kept[name] = take(joined([*parts, take(values, least)]), best)
    return kept
