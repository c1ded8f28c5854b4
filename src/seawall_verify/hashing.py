"""The Merkle tree of RFC 6962, section 2.1, written apart from the code that builds the log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the complete subtrees over these hashes, the largest first."""
    found: list[bytes] = []
    start = 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            row = hashes[start : start + (1 << bit)]
            start += 1 << bit
            while len(row) > 1:
                row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
            found.append(row[0])
    return found


def join(subtrees: Sequence[bytes]) -> bytes:
    """The root above complete subtrees that are given largest first."""
    if not subtrees:
        return EMPTY
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes."""
    return join(peaks(hashes))


def path_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion path leads to; None when it does not fit index and size."""
    if not 0 <= index < size:
        return None
    right_turns: list[bool] = []  # from the root down: is the leaf in the right half?
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        right_turns.append(index >= middle)
        start, end = (middle, end) if index >= middle else (start, middle)
    if len(path) != len(right_turns):
        return None
    node = leaf
    for sibling, right in zip(path, reversed(right_turns), strict=True):
        node = node_hash(sibling, node) if right else node_hash(node, sibling)
    return node
