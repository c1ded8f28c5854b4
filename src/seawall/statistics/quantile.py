"""The quantiles of a stream, all at once and at any time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from seawall.kernel import BadInput, Estimate
from seawall.statistics.e_detector import Vector

_S, _ETA, _DELTA = 1.4, 2.0, 0.5


def double_stitching_bound(p: float, n: int, alpha: float, first: int) -> float:
    """How far, in rows, the rank of the p-quantile may lie from p·n on its upper side: for every p
    and every n from `first` on at once, at level α (Howard & Ramdas 2022, theorem 5)."""
    from scipy.special import expit, logit, zeta

    time, place = max(n, first), float(logit(p))
    r = (
        p
        if p >= 0.5
        else min(0.5, float(expit(place + 2 * _DELTA * math.sqrt(_ETA * first / time))))
    )
    variance = r * (1 - r)
    j = math.sqrt(time / first) * abs(place) / (2 * _DELTA) + 1
    whole = float(zeta(_S))
    cost = 2 * whole * (2 * whole + 1) / (alpha * math.log(_ETA) ** _S)
    ell = _S * math.log(math.log(_ETA * time / first)) + _S * math.log(j) + math.log(cost)
    skew = (1 - 2 * p) / 3
    k1, k2 = (_ETA**0.25 + _ETA**-0.25) / math.sqrt(2), (math.sqrt(_ETA) + 1) / 2
    linear = k2 * skew * ell
    return (
        _DELTA * math.sqrt(_ETA * time * variance / first)
        + math.sqrt(k1**2 * variance * time * ell + linear**2)
        + linear
    )


def quantile_interval(
    values: ArrayLike, p: float, confidence: float = 0.95, first: int = 32
) -> Estimate:
    """The p-quantile of independent rows, at any time from the `first` row on, infinite before.

    Simultaneous over all p. Raises `BadInput` on p outside (0, 1) or a value that is no number.
    """
    x: Vector = np.sort(np.asarray(values, float))
    if not 0 < p < 1 or np.isnan(x).any():
        raise BadInput(f"no quantile {p:g} of these values", remedy="0 < p < 1, and numbers only")
    n, method = x.size, "quantile by double stitching"
    if not n:
        return Estimate(math.nan, -math.inf, math.inf, confidence, 0, method, "anytime")
    below = math.floor(p * n - double_stitching_bound(1 - p, n, 1 - confidence, first))
    above = math.ceil(p * n + double_stitching_bound(p, n, 1 - confidence, first)) + 1
    low = float(x[below - 1]) if below >= 1 and n >= first else -math.inf
    high = float(x[above - 1]) if above <= n and n >= first else math.inf
    at = float(x[min(math.floor(p * n), n - 1)])
    return Estimate(at, low, high, confidence, n, method, "anytime")
