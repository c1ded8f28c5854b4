"""Features as small integers, on bins that a labelled reference fixes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.column import Column, encode, floats, placed

Codes = NDArray[np.int64]
LEVELS = 24
"""Categories told apart at most; the rest share one code."""
_TAIL = (0.005, 0.01, 0.02, 0.035)
_CUTS = np.array(sorted({*_TAIL, *(1 - t for t in _TAIL), *(k / 20 for k in range(1, 20))}))
"""Where bins of a number are cut, as shares of the reference: finer in both tails, where a shift
shows first."""


class Coding(msgspec.Struct, frozen=True, eq=False):
    """How one feature is coded: `edges` between bins of a number with its `span`, or the code of
    each category in the order of the target's mean. The last of `size` codes is "missing"."""

    size: int
    missing: bool
    edges: NDArray[np.float64] | None = None
    span: tuple[float, float] = (0.0, 0.0)
    places: Mapping[str, int] = {}

    def encode(self, values: Column) -> tuple[Codes, NDArray[np.bool_]]:
        """Codes of rows, and which rows are unlike any of the reference: outside its span, of a
        category that it lacks, or missing where it misses none. Those get the nearest code."""
        if self.edges is not None:
            data = floats(values)
            gaps = np.isnan(data)
            codes = np.searchsorted(self.edges, data, "right")
            codes[gaps] = self.size - 1
            with np.errstate(invalid="ignore"):
                unlike = (data < self.span[0]) | (data > self.span[1])
        else:
            codes = placed(values, self.places, other=-2)
            gaps, unlike = codes == -1, codes == -2
            codes = np.where(codes < 0, self.size - 1, codes)
        return codes.astype(np.int64), unlike | (gaps & (not self.missing))


def code_feature(name: str, values: Column, target: NDArray[np.float64]) -> Coding:
    """The coding of a reference column; categories are ordered by the mean of `target`.

    Raises `BadInput` on a column without any value.
    """
    if isinstance(values, tuple) or values.dtype.kind in "OUST":
        found, names = encode(values)
        kept = found >= 0
        counts = np.bincount(found[kept], minlength=len(names))
        if not counts.any():
            raise BadInput(f"feature {name} has no value in the reference", remedy="leave it out")
        sums = np.bincount(found[kept], target[kept], len(names))
        top = [i for i in np.argsort(-counts, kind="stable")[: LEVELS - 1] if counts[i]]
        rest = set(np.flatnonzero(counts)) - set(top)
        means = [(float(sums[i] / counts[i]), [int(i)]) for i in top]
        if rest:
            others = [int(i) for i in rest]
            means.append((float(sums[others].sum() / counts[others].sum()), others))
        means.sort(key=lambda pair: pair[0])
        places = {names[i]: at for at, (_, group) in enumerate(means) for i in group}
        return Coding(len(means) + 1, bool((~kept).any()), places=places)
    data = floats(values)
    present = data[~np.isnan(data)]
    if not present.size:
        raise BadInput(f"feature {name} has no value in the reference", remedy="leave it out")
    cuts = np.quantile(present, _CUTS, method="higher")
    edges = np.unique(cuts[cuts > present.min()])
    span = float(present.min()), float(present.max())
    return Coding(len(edges) + 2, present.size < data.size, edges, span)
