"""Proofs that an entry is in a tree, and that one tree is a prefix of another (RFC 6962, 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from seawall.audit.merkle import node_hash, root_hash, split
from seawall.kernel import BadInput

RangeHash = Callable[[int, int], bytes]
"""The Merkle tree hash over the leaves `start <= i < end`; `audit.reader` makes one from tiles."""


class Inclusion(msgspec.Struct, frozen=True):
    """The path of the leaf at `index` in the tree of `size` leaves, sibling first, root last."""

    index: int
    size: int
    path: tuple[bytes, ...]

    def root(self, leaf: bytes) -> bytes | None:
        """The root that this leaf hash leads to, or None when the path's length is wrong."""
        if not 0 <= self.index < self.size:
            return None
        at, last, node = self.index, self.size - 1, leaf
        for sibling in self.path:  # RFC 9162, 2.1.3.2
            if last == 0:
                return None
            if at & 1 or at == last:
                node = node_hash(sibling, node)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                node = node_hash(node, sibling)
            at, last = at >> 1, last >> 1
        return node if last == 0 else None

    def verify(self, leaf_hash: bytes, root: bytes) -> bool:
        """Whether the leaf with this hash stands at `index` in the tree with this root."""
        return self.root(leaf_hash) == root


class Consistency(msgspec.Struct, frozen=True):
    """Shows that the tree of `old` leaves is the beginning of the tree of `new` leaves."""

    old: int
    new: int
    path: tuple[bytes, ...]

    def verify(self, old_root: bytes, new_root: bytes) -> bool:
        """Whether the roots belong to such trees. Every tree begins with the empty one."""
        if not 0 <= self.old <= self.new:
            return False
        if self.old in (0, self.new):
            return not self.path and (self.old == 0 or old_root == new_root)
        path = list(self.path)
        if self.old & (self.old - 1) == 0:
            path.insert(0, old_root)
        if not path:
            return False
        at, last = self.old - 1, self.new - 1
        while at & 1:
            at, last = at >> 1, last >> 1
        old_node = new_node = path[0]
        for sibling in path[1:]:  # RFC 9162, 2.1.4.2
            if last == 0:
                return False
            if at & 1 or at == last:
                old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                new_node = node_hash(new_node, sibling)
            at, last = at >> 1, last >> 1
        return last == 0 and old_node == old_root and new_node == new_root


def inclusion_from(hashes: RangeHash, index: int, size: int) -> Inclusion:
    """The proof for the leaf at `index` in a tree whose subtree hashes can be asked for."""
    if not 0 <= index < size:
        raise BadInput(f"a tree of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(hashes(middle, end))
            end = middle
        else:
            path.append(hashes(start, middle))
            start = middle
    return Inclusion(index, size, tuple(reversed(path)))


def consistency_from(hashes: RangeHash, old: int, new: int) -> Consistency:
    """The proof that the tree of `old` leaves begins the tree of `new`."""
    if not 0 <= old <= new:
        raise BadInput(f"a tree of {new} entries has no beginning of {old}")
    if old in (0, new):
        return Consistency(old, new, ())
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            path.append(hashes(middle, end))
            end = middle
        else:
            path.append(hashes(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(hashes(start, end))
    return Consistency(old, new, tuple(reversed(path)))


def inclusion(hashes: Sequence[bytes], index: int) -> Inclusion:
    """The proof for the leaf at `index` among these leaf hashes."""
    return inclusion_from(lambda a, b: root_hash(hashes[a:b]), index, len(hashes))


def consistency(hashes: Sequence[bytes], old: int) -> Consistency:
    """The proof that the first `old` of these leaf hashes begin the tree of them all."""
    return consistency_from(lambda a, b: root_hash(hashes[a:b]), old, len(hashes))
