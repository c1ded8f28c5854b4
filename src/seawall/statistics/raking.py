"""Weights that make a labelled reference look like unlabelled rows: raking within score bands.

Under covariate shift the meaning of a score changes with who has it. Where the ratio of the two
densities factors over features, its maximum-entropy form is found from margins alone by iterative
proportional fitting (Deming & Stephan 1940). The margins here are those of each feature within
bands of the score, so that every band of weighted reference rows has the features of the current
rows with such scores; that is what re-calibration needs (arXiv 2401.08348, section 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.coding import Codes, Coding, code_feature
from seawall.statistics.column import Column
from seawall.statistics.reliability import by_mass

Vector = NDArray[np.float64]
ROWS = 100_000
"""Reference rows that are weighted, at most; evenly spaced where there are more."""
_BANDS, _LEVELS, _PER_CELL, _SWEEPS, _CLOSE = 10, 16, 10, 40, 1e-3


class Raking(msgspec.Struct, frozen=True, eq=False):
    """Reference rows, ready to be weighted: the codes of their features and their score bands."""

    codings: dict[str, Coding]
    codes: dict[str, Codes]
    cuts: Vector
    band: Codes

    def weigh(
        self, columns: Mapping[str, Column], scores: Vector
    ) -> tuple[Vector, NDArray[np.bool_]]:
        """A weight for each reference row, of mean 1, and which rows are unlike any of them.

        The fewer rows, the coarser the margins: ten rows a cell on average.
        """
        n, rows = scores.size, self.band.size
        cells = max(n // _PER_CELL, 2)
        bands = int(np.clip(round((cells / 2) ** 0.5), 1, _BANDS))
        merge = by_mass(np.bincount(self.band, minlength=_BANDS).astype(float), bands)
        mine = merge[self.band]
        theirs = merge[np.searchsorted(self.cuts, scores, "right")]
        unlike = np.zeros(n, np.bool_)
        margins: list[tuple[Codes, Vector]] = []
        for name, coding in self.codings.items():
            codes, odd = coding.encode(columns[name])
            unlike |= odd
            fine = np.bincount(self.codes[name], minlength=coding.size).astype(float)
            coarse = by_mass(fine, max(min(cells // bands, _LEVELS), 2))
            size = int(coarse[-1]) + 1
            home = mine * size + coarse[self.codes[name]]
            there = np.bincount(home, minlength=bands * size)
            seen = theirs[~odd] * size + coarse[codes[~odd]]
            # one row's worth of the reference keeps every cell alive
            target = np.bincount(seen, minlength=there.size) + there / rows
            target[there == 0] = 0.0
            if target.any():
                margins.append((home, target / target.sum() * rows))
        return _rake(rows, margins), unlike


def learn_raking(columns: Mapping[str, Column], scores: Vector, labels: Vector) -> Raking:
    """Ready the features of labelled reference rows; `BadInput` on one without any value."""
    codings = {name: code_feature(name, values, labels) for name, values in columns.items()}
    codes = {name: coding.encode(columns[name])[0] for name, coding in codings.items()}
    cuts = np.quantile(scores, np.arange(1, _BANDS) / _BANDS)
    return Raking(codings, codes, cuts, np.searchsorted(cuts, scores, "right").astype(np.int64))


def _rake(rows: int, margins: list[tuple[Codes, Vector]]) -> Vector:
    weights = np.ones(rows)
    for _ in range(_SWEEPS):
        off = 0.0
        for home, target in margins:
            now = np.bincount(home, weights, target.size)
            off = max(off, float(np.abs(now - target).sum()) / rows)
            factor = np.divide(target, now, out=np.ones_like(target), where=now > 0)
            weights *= factor[home]
        if off < _CLOSE:
            break
    return weights
