"""The same few rows of a source, however often and in whatever pieces it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.tables import batches
from seawall.sdk.report import Table
from seawall.statistics.column import Column, length

ROWS = 20_000
"""Rows that a check of whole rows looks at in each table."""


def sample(source: Table, columns: Sequence[str], rows: int = ROWS) -> dict[str, Column]:
    """The rows whose positions have the smallest hashes, at most `rows`, in the order of the hash.

    Text comes as object arrays. Raises `BadInput` on an unreadable source and unknown columns.
    """
    kept: dict[str, Any] = {}
    order = np.zeros(0, np.uint64)
    start = 0
    for batch in batches(source, list(columns)):
        size = length(next(iter(batch.values())))
        hashes = _hash(np.arange(start, start + size, dtype=np.uint64))
        least = np.argsort(hashes, kind="stable")[:rows]
        order = np.concatenate([order, hashes[least]])
        best = np.argsort(order, kind="stable")[:rows]
        order, start = order[best], start + size
        for name, values in batch.items():
            picked = _take(values, least)
            if name in kept:
                joined = np.ma.concatenate if _masked(picked, kept[name]) else np.concatenate
                picked = joined([kept[name], picked])
            kept[name] = picked[best]
    return kept


def _take(values: Column, rows: NDArray[Any]) -> Any:
    if isinstance(values, tuple):
        return np.array([*values[1], None], object)[np.asarray(values[0])[rows]]
    return values[rows]


def _masked(*parts: Any) -> bool:
    return any(isinstance(part, np.ma.MaskedArray) for part in parts)


def _hash(position: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64 (Steele, Lea & Flood 2014)."""
    mixed = position + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
