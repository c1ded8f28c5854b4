"""Where a tree's hashes and entries stand as files, and their bytes (C2SP tlog-tiles).

A tile holds up to 256 hashes of one level; each is the root of a full tile one level below. An
entry bundle holds the entries whose hashes are in the level-0 tile of the same index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from seawall.audit.merkle import HASH_SIZE
from seawall.kernel import BadInput, Corrupt

FULL = 256
MAX_ENTRY = 65_535


class Tile(msgspec.Struct, frozen=True, order=True):
    """The place of a tile: level 0 to 63, index in the level, and how many hashes it holds."""

    level: int
    index: int
    width: int = FULL

    @property
    def path(self) -> str:
        """Its file, relative to the log's folder."""
        return tile_path(self.level, self.index, self.width)


def _number(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= FULL:
        raise BadInput(f"no tile has index {index} and width {width}", remedy="width is 1 to 256")
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return text if width == FULL else f"{text}.p/{width}"


def tile_path(level: int, index: int, width: int = FULL) -> str:
    """The path of a tile of hashes, such as `tile/1/x001/x234/067` or `tile/0/003.p/17`."""
    if not 0 <= level <= 63:
        raise BadInput(f"no tile has level {level}", remedy="levels are 0 to 63")
    return f"tile/{level}/{_number(index, width)}"


def bundle_path(index: int, width: int = FULL) -> str:
    """The path of an entry bundle, such as `tile/entries/003.p/17`."""
    return f"tile/entries/{_number(index, width)}"


def tile_bytes(hashes: Iterable[bytes]) -> bytes:
    """The hashes of one tile, one after the other."""
    return b"".join(hashes)


def read_tile(data: bytes) -> tuple[bytes, ...]:
    """The hashes in a tile's bytes; raises `Corrupt` unless there are 1 to 256 whole ones."""
    if len(data) % HASH_SIZE or not HASH_SIZE <= len(data) <= FULL * HASH_SIZE:
        raise Corrupt(f"a tile of {len(data)} bytes does not hold 1 to 256 hashes of 32 bytes")
    return tuple(data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE))


def bundle_bytes(entries: Iterable[bytes]) -> bytes:
    """The entries, each after its length as a big-endian 16-bit number.

    Raises `BadInput` for an entry above 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise BadInput(
                f"an entry of {len(entry):,} bytes does not fit the audit log",
                remedy="store the payload as an object and log its digest",
            )
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def read_bundle(data: bytes) -> tuple[bytes, ...]:
    """The entries in a bundle's bytes; raises `Corrupt` when it ends within an entry."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise Corrupt(f"an entry bundle of {len(data)} bytes ends within entry {len(entries)}")
        entries.append(data[at + 2 : end])
        at = end
    return tuple(entries)


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """The tiles of a tree of this size that a tree of size `since` did not have, level by level.

    With `since=0`, all of them. These are the files to write when a log grows; level 0 also
    names the entry bundles.
    """
    level = 0
    while count := size >> 8 * level:
        before = since >> 8 * level
        if count > before:
            for index in range(before // FULL, -(-count // FULL)):
                yield Tile(level, index, min(FULL, count - index * FULL))
        level += 1
