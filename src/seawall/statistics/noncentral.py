"""A weighted sum of squared differences, free of its noise, with its interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
_LARGE = 20_000.0
"""Above this noncentrality √χ'² is taken as normal with unit variance."""


def squared_norm(
    excess: Vector, noise: Vector, squares: Vector, confidence: float
) -> tuple[Vector, Vector]:
    """Bounds on θ = Σ uᵢ² for each row, from ûᵢ = uᵢ + N(0, aᵢ) of unequal variances.

    `excess` [rows] is Σ ûᵢ² less its expected noise, `noise` [rows, terms] the aᵢ, 0 where there is
    no term, `squares` the ûᵢ². Under θ the sum has mean Σa + θ and variance 2Σa² + 4Σaᵢuᵢ²;
    c·χ'²(Σa/c, θ/c) with c = (2Σa² + 4θā)/(2Σa + 4θ) has the same two moments, where ā is the mean
    of aᵢ weighted by ûᵢ², and Σa²/Σa at least. The interval inverts that for θ; lower bounds
    may be 0. How well it covers is measured in docs/calibration.md.
    """
    total, second = noise.sum(axis=-1), (noise**2).sum(axis=-1)
    tiny = np.finfo(float).tiny
    mean = second / np.maximum(total, tiny)
    weighted = (noise * squares).sum(axis=-1) / np.maximum(squares.sum(axis=-1), tiny)
    weighted = np.maximum(weighted, mean)
    known = total > 0

    def tail(theta: Vector) -> Vector:
        unit = (2 * second + 4 * theta * weighted) / np.maximum(2 * total + 4 * theta, tiny)
        unit = np.where(known, unit, 1.0)
        return _chi_squared((excess + total) / unit, total / unit, theta / unit)

    reach = np.maximum(excess, 0.0)
    reach = reach + 12 * np.sqrt(2 * second + 4 * reach * weighted) + 80 * weighted
    found: list[Vector] = []
    for target in ((1 + confidence) / 2, (1 - confidence) / 2):
        low, high = np.zeros_like(reach), reach.copy()
        for _ in range(48):
            middle = (low + high) / 2
            above = tail(middle) > target
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        found.append(np.where(tail(np.zeros_like(reach)) <= target, 0.0, high))
    lowest, highest = found
    given = np.maximum(excess, 0.0)
    return np.where(known, lowest, given), np.where(known, highest, given)


def _chi_squared(statistic: Vector, degrees: Vector, noncentrality: Vector) -> Vector:
    from scipy.special import chndtr, ndtr

    statistic = np.maximum(statistic, 0.0)
    degrees = np.maximum(degrees, 1e-9)
    far = noncentrality > _LARGE
    near = chndtr(statistic, degrees, np.where(far, 0.0, noncentrality))
    if not far.any():
        return near
    root = np.sqrt(statistic) - np.sqrt(np.maximum(noncentrality + degrees - 1, 0.0))
    return np.where(far, ndtr(root), near)
