"""Which hashes of a log are beyond doubt, given what its entries and what its tiles say.

A row holds the hashes of one tile level: row 0 the leaves, row n+1 the roots of the full tiles of
row n. None stands for a hash that could not be read or is in doubt.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from seawall_verify.hashing import join, peaks, tree_hash
from seawall_verify.source import FULL

Row = list[bytes | None]


def whole(part: Sequence[bytes | None]) -> list[bytes] | None:
    """The hashes, or None when one is missing."""
    known = [node for node in part if node is not None]
    return known if len(known) == len(part) else None


def build(leaves: Row) -> list[Row]:
    """The rows above these leaf hashes."""
    rows = [leaves]
    while len(rows[-1]) >= FULL:
        row = rows[-1]
        chunks = (whole(row[i : i + FULL]) for i in range(0, len(row) - FULL + 1, FULL))
        rows.append([tree_hash(chunk) if chunk else None for chunk in chunks])
    return rows


def trusted(built: list[Row], stored: list[Row], root: bytes) -> list[Row] | None:
    """The hashes that the signed root vouches for; None when no choice of files leads to it.

    `built` comes from the entries, `stored` from the tiles. First the incomplete tile at the
    right of each level is taken from whichever leads to the root; then each full tile below a
    trusted hash from whichever has that hash.
    """
    truth: list[Row] = [[None] * len(row) for row in built]
    edges = [len(row) // FULL * FULL for row in built]
    choices = [
        [part for rows in (stored, built) if (part := whole(rows[level][edge:])) is not None]
        for level, edge in enumerate(edges)
    ]
    for choice in itertools.product(*choices):
        if join([peak for part in reversed(choice) for peak in peaks(part)]) == root:
            break
    else:
        return None
    for level, part in enumerate(choice):
        truth[level][edges[level] :] = part
    for level in range(len(truth) - 1, 0, -1):
        for index, node in enumerate(truth[level]):
            span = slice(index * FULL, (index + 1) * FULL)
            for rows in (stored, built):
                chunk = whole(rows[level - 1][span])
                if chunk and tree_hash(chunk) == node:
                    truth[level - 1][span] = chunk
                    break
    return truth
