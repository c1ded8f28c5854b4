"""Counts per arm against the shares they should have: Dirichlet-multinomial e-values.

Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567). Stages with different expected shares multiply
their e-values (add the logs); their counts are never pooled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate

STRENGTH = 100.0
"""Pseudo-counts of the prior centred at the expected shares."""


def sample_ratio(
    counts: Sequence[int], expected: Sequence[float], strength: float = STRENGTH
) -> float:
    """The log e-value against counts that follow the expected shares; reject at ln(1/α).

    E = B(α + S) / (B(α) ∏ρ^S) with α = strength·ρ. `expected` is normalised; an arm expected to
    get nothing that got something gives +inf. Raises `BadInput` on unequal lengths.
    """
    from scipy.special import gammaln

    s, rho = _shares(counts, expected)
    if (s[rho == 0] > 0).any():
        return math.inf
    s, rho = s[rho > 0], rho[rho > 0]
    a = strength * rho
    evidence = float(np.sum(gammaln(a + s) - gammaln(a) - s * np.log(rho)))
    return evidence + float(gammaln(strength) - gammaln(strength + s.sum()))


def excess(counts: tuple[int, int], expected: tuple[float, float]) -> float:
    """The log e-value that the second arm has more than its expected share (one-sided).

    The Beta prior of `sample_ratio` cut off below the expected share.
    """
    from scipy.special import betainc

    s, rho = _shares(counts, expected)
    b, a = STRENGTH * rho
    above = float(1 - betainc(a + s[1], b + s[0], rho[1]))
    before = float(1 - betainc(a, b, rho[1]))
    return sample_ratio(counts, expected) + math.log(max(above, 1e-300)) - math.log(before)


def share(
    counts: tuple[int, int], expected: tuple[float, float], confidence: float = 0.95
) -> Estimate:
    """The share of events that falls to the second arm, at any time, however rates vary in time.

    `expected` are the arms' shares of traffic, which centre the prior.
    """
    from scipy.special import betaln

    s, rho = _shares(counts, expected)
    n = int(s.sum())
    b, a = STRENGTH * rho
    joint = float(betaln(a + s[1], b + s[0]) - betaln(a, b))
    limit = -math.log1p(-confidence)

    def inside(p: float) -> bool:
        return joint - s[1] * math.log(p) - s[0] * math.log1p(-p) <= limit

    at = float(s[1]) / n if n else float(rho[1])
    peak = min(max(at, 1e-12), 1 - 1e-12)
    low = 0.0 if inside(1e-12) else _edge(inside, peak, 1e-12)
    high = 1.0 if inside(1 - 1e-12) else _edge(inside, peak, 1 - 1e-12)
    return Estimate(at if n else math.nan, low, high, confidence, n, "beta mixture", "anytime")


def ratio(
    counts: tuple[int, int], expected: tuple[float, float], confidence: float = 0.95
) -> Estimate:
    """The second arm's event rate over the first's, at any time, from events alone."""
    _, rho = _shares(counts, expected)
    part = share(counts, expected, confidence)

    def odds(p: float) -> float:
        return math.inf if p >= 1 else p / (1 - p) * float(rho[0] / rho[1])

    return Estimate(
        odds(part.value),
        odds(part.low),
        odds(part.high),
        confidence,
        part.n,
        part.method,
        "anytime",
    )


def _edge(inside: Callable[[float], bool], near: float, far: float) -> float:
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if inside(middle) else (near, middle)
    return far


def _shares(
    counts: Sequence[int], expected: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    s, rho = np.asarray(counts, float), np.asarray(expected, float)
    if s.shape != rho.shape or s.size < 2 or not (rho >= 0).all() or not rho.sum() > 0:
        raise BadInput("each arm needs one count and one expected share")
    return s, rho / rho.sum()
