"""Isotonic regression of counts: the rising rates closest to what was seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def isotonic(positives: Vector, n: Vector) -> Vector:
    """The rising rates closest to positives/n (pool adjacent violators); NaN-free for n ≥ 0.

    Bins without rows take the rate of the block before them, or after at the start.
    """
    rates: list[float] = []
    weights: list[float] = []
    sizes: list[int] = []
    for p, w in zip(positives.tolist(), n.tolist(), strict=True):
        rate, weight, size = (p / w if w else -math.inf), w, 1
        if not w and rates:
            sizes[-1] += 1
            continue
        while rates and (rates[-1] >= rate or not weights[-1]):
            rate = (rate * weight + (rates[-1] * weights[-1] if weights[-1] else 0.0)) / (
                weight + weights[-1]
            )
            weight += weights.pop()
            size += sizes.pop()
            rates.pop()
        rates.append(rate)
        weights.append(weight)
        sizes.append(size)
    return np.repeat(np.where(np.isfinite(rates), rates, 0.5), sizes)
