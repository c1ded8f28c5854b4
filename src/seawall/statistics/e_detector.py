"""Evidence that something went wrong at an unknown time: every start is bet on at once.

A bettor's log bets are worth at most 1 on average, given the past, while nothing is wrong. A start
at step j collects the bets from j on; the detector adds the starts up. With weights that sum to
one the result is an e-process: P(ever above 1/α) ≤ α (Ville). With weight one for each start it is
an e-detector: the mean time to a false alarm at 1/α is at least 1/α steps, also of the average of
several, however they depend on one another (Shin, Ramdas, Rinaldo 2024; the recursion is that of
Shiryaev and Roberts). An e-detector is no e-value: neither multiply nor test it as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput

Vector = NDArray[np.float64]
Contract = Literal["ever", "mean_time"]
"""`ever`: P(a false alarm, ever) ≤ α. `mean_time`: 1/α steps to a false alarm on average."""
_TOTAL = 2.1098
"""Σ 1/(k ln² k) over k ≥ 2, rounded up, so that the weights of all starts sum to at most one."""
_LOST = -700.0
"""The log of a bet that lost all; finite, so that sums of logs stay numbers."""


class Detector(msgspec.Struct, frozen=True):
    """Several bettors' sums over all starts after `steps` steps, as logarithms.

    A few dozen numbers, whatever has passed; survives the wire. `share` multiplies what every
    start from now on stakes, in (0, 1]: set it by what was known before the next step.
    """

    contract: Contract
    log_started: tuple[float, ...]
    steps: int = 0
    share: float = 1.0

    @classmethod
    def of(cls, contract: Contract, bettors: int) -> Detector:
        """A detector that has seen nothing."""
        return cls(contract, (_LOST,) * bettors)

    @property
    def log_value(self) -> float:
        """The log of what is compared with 1/α: the average of all bettors."""
        return float(self._whole(np.array([self.steps]), np.array([self.log_started]))[0])

    def update(self, bets: ArrayLike) -> tuple[Detector, Vector]:
        """The detector after more log bets, (steps, bettors), and the path of its log value."""
        made = np.atleast_2d(np.asarray(bets, float))
        if made.ndim != 2 or made.shape[1] != len(self.log_started) or np.isnan(made).any():
            raise BadInput(f"bets need one column for each of {len(self.log_started)} bettors")
        if not len(made):
            return self, np.zeros(0)
        at = np.arange(self.steps + 1, self.steps + len(made) + 1)
        weight = np.zeros(len(at)) if self.contract == "mean_time" else log_weight(at)
        weight += math.log(self.share)
        # S_t = (S_{t-1} + w_t)·e^{bet_t}: divided by the product of all bets it is a plain sum
        kept = np.maximum(made, _LOST)
        product = np.cumsum(kept, axis=0)
        shares = weight[:, None] - (product - kept)
        shares[0] = np.logaddexp(shares[0], self.log_started)
        started = np.maximum(np.logaddexp.accumulate(shares, axis=0) + product, _LOST)
        after = Detector(self.contract, tuple(started[-1].tolist()), int(at[-1]), self.share)
        return after, self._whole(at, started)

    def _whole(self, steps: NDArray[np.int64], started: Vector) -> Vector:
        """The average of bettors; an e-process also keeps what no start has staked yet, of which
        Σ over k > n + 1 of 1/(k ln² k) ≥ 1/ln(n + 2)."""
        value = average(started, axis=1)
        if self.contract == "mean_time":
            return value
        left = -np.log(_TOTAL * np.log(steps + 2.0)) if steps[0] else 0.0
        return np.logaddexp(value, left + math.log(self.share))


def log_weight(step: NDArray[np.int64]) -> Vector:
    """The log stake on a start at each step, 1/(2.11·(j + 1)·ln²(j + 1)); all sum to at most 1."""
    return -np.log(_TOTAL * (step + 1.0)) - 2 * np.log(np.log(step + 1.0))


def average(log_values: Sequence[float] | Vector, axis: int = 0) -> Vector:
    """The log of the mean of several values: one alarm budget that all of them share."""
    values = np.asarray(log_values, float)
    return np.logaddexp.reduce(values, axis=axis) - math.log(values.shape[axis])


def e_bh(log_values: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which of several nulls to reject so that on average at most a share α of those is wrong.

    The k largest e-values where the k-th is at least K/(α·k), for the largest such k (Wang &
    Ramdas 2022). Any dependence; e-processes at one common stopping time, each valid given all
    that is seen. It does not bound the union of all alarms over time; e-detectors are not meant.
    """
    values = np.asarray(log_values, float)
    order = np.argsort(-values, kind="stable")
    rank = np.arange(1, values.size + 1)
    enough = values[order] >= np.log(values.size / (alpha * rank))
    most = int(rank[enough].max(initial=0))
    found = np.zeros(values.size, bool)
    found[order[:most]] = True
    return found
