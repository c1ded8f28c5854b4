"""Bytes of summaries: little-endian, fixed field order, the same bytes for equal values.

text = u32 length and UTF-8; i128 = 16 bytes, two's complement; varint = unsigned LEB128 in its
shortest form; counts = u32 number of non-zero cells, then as varints for each the number of cells
skipped before it, then their counts. docs/summary-format.md says it for other languages.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Corrupt

Counts = NDArray[np.int64]


class Writer:
    """Appends fields to a growing byte string."""

    def __init__(self, magic: bytes, version: int) -> None:
        self._parts = [magic, struct.pack("<H", version)]

    def number(self, form: str, *values: float) -> None:
        """Fixed-size numbers by `struct` letters, little-endian."""
        self._parts.append(struct.pack("<" + form, *values))

    def blob(self, data: bytes) -> None:
        """A length and the bytes."""
        self._parts += [struct.pack("<I", len(data)), data]

    def text(self, value: str) -> None:
        """A length and UTF-8."""
        self.blob(value.encode())

    def large(self, value: int) -> None:
        """A signed integer of 128 bits."""
        self._parts.append(value.to_bytes(16, "little", signed=True))

    def counts(self, values: Counts) -> None:
        """The non-zero cells of a count vector."""
        at = np.flatnonzero(values)
        self.number("I", at.size)
        self._parts += [_varints(np.diff(at, prepend=-1) - 1), _varints(values[at])]

    def integers(self, values: Sequence[int]) -> None:
        """Unsigned integers as varints, without their number."""
        self._parts.append(_varints(np.array(values, np.uint64)))

    def done(self) -> bytes:
        """All fields as one byte string."""
        return b"".join(self._parts)


def _varints(values: NDArray[Any]) -> bytes:
    rest = values.astype(np.uint64)
    columns: list[NDArray[Any]] = []
    kept = [np.ones(rest.size, np.bool_)]
    while True:
        low, rest = (rest & np.uint64(0x7F)).astype(np.uint8), rest >> np.uint64(7)
        more = rest > 0
        columns.append(low | (more.astype(np.uint8) << 7))
        if not more.any():
            break
        kept.append(more)
    return np.stack(columns, axis=1)[np.stack(kept, axis=1)].tobytes()


class Reader:
    """Reads fields in the order they were written; raises `Corrupt` on anything else."""

    def __init__(self, data: bytes, magic: bytes, version: int, what: str) -> None:
        self._data, self._at, self._what = data, len(magic) + 2, what
        if data[: len(magic)] != magic:
            raise Corrupt(f"these bytes are not a {what}", remedy="check where they came from")
        found = int.from_bytes(data[len(magic) : self._at], "little")
        if found != version:
            raise Corrupt(
                f"{what} of format {found}, expected {version}", remedy="update the older side"
            )

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise self._short()
        self._at += size
        return part

    def number(self, form: str) -> tuple[Any, ...]:
        """Fixed-size numbers by `struct` letters."""
        return struct.unpack("<" + form, self._take(struct.calcsize("<" + form)))

    def blob(self) -> bytes:
        """Bytes with their length before them."""
        return self._take(self.number("I")[0])

    def text(self) -> str:
        """Text with its length before it."""
        try:
            return self.blob().decode()
        except UnicodeDecodeError as error:
            raise Corrupt(f"a {self._what} holds text that is not UTF-8") from error

    def large(self) -> int:
        """A signed integer of 128 bits."""
        return int.from_bytes(self._take(16), "little", signed=True)

    def counts(self, size: int) -> Counts:
        """A count vector of this many cells."""
        (filled,) = self.number("I")
        self.require(filled <= size, "counts cells that its grid does not have")
        skipped, values = self.integers(filled), self.integers(filled)
        self.require(not filled or int(skipped.max()) < size, "counts cells beyond its grid")
        at = np.cumsum(skipped.astype(np.int64) + 1) - 1
        self.require(not filled or int(at[-1]) < size, "counts cells beyond its grid")
        self.require(bool((values > 0).all()), "lists a cell without a count")
        self.require(not filled or int(values.max()) < 1 << 63, "holds a count above 2^63")
        dense = np.zeros(size, np.int64)
        dense[at] = values.astype(np.int64)
        return dense

    def integers(self, size: int) -> NDArray[np.uint64]:
        """So many varints."""
        found = np.frombuffer(self._data, np.uint8, offset=self._at)[: 10 * size]
        ends = np.flatnonzero(found < 0x80)[:size]
        if len(ends) < size:
            raise self._short()
        if not size:
            return np.zeros(0, np.uint64)
        starts = np.concatenate([[0], ends[:-1] + 1])
        long = ends - starts + 1
        used = found[: int(ends[-1]) + 1]
        last = used[ends]
        self.require(not bool(((last == 0) & (long > 1)).any()), "holds an overlong integer")
        self.require(not bool(((long > 10) | ((long == 10) & (last > 1))).any()),
                     "holds an integer above 2^64")  # fmt: skip
        place = 7 * (np.arange(used.size) - np.repeat(starts, long))
        parts = (used & 0x7F).astype(np.uint64) << place.astype(np.uint64)
        self._at += used.size
        return np.add.reduceat(parts, starts)

    def require(self, sound: bool, told: str) -> None:
        """Raise `Corrupt`, telling what the thing does wrong, unless this is so."""
        if not sound:
            raise Corrupt(f"a {self._what} {told}", remedy="check what wrote it")

    def _short(self) -> Corrupt:
        return Corrupt(f"the bytes of a {self._what} end too early", remedy="send it again")

    def end(self) -> None:
        """Assert that nothing is left."""
        if self._at != len(self._data):
            raise Corrupt(f"{len(self._data) - self._at} bytes too many after a {self._what}")
