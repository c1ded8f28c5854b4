"""Bytes of summaries: little-endian, fixed field order, the same bytes for equal values.

text = u32 length and UTF-8; i128 = 16 bytes, two's complement; counts = u32 number of non-zero
cells, their u32 indexes in rising order, then their u64 counts.
"""

from __future__ import annotations

import struct
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
        self._parts += [at.astype("<u4").tobytes(), values[at].astype("<u8").tobytes()]

    def done(self) -> bytes:
        """All fields as one byte string."""
        return b"".join(self._parts)


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
            raise Corrupt(f"the bytes of a {self._what} end too early", remedy="send it again")
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
        at = np.frombuffer(self._take(4 * filled), "<u4")
        values = np.frombuffer(self._take(8 * filled), "<u8")
        rising = bool(np.all(at[1:] > at[:-1])) if filled else True
        if not rising or (filled and int(at[-1]) >= size):
            raise Corrupt(f"a {self._what} counts cells that its grid does not have")
        if filled and int(values.max()) >= 1 << 63:
            raise Corrupt(f"a {self._what} holds a count above 2^63")
        dense = np.zeros(size, np.int64)
        dense[at] = values
        return dense

    def end(self) -> None:
        """Assert that nothing is left."""
        if self._at != len(self._data):
            raise Corrupt(f"{len(self._data) - self._at} bytes too many after a {self._what}")
