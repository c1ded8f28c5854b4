"""How heavy the upper tail of losses is, and how large a mean it may hide.

A sample of heavy-tailed losses mostly lacks the few that make up their mean, so an interval from
its own spread lies too low. The largest losses are taken to fall off as a power of their size;
Hill's estimate of that power, at a bound, says what mean they may have.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
HEAVIEST = 0.85
"""The heaviest tail that an upper bound is given for: P(loss > x) falls as x^(−1/0.85). Squared
errors have it where errors are Student's t with 2.35 degrees of freedom."""
_SHARE, _LEAST = 1.5, 5
"""The tail is the 1.5·√n largest of n losses above 0, at least five and at most half."""


class Tail(NamedTuple):
    """The tail index γ of P(loss > x) ~ x^(−1/γ) with its bounds, and the largest mean it allows.

    `mean` is infinite where the lower bound is beyond `HEAVIEST`.
    """

    gamma: float
    low: float
    high: float
    mean: float

    @property
    def heavy(self) -> bool:
        """Whether losses are shown to have no variance."""
        return self.low > 0.5


def upper_tail(
    losses: Vector, counts: Vector, confidence: float, heaviest: float = HEAVIEST
) -> Tail | None:
    """The tail of losses, each counted so often; None where fewer than ten are above 0.

    Hill (1975): the logarithms of the k largest losses over the next are exponential with mean γ,
    so 2kγ̂/γ is χ² with 2k degrees; bounds are one-sided at 1 − 2·(1 − confidence). The mean is
    that of what lies below u, and u/(1 − γ) beyond, γ being the higher bound but no more than
    `heaviest` (Peng 2001; level and share were set by simulation, docs/quality.md).
    """
    from scipy.special import gammaincinv

    order = np.argsort(losses)
    at, rows = losses[order], counts[order]
    n, positive = float(rows.sum()), float(rows[at > 0].sum())
    k = max(_LEAST, round(_SHARE * math.sqrt(positive)))
    if 2 * k > positive:
        return None
    beyond = rows[::-1].cumsum()[::-1]
    place = int(np.flatnonzero(beyond > k)[-1])
    threshold, top = float(at[place]), slice(place + 1, None)
    gamma = float((rows[top] * np.log(at[top] / threshold)).sum()) / k
    tail = min(2 * (1 - confidence), 0.5)
    low, high = (gamma * k / float(gammaincinv(k, q)) for q in (1 - tail, tail))
    below = float((rows[:place] * at[:place]).sum()) + (float(beyond[place]) - k) * threshold
    mean = below / n + k / n * threshold / (1 - min(high, heaviest))
    return Tail(gamma, low, high, math.inf if low >= HEAVIEST else mean)
