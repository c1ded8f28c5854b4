"""The Merkle tree of RFC 6962, section 2.1, over SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data): the hash of one entry, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right): the hash of an inner node, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two smaller than `size` (at least 2): where a tree divides."""
    return 1 << (size - 1).bit_length() - 1


class Frontier(msgspec.Struct, frozen=True):
    """A tree reduced to its complete subtrees, largest first: enough to grow it and know its root.

    One peak per set bit of `size`; a log of 2³² entries is held in 32 hashes or fewer.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def extend(self, hashes: Iterable[bytes]) -> Self:
        """The frontier after these leaf hashes are appended, in order."""
        size, peaks = self.size, list(self.peaks)
        for node in hashes:
            size += 1
            height = size
            while height % 2 == 0:
                node = node_hash(peaks.pop(), node)
                height //= 2
            peaks.append(node)
        return type(self)(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The Merkle tree hash; of an empty tree, SHA-256 of nothing."""
        if not self.peaks:
            return EMPTY_ROOT
        *left, root = self.peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


def root_hash(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over these leaf hashes."""
    return Frontier().extend(hashes).root
