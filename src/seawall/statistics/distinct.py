"""How many different values were seen: HyperLogLog registers, and the estimate read off them.

Flajolet, Fusy, Gandouet, Meunier 2007, with 64-bit hashes, and the improved raw estimator of
Ertl 2017 (arXiv 1702.01284, section 4), which needs no correction for few or many values.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.codec import Reader, Writer
from seawall.statistics.grid import BLOCK
from seawall.statistics.hashing import Hashes
from seawall.statistics.intervals import normal_quantile

P = 12
"""Bits of the hash that choose a register."""
REGISTERS = 1 << P
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
"""The relative standard error of the estimate: 1.6%."""
_RANKS = 64 - P


class Distinct(msgspec.Struct, frozen=True, eq=False):
    """What is kept to count different values: `registers` uint8[4096].

    A register is the largest number of leading zeros, plus one, of the low 52 bits of the hashes
    whose top 12 bits are its index; 0 where there was none.
    """

    registers: NDArray[np.uint8]

    @classmethod
    def of(cls, hashes: Hashes) -> Distinct:
        """The registers of these hashes."""
        seen = np.zeros((REGISTERS, 64), np.bool_)
        flat = seen.reshape(-1)
        for start in range(0, hashes.size, BLOCK):
            block = hashes[start : start + BLOCK]
            rest = block & np.uint64((1 << _RANKS) - 1)
            _, length = np.frexp(rest.astype(np.float64))  # exact: 52 bits fit a float64
            at = (block >> np.uint64(_RANKS)).astype(np.int64)
            flat[(at << 6) + (_RANKS + 1 - length)] = True
        ranks = np.arange(64, dtype=np.uint8)
        registers = (seen * ranks).max(axis=1)
        return cls(registers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Distinct) and bool((self.registers == other.registers).all())

    __hash__ = None  # type: ignore[assignment]

    def merge(self, other: Distinct) -> Distinct:
        """The registers of both."""
        return Distinct(np.maximum(self.registers, other.registers))

    def estimate(self, rows: int, confidence: float = 0.95) -> Estimate:
        """How many different values `rows` values have; never above that number.

        The interval is that of a normal variable with the relative standard error 1.04/√4096 and
        never below the registers that are in use, each of which takes a value of its own.
        """
        used = int(np.count_nonzero(self.registers))
        value = min(_ertl(self.registers), float(rows))
        half = normal_quantile(confidence) * STANDARD_ERROR
        low, high = max(value / (1 + half) - 0.5, float(used)), value / (1 - half) + 0.5
        high = min(float(rows), high)
        return Estimate(min(max(value, low), high), min(low, high), high, confidence, rows,
                        "HyperLogLog, p = 12")  # fmt: skip

    def to_bytes(self) -> bytes:
        """`SWHL`, u16 version 1, u8 12, u16 registers in use, then a u16 index and a u8 rank for
        each, or all 4096 ranks when that is shorter.
        """
        out = Writer(b"SWHL", 1)
        at = np.flatnonzero(self.registers)
        out.number("BH", P, at.size)
        if 3 * at.size < REGISTERS:
            for index in at.tolist():
                out.number("HB", index, int(self.registers[index]))
        else:
            out.number(f"{REGISTERS}B", *self.registers.tolist())
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> Distinct:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWHL", 1, "distinct count")
        bits, used = read.number("BH")
        read.require(bits == P and used <= REGISTERS, f"has registers for {bits} bits, not {P}")
        registers = np.zeros(REGISTERS, np.uint8)
        if 3 * used < REGISTERS:
            pairs = np.array([read.number("HB") for _ in range(used)], np.int64).reshape(-1, 2)
            rising = bool((np.diff(pairs[:, 0], prepend=-1) > 0).all())
            known = not used or int(pairs[-1, 0]) < REGISTERS
            read.require(rising and known, "has registers out of order")
            registers[pairs[:, 0]] = pairs[:, 1]
        else:
            registers[:] = read.number(f"{REGISTERS}B")
        read.end()
        read.require(int(np.count_nonzero(registers)) == used, "miscounts its registers")
        read.require(int(registers.max()) <= _RANKS + 1, "has a rank above 53")
        return cls(registers)


def _ertl(registers: NDArray[np.uint8]) -> float:
    """Algorithm 6 of the paper."""
    m = REGISTERS
    count = np.bincount(registers, minlength=_RANKS + 2).tolist()
    z = m * _tau(1 - count[_RANKS + 1] / m)
    for k in range(_RANKS, 0, -1):
        z = 0.5 * (z + count[k])
    z += m * _sigma(count[0] / m)
    return m * m / (2 * math.log(2) * z) if z < math.inf else 0.0


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before = math.sqrt(x), z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
