"""64-bit hashes of values: the same on every machine and in every language.

Numbers: the 64 bits of the value, as its grid's kind reads it, plus 0x9E3779B97F4A7C15, through
the finaliser of SplitMix64 (Steele, Lea, Flood 2014, variant 13 of Stafford). Texts: the first
eight bytes of the SHA-256 of their UTF-8, little-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.statistics.column import Column, Kind, encode, has_value

Hashes = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(bits: Hashes) -> Hashes:
    """Each 64-bit integer through the finaliser of SplitMix64."""
    z = bits + _GOLDEN
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def hash_text(text: str) -> int:
    """The hash of one text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def hash_values(values: Column, kind: Kind) -> tuple[Hashes, NDArray[np.bool_]]:
    """The hash of every row, 0 where it has no value, and which rows have one.

    numeric and score: the bits of the float64, −0 read as 0; integer and datetime: int64; all
    else: the text that `encode` gives it.
    """
    if isinstance(values, tuple) or values.dtype.kind not in "iufbM" or kind in _TEXTS:
        codes, names = encode(values)
        table = np.array([*map(hash_text, names), 0], np.uint64)
        return table[codes], codes >= 0
    there = has_value(values)
    data = np.asarray(values)
    if kind in ("integer", "datetime"):
        bits = _as_integers(data, there)
    else:
        bits = data.astype(np.float64) + 0.0
    found = mixed(bits.view(np.uint64))
    found[~there] = 0
    return found, there


_TEXTS = ("categorical", "boolean")


def hash_rows(columns: Sequence[tuple[Column, Kind]]) -> tuple[Hashes, NDArray[np.bool_]]:
    """One hash for the columns of each row together, and which rows have all of them.

    From 0, each column in turn: exclusive or with its hash, then through the finaliser.
    """
    first, there = hash_values(*columns[0])
    found = mixed(first)
    for column in columns[1:]:
        more, present = hash_values(*column)
        found = mixed(found ^ more)
        there = there & present
    return found, there


def _as_integers(data: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    if data.dtype.kind == "M":
        return data.astype("datetime64[us]").astype(np.int64)
    if data.dtype.kind == "f":
        whole = np.floor(np.where(there, data, 0.0))
        return np.clip(whole, -(2.0**62), 2.0**62).astype(np.int64)
    if data.dtype == np.uint64:
        data = np.minimum(data, np.uint64(2**63 - 1))
    return data.astype(np.int64)
