"""Subtree hashes of a log read from its tiles, so that any proof needs only a few files."""

from __future__ import annotations

from collections.abc import Callable

from seawall.audit.merkle import node_hash, root_hash, split
from seawall.audit.proof import Consistency, Inclusion, consistency_from, inclusion_from
from seawall.audit.tiles import FULL, read_tile, tile_path
from seawall.kernel import Corrupt, NotFound

ReadFile = Callable[[str], bytes]
"""The bytes of a file by its path in the log's folder; raises `NotFound`."""


class TileReader:
    """Hashes of the tree of `size` entries. A tile is read once, and only when it is needed."""

    def __init__(self, read: ReadFile, size: int) -> None:
        self._read, self.size = read, size
        self._tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def inclusion(self, index: int) -> Inclusion:
        """The proof that the entry at `index` is in this tree."""
        return inclusion_from(self.range_hash, index, self.size)

    def consistency(self, old: int) -> Consistency:
        """The proof that the tree of `old` entries begins this one."""
        return consistency_from(self.range_hash, old, self.size)

    @property
    def root(self) -> bytes:
        """The root hash that the tiles lead to."""
        return self.range_hash(0, self.size) if self.size else root_hash(())

    def range_hash(self, start: int, end: int) -> bytes:
        """The Merkle tree hash over the entries `start <= i < end` of a subtree of this tree."""
        count = end - start
        if count & (count - 1):
            middle = start + split(count)
            return node_hash(self.range_hash(start, middle), self.range_hash(middle, end))
        level = (count.bit_length() - 1) // 8
        first, last = start >> 8 * level, end >> 8 * level
        tile = self._tile(level, first // FULL)
        return root_hash(tile[first % FULL : first % FULL + last - first])

    def _tile(self, level: int, index: int) -> tuple[bytes, ...]:
        if (level, index) not in self._tiles:
            width = min(FULL, (self.size >> 8 * level) - index * FULL)
            path = tile_path(level, index, width)
            try:
                data = self._read(path)
            except NotFound:  # a log may drop a partial tile once the full one stands
                path = tile_path(level, index)
                data = self._read(path)
            hashes = read_tile(data)
            if len(hashes) < width:
                raise Corrupt(f"the tile holds {len(hashes)} hashes, not {width}", where=path)
            self._tiles[level, index] = hashes[:width]
        return self._tiles[level, index]
