"""The confidence sequence of one Bernoulli rate, vectorised."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

STRENGTH = 100.0
"""Pseudo-rows of the main mixing prior: tightest near eight times as many rows."""
_WEAK, _WEIGHT = 4.0, 0.15
"""A second prior's pseudo-rows and weight: finds an arm that fails outright within a few rows."""


def log_evidence(p: ArrayLike, successes: ArrayLike, n: ArrayLike) -> Vector:
    """Log of the martingale against rate p: Beta(kp, k(1 − p)) mixtures, k = 100 and k = 4.

    The priors are centred at the rate that is tested, so no guess of the true rate is needed.
    For p = 0 or 1 the mixture is a point at p: 0 while no row contradicts it, then +inf.
    """
    p, s, m = np.broadcast_arrays(*(np.asarray(v, float) for v in (p, successes, n)))
    both = (
        np.log1p(-_WEIGHT) + mixture(p, s, m, STRENGTH),
        np.log(_WEIGHT) + mixture(p, s, m, _WEAK),
    )
    value = np.logaddexp(*both)
    value = np.where(p <= 0, np.where(s > 0, np.inf, 0.0), value)
    return np.where(p >= 1, np.where(s < m, np.inf, 0.0), value)


def mixture(p: Vector, s: Vector, n: Vector, strength: float) -> Vector:
    """Log of the martingale with one Beta(kp, k(1 − p)) prior, k = `strength`, for p inside (0, 1).

    Howard et al. 2021, section 3.4, is this mixture with k = t/(2·ln(1/α) + ln(1 + 2·ln(1/α))) − 1,
    tightest near t rows.
    """
    from scipy.special import betaln

    q = np.clip(p, 1e-12, 1 - 1e-12)
    a, b = strength * q, strength * (1 - q)
    likelihood = s * np.log(q) + (n - s) * np.log1p(-q)
    return betaln(a + s, b + n - s) - betaln(a, b) - likelihood


def bounds(s: Vector, n: Vector, threshold: Vector) -> tuple[Vector, Vector]:
    """The rates with log evidence ≤ threshold, by bisection outwards; NaN where there is none."""
    centre, none = _least_rejected(s, n, threshold)
    low, high = (_edge(centre, end, s, n, threshold) for end in (0.0, 1.0))
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def upper_bound(s: Vector, n: Vector, threshold: Vector) -> Vector:
    """The upper end of `bounds` alone, at half the cost."""
    centre, none = _least_rejected(s, n, threshold)
    return np.where(none, np.nan, _edge(centre, 1.0, s, n, threshold))


def _least_rejected(s: Vector, n: Vector, threshold: Vector) -> tuple[Vector, NDArray[np.bool_]]:
    """The rate with the least evidence, at s/n or with a few rows towards an end, and whether
    even that one is rejected."""
    starts = np.stack([s / np.maximum(n, 1), np.full_like(s, 1e-9), np.full_like(s, 1 - 1e-9)])
    starts[0] = np.where(n > 0, starts[0], 0.5)
    evidence = log_evidence(starts, s, n)
    least = np.argmin(evidence, axis=0)[None]
    centre = np.take_along_axis(starts, least, axis=0)[0]
    return centre, np.take_along_axis(evidence, least, axis=0)[0] > threshold


def _edge(inner: Vector, outer: float, s: Vector, n: Vector, threshold: Vector) -> Vector:
    near, far = inner, np.full_like(inner, outer)
    closed = log_evidence(far, s, n) <= threshold
    for _ in range(28):
        middle = (near + far) / 2
        inside = log_evidence(middle, s, n) <= threshold
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return np.where(closed, outer, far)
