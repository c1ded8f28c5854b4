"""How a column is binned, fixed before any row is counted.

Numbers: u = (x − centre)/scale with scale a power of two; the float's bits, read as an
order-preserving integer, keep exponents `low`…`high` and `bits` of the mantissa, so bins have
constant relative width away from the centre. Integers and datetimes: bins of 2^`shift` from
`origin`. Scores: relative width from 0 below one half and from 1 above it. Atoms, values heavy
enough to count apart, split the bin that holds them into below, equal and above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Digest
from seawall.statistics.codec import Reader, Writer
from seawall.statistics.column import Column, Kind, encode, kind_of, numbers

BLOCK = 16_384
"""Rows handled at once: what a block needs fits the cache."""
Q_LIMIT = 1 << 20
"""Magnitude at which the integers behind mean and variance are clipped."""
_SAMPLE = 65_536
_ATOMS = 64
_BINS = 4096
_CATEGORIES = 1024
_FAR = 1 << 61
"""Magnitude beyond which integers share a grid's end cells, so that differences fit 64 bits."""
_MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_KINDS: tuple[Kind, ...] = ("numeric", "integer", "categorical", "boolean", "datetime", "score")


class Space:
    """Arrays that one thread fills anew with every block, instead of asking for memory."""

    def __init__(self) -> None:
        self.real, self.whole = np.empty((2, BLOCK))
        self.bins, self.sign = np.empty((2, BLOCK), np.int64)


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """A binning of one column. Equal grids have equal digests; only their summaries merge.

    `centre` and `scale` (a power of two) also define the integers q = rint((x − centre)/scale)
    behind mean and variance. Ordered kinds have cells in rising order of value with everything
    below and above the range in the first and last; categorical kinds have one cell for each
    category and a last one for all others.
    """

    kind: Kind
    centre: float = 0.0
    scale: float = 1.0
    low: int = 0
    high: int = 0
    bits: int = 8
    origin: int = 0
    shift: int = 0
    bins: int = 0
    atoms: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def digest(self) -> Digest:
        """The content address of `to_bytes()`."""
        return _digest(self)

    @property
    def cells(self) -> int:
        """How many cells a count vector on this grid has."""
        if not self.ordered:
            return len(self.categories) + 1
        return _bins(self) + 2 * len(self.atoms)

    @property
    def ordered(self) -> bool:
        """Whether cells follow the order of values."""
        return self.kind not in ("categorical", "boolean")

    @property
    def edges(self) -> NDArray[np.float64]:
        """The `cells + 1` rising boundaries of an ordered grid, ±inf at the ends."""
        return layout(self).edges

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Which cells hold one single value (atoms, unit integers, known categories)."""
        return layout(self).exact

    def cell_of(self, block: NDArray[Any]) -> NDArray[np.int64]:
        """The cells of present numbers (float64 or int64) on an ordered grid."""
        base = self.bin_of(block)
        return self.apart(block, base) if self.atoms else base

    def bin_of(self, block: NDArray[Any], space: Space | None = None) -> NDArray[np.int64]:
        """The bins that `cell_of` splits where atoms are; made in `space`, which holds them."""
        if self.kind in ("integer", "datetime"):
            return _whole_bins(self, block, space)
        if self.kind == "score":
            return _score_bins(self, block.astype(np.float64, copy=False))
        return _number_bins(self, self.scaled(block, space), space)

    def scaled(self, block: NDArray[Any], space: Space | None = None) -> NDArray[np.float64]:
        """u = (x − centre)/scale of present floats."""
        out = None if space is None else space.real[: block.size]
        with np.errstate(over="ignore"):
            shifted = np.subtract(block, self.centre, out=out, dtype=np.float64)
            return np.multiply(shifted, 1.0 / self.scale, out=shifted)

    def tally(self, block: NDArray[Any], into: NDArray[np.int64], base: NDArray[np.int64]) -> None:
        """Add present numbers, whose bins `bin_of` gave, to a vector of this grid's cells."""
        if not self.atoms:
            into += np.bincount(base, minlength=into.size)
            return
        shape = _splitting(self)
        counts = np.bincount(base, minlength=shape.start.size)
        counts[shape.split] = 0
        into[shape.start] += counts
        rows = np.flatnonzero(shape.split[base])
        if rows.size:
            into += np.bincount(self.apart(block[rows], base[rows]), minlength=into.size)

    def apart(self, block: NDArray[Any], base: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cells of numbers in these bins, on a grid with atoms."""
        shape = _splitting(self)
        at = shape.start[base]
        rows = np.flatnonzero(shape.split[base])
        if rows.size:
            values, first = block[rows], shape.first[base[rows]]
            below = np.searchsorted(shape.atoms, values, "left")
            upto = np.searchsorted(shape.atoms, values, "right")
            at[rows] += below + upto - 2 * first
        return at

    def to_bytes(self) -> bytes:
        """`SWGR`, u16 version 1, u8 kind, f64 centre, f64 scale, i32 low, i32 high, u8 bits,
        i64 origin, u8 shift, u32 bins, u32 number of atoms and f64 each, u32 number of
        categories and a text each.
        """
        out = Writer(b"SWGR", 1)
        out.number("BddiiBqBI", _KINDS.index(self.kind), self.centre, self.scale, self.low,
                   self.high, self.bits, self.origin, self.shift, self.bins)  # fmt: skip
        out.number(f"I{len(self.atoms)}d", len(self.atoms), *self.atoms)
        out.number("I", len(self.categories))
        for name in self.categories:
            out.text(name)
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> Grid:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        return _from_bytes(data)


class Layout(NamedTuple):
    """The boundaries of a grid's cells, and which hold one value."""

    edges: NDArray[np.float64]
    exact: NDArray[np.bool_]


class Splitting(NamedTuple):
    """How atoms split bins: each bin's first cell and first atom, and whether it is split."""

    atoms: NDArray[np.float64]
    start: NDArray[np.int64]
    first: NDArray[np.int64]
    split: NDArray[np.bool_]


@lru_cache(maxsize=512)
def _from_bytes(data: bytes) -> Grid:
    read = Reader(data, b"SWGR", 1, "grid")
    kind, centre, scale, low, high, bits, origin, shift, bins = read.number("BddiiBqBI")
    atoms = read.number(f"{read.number('I')[0]}d")
    categories = tuple(read.text() for _ in range(read.number("I")[0]))
    read.end()
    read.require(kind < len(_KINDS), f"is of kind {kind}, which this version does not know")
    floats = np.array([centre, *atoms])
    read.require(bool(np.isfinite(floats).all()), "has a centre or an atom that is not finite")
    read.require(bool((floats[1:-1] < floats[2:]).all()), "has atoms that do not rise")
    read.require(list(categories) == sorted(set(categories)), "has categories that do not rise")
    power = 0 < scale < math.inf and math.frexp(scale)[0] == 0.5
    read.require(power, "has a scale that is no power of two")
    exponents = bits <= 12 and -1000 <= low <= high <= 1000 and high - low <= 256
    span = bins <= 1 << 20 and shift <= 62 and bins << shift <= (1 << 62) + (1 << 52)
    read.require(exponents and span and abs(origin) <= _FAR, "is out of bounds")
    return Grid(
        kind=_KINDS[kind], centre=centre, scale=scale, low=low, high=high, bits=bits,
        origin=origin, shift=shift, bins=bins, atoms=atoms, categories=categories,
    )  # fmt: skip


@lru_cache(maxsize=8192)
def _digest(grid: Grid) -> Digest:
    return Digest.of(grid.to_bytes())


@lru_cache(maxsize=256)
def layout(grid: Grid) -> Layout:
    """The cells of a grid."""
    if not grid.ordered:
        exact = np.arange(grid.cells) < len(grid.categories)
        return Layout(np.zeros(0), exact)
    edges, exact = _base_edges(grid, _half(grid))
    if not grid.atoms:
        return Layout(edges, exact)
    atoms = np.array(grid.atoms, float)
    home = np.repeat(grid.bin_of(atoms) + 1, 2)
    pairs = np.tile([True, False], len(atoms))
    return Layout(np.insert(edges, home, np.repeat(atoms, 2)), np.insert(exact, home, pairs))


@lru_cache(maxsize=256)
def _splitting(grid: Grid) -> Splitting:
    atoms = np.array(grid.atoms, float)
    per = np.bincount(grid.bin_of(atoms), minlength=_bins(grid))
    before = np.concatenate([[0], np.cumsum(per)[:-1]])
    return Splitting(atoms, np.arange(per.size) + 2 * before, before, per > 0)


def _half(grid: Grid) -> int:
    return (grid.high - grid.low + 1) << grid.bits


def _bins(grid: Grid) -> int:
    if grid.kind in ("integer", "datetime"):
        return grid.bins + 2
    return 2 * _half(grid) + (5 if grid.kind == "score" else 3)


def _base_edges(grid: Grid, half: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if grid.kind in ("integer", "datetime"):
        inner = grid.origin + (np.arange(grid.bins + 1) * 2.0**grid.shift)
        exact = np.full(grid.bins + 2, grid.shift == 0)
        exact[[0, -1]] = False
        return np.concatenate([[-np.inf], inner, [np.inf]]), exact
    steps = 1 + np.arange(1 << grid.bits) / (1 << grid.bits)
    powers = np.ldexp(1.0, np.arange(grid.low, grid.high + 1))
    rising = np.append((powers[:, None] * steps).ravel(), 2.0 ** (grid.high + 1))
    if grid.kind == "score":
        # 0 … ½ in rising bins, the single value ½, and the mirror image up to 1
        parts = [[-np.inf, 0.0], rising, (1 - rising)[::-1], [1.0, np.inf]]
        exact = np.zeros(2 * half + 5, np.bool_)
        exact[half + 2] = True
        return np.concatenate(parts), exact
    parts = [[-np.inf], -rising[::-1], rising, [np.inf]]
    with np.errstate(over="ignore"):  # beyond the largest float lies infinity
        edges = grid.centre + grid.scale * np.concatenate(parts)
    return edges, np.zeros(2 * half + 3, np.bool_)


def _whole_bins(grid: Grid, block: NDArray[Any], space: Space | None) -> NDArray[np.int64]:
    if block.dtype.kind == "f":
        block = np.clip(np.floor(block), -(2.0**62), 2.0**62)
    block = block.astype(np.int64, copy=False)
    top = grid.bins << grid.shift
    if top >= 2**62:  # differences of int64 need a bit more
        far = (block.view(np.uint64) - np.uint64(grid.origin % 2**64)) >> np.uint64(grid.shift)
        inside = np.minimum(far, np.uint64(grid.bins)).astype(np.int64) + 1
        return np.where(block < grid.origin, 0, inside)
    out = None if space is None else space.bins[: block.size]
    inside = np.clip(block, grid.origin - 1, grid.origin + top, out=out)
    inside -= grid.origin
    inside >>= grid.shift
    inside += 1
    return np.minimum(inside, grid.bins + 1, out=inside)


def _score_bins(grid: Grid, block: NDArray[np.float64]) -> NDArray[np.int64]:
    half = _half(grid)
    first = ((grid.low + 1023) << grid.bits) - 1
    lower = block < 0.5
    near = np.abs(np.where(lower, block, 1.0 - block))
    size = near.view(np.int64) >> (52 - grid.bits)
    size = np.clip(size - first, 0, half + 1)
    at = np.where(lower, size + 1, 2 * half + 3 - size)
    at[block < 0] = 0
    at[block > 1] = 2 * half + 4
    return at


def _number_bins(grid: Grid, scaled: NDArray[np.float64], space: Space | None) -> NDArray[np.int64]:
    raw = scaled.view(np.int64)
    half = _half(grid)
    out, sign = (None, None) if space is None else (space.bins[: raw.size], space.sign[: raw.size])
    size = np.bitwise_and(raw, _MAGNITUDE, out=out)
    sign = np.right_shift(raw, 63, out=sign)
    size >>= 52 - grid.bits
    size -= ((grid.low + 1023) << grid.bits) - 1
    np.maximum(size, 0, out=size)
    np.minimum(size, half + 1, out=size)
    size ^= sign
    size -= sign
    size += half + 1
    return size


def make_grid(values: Column, kind: Kind | None = None, known: Iterable[str] = ()) -> Grid:
    """The grid that suits a baseline column; `known` adds categories that it happens to lack.

    Only a sample of 65,536 evenly spaced rows is looked at, except for categories. Raises
    `BadInput` when `kind` needs numbers and the column holds text.
    """
    kind = kind or kind_of(values)
    if kind == "score":
        return score_grid(heavy(numbers(values)[0]))
    if kind in ("categorical", "boolean"):
        return _category_grid(values, kind, known)
    present, _ = numbers(values)
    if kind == "numeric":
        return _number_grid(_sample(present.astype(np.float64, copy=False)))
    if present.dtype.kind == "f":
        present = present[np.isfinite(present)].astype(np.int64)
    if not present.size:
        return Grid(kind=kind, bins=1)
    low, high = int(present.min()), int(present.max())
    span = high - low + 1
    origin = min(max(low - span, -_FAR), _FAR)
    total = max(min(high + span, _FAR) - origin, 0) + 1
    shift = max(0, math.ceil(math.log2(total / _BINS)))
    scale = 2.0 ** max(0, shift - 8)
    return Grid(kind=kind, centre=float(origin), scale=scale, origin=origin, shift=shift,
                bins=-(-total >> shift) if shift == 0 else (total >> shift) + 1)  # fmt: skip


def score_grid(atoms: Iterable[float] = ()) -> Grid:
    """The grid of scores in [0, 1]: relative precision 2⁻⁸ at both ends, down to 2⁻²⁴.

    `atoms` (a decision threshold, a heavily repeated score) are counted apart.
    """
    kept = tuple(sorted({float(a) for a in atoms if 0 <= a <= 1}))
    return Grid(kind="score", scale=2.0**-20, low=-24, high=-2, atoms=kept)


def latency_grid() -> Grid:
    """The grid of latencies in milliseconds: relative precision 2⁻⁸ from 1 µs to 4.7 hours."""
    return Grid(kind="numeric", scale=2.0**-10, low=0, high=33)


def heavy(values: NDArray[Any], share: float = 1 / 256) -> tuple[float, ...]:
    """The values that at least this share of a sample repeats, at most 64, the heaviest."""
    sample = _sample(values)
    found, counts = np.unique(sample, return_counts=True)
    keep = counts >= max(3, share * sample.size)
    found, counts = found[keep], counts[keep]
    best = np.argsort(-counts, kind="stable")[:_ATOMS]
    return tuple(sorted(float(v) for v in found[best]))


def _sample(values: NDArray[Any]) -> NDArray[Any]:
    step = -(-values.size // _SAMPLE) if values.size else 1
    picked = values[::step]
    return picked[np.isfinite(picked)]


def _number_grid(sample: NDArray[np.float64]) -> Grid:
    atoms = heavy(sample)
    loose = sample[~np.isin(sample, atoms)] if atoms else sample
    if loose.size < 8:
        loose = sample
    if not loose.size:
        return Grid(kind="numeric", scale=2.0**-10, low=0, high=20)
    with np.errstate(over="ignore"):  # infinite spread and reach are clipped below
        low, centre, high = (float(v) for v in np.quantile(loose, [0.25, 0.5, 0.75]))
        spread = (high - low) / 1.35 or float(np.ptp(loose)) or abs(centre) or 1.0
        reach = float(np.max(np.abs(loose - centre)))
    power = math.floor(math.log2(spread)) - 10 if math.isfinite(spread) else 0
    scale = 2.0 ** max(-1000, min(1000, power))
    top = math.ceil(math.log2(min(max(reach / scale, 2.0), 2.0**40))) + 3
    centre = centre if math.isfinite(centre) else 0.0
    return Grid(kind="numeric", centre=centre, scale=scale, low=0, high=max(14, min(top, 40)),
                atoms=atoms)  # fmt: skip


def _category_grid(values: Column, kind: Kind, known: Iterable[str]) -> Grid:
    if kind == "boolean":
        return Grid(kind=kind, categories=("false", "true"))
    codes, names = encode(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), names[i]))
    kept = {names[i] for i in order[:_CATEGORIES] if counts[i]}
    return Grid(kind=kind, categories=tuple(sorted(kept | set(known))))


def refuse_unequal(mine: Grid, other: Grid) -> None:
    """Raise `BadInput`, naming both digests, unless the grids are equal."""
    if mine.digest != other.digest:
        raise BadInput(
            f"summaries on grids {mine.digest.short} and {other.digest.short} do not merge",
            remedy="make both on the grid of one baseline",
        )
