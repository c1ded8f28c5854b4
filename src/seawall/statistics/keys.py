"""Duplicate keys: whether rows that should be one of a kind are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from seawall.kernel import BadInput, Estimate, nearest
from seawall.statistics.codec import Reader, Writer
from seawall.statistics.column import Column, kind_of, length
from seawall.statistics.distinct import Distinct
from seawall.statistics.hashing import hash_rows
from seawall.statistics.intervals import clopper_pearson

SAMPLE = 1024
"""How many keys are kept by hash, each with its exact count."""


class KeySummary(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a table's rows.

    `columns` form the key; `rows` have all of it and `missing` lack a part; `distinct` registers
    of the keys' hashes; `sample` the smallest hashes, each with the exact count of its rows.
    Which keys are in the sample does not depend on how often they occur, so it is a fair sample
    of the different keys. In a `sealed` summary their hashes are replaced by 0, 1, 2 …; it does
    not merge.
    """

    columns: tuple[str, ...]
    distinct: Distinct
    rows: int = 0
    missing: int = 0
    sample: tuple[tuple[int, int], ...] = ()
    sealed: bool = False

    def merge(self, other: KeySummary) -> KeySummary:
        """Both tables' rows together; `BadInput` on different key columns or a sealed summary."""
        if self.columns != other.columns or self.sealed or other.sealed:
            raise BadInput(
                f"keys of {'×'.join(self.columns)} and {'×'.join(other.columns)} do not merge",
                remedy="count the same columns; a saved baseline has its keys' hashes removed",
            )
        sums: dict[int, int] = dict(self.sample)
        for key, count in other.sample:
            sums[key] = sums.get(key, 0) + count
        return KeySummary(
            columns=self.columns, distinct=self.distinct.merge(other.distinct),
            rows=self.rows + other.rows, missing=self.missing + other.missing,
            sample=tuple(sorted(sums.items())[:SAMPLE]),
        )  # fmt: skip

    def seal(self) -> KeySummary:
        """The same answers without the hashes, by which a known key could be looked up."""
        counts = sorted((count for _, count in self.sample), reverse=True)
        return msgspec.structs.replace(self, sample=tuple(enumerate(counts)), sealed=True)

    def duplicate_rows(self, confidence: float = 0.95) -> Estimate:
        """The share of rows whose key another row had before; exact up to 1024 different keys."""
        if not self.rows:
            return Estimate(math.nan, 0.0, 1.0, confidence, 0, "no rows")
        if len(self.sample) < SAMPLE:
            share = 1 - len(self.sample) / self.rows
            return Estimate(share, share, share, confidence, self.rows, "counted")
        keys = self.distinct.estimate(self.rows, confidence)
        value, low, high = (1 - k / self.rows for k in (keys.value, keys.high, keys.low))
        surely = sum(count - 1 for _, count in self.sample) / self.rows
        low = max(low, surely)
        return Estimate(max(value, low), low, max(high, low), confidence, self.rows, keys.method)

    def repeated_keys(self, confidence: float = 0.95) -> Estimate:
        """The share of different keys that more than one row has, by the sample of keys."""
        size, twice = len(self.sample), sum(count > 1 for _, count in self.sample)
        if not size:
            return Estimate(math.nan, 0.0, 1.0, confidence, 0, "no rows")
        low, high = clopper_pearson(twice, size, confidence)
        share = twice / size
        if size < SAMPLE:
            low = high = share
        method = "counted" if size < SAMPLE else "Clopper–Pearson on 1024 keys by hash"
        return Estimate(share, low, high, confidence, size, method)

    def to_bytes(self) -> bytes:
        """`SWKY`, u16 version 1, u32 columns and a text each, u8 sealed, u64 rows, u64 missing,
        blob of the distinct count, u32 size of the sample, u64 hashes, varint counts.
        """
        out = Writer(b"SWKY", 1)
        out.number("I", len(self.columns))
        for name in self.columns:
            out.text(name)
        out.number("BQQ", self.sealed, self.rows, self.missing)
        out.blob(self.distinct.to_bytes())
        size = len(self.sample)
        out.number(f"I{size}Q", size, *(key for key, _ in self.sample))
        out.integers([count for _, count in self.sample])
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> KeySummary:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWKY", 1, "key summary")
        columns = tuple(read.text() for _ in range(read.number("I")[0]))
        sealed, rows, missing = read.number("BQQ")
        distinct = Distinct.from_bytes(read.blob())
        (size,) = read.number("I")
        read.require(size <= SAMPLE, f"has a sample of {size} keys, above {SAMPLE}")
        keys = read.number(f"{size}Q")
        counts = read.integers(size).tolist()
        read.end()
        read.require(sealed < 2 and list(keys) == sorted(set(keys)), "has keys out of order")
        read.require(all(counts) and sum(counts) <= rows, "has more keys than rows")
        return cls(columns=columns, distinct=distinct, rows=rows, missing=missing,
                   sample=tuple(zip(keys, counts, strict=True)), sealed=bool(sealed))  # fmt: skip


def summarise_keys(table: Mapping[str, Column], columns: Sequence[str]) -> KeySummary:
    """Count the keys that these columns form; `BadInput` when one is not there."""
    for name in columns:
        if name not in table:
            raise BadInput(f"there is no column {name!r}", remedy=nearest(name, table))
    hashes, there = hash_rows([(table[name], kind_of(table[name])) for name in columns])
    present = hashes[there]
    found, counts = np.unique(present, return_counts=True)
    sample = zip(found[:SAMPLE].tolist(), counts[:SAMPLE].tolist(), strict=True)
    return KeySummary(
        columns=tuple(columns), distinct=Distinct.of(present), rows=int(present.size),
        missing=length(table[columns[0]]) - int(present.size), sample=tuple(sample),
    )  # fmt: skip
