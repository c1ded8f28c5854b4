"""The mean of a bounded stream, from batches in time order, at any time.

Waudby-Smith & Ramdas (2024). `RunningMean` bets, which is tighter for few rows and rare events;
`BernsteinMean` keeps six sums. Both hold for a constant mean, however rows depend otherwise.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.e_detector import Vector

POINTS = 4096
"""Means that are bet against, evenly over the range; a bound is at most one step too wide."""
_ROOM = 1 << 20


class RunningMean(msgspec.Struct, frozen=True):
    """What is left of the candidates for the mean of values in [low, high] after `n` rows.

    `up` and `down` hold the log capital of betting that the mean is above, and below, each of the
    candidates from `first` on. One that was rejected stays so, so the state shrinks as rows come.
    """

    confidence: float = 0.95
    low: float = 0.0
    high: float = 1.0
    n: int = 0
    total: float = 0.0
    spread: float = 0.0
    first: int = 0
    up: tuple[float, ...] = (0.0,) * (POINTS + 1)
    down: tuple[float, ...] = (0.0,) * (POINTS + 1)

    def __post_init__(self) -> None:
        if not self.low < self.high or not 0 < self.confidence < 1:
            raise BadInput("a running mean needs low < high and a confidence between 0 and 1")

    def update(self, values: ArrayLike) -> RunningMean:
        """After more values, in time order; `BadInput` on one out of range."""
        x = _unit(values, self.low, self.high)
        found, start = self, 0
        while start < x.size:
            size = max(1, _ROOM // max(1, len(found.up)))
            found = found._bet(x[start : start + size])
            start += size
        return found

    def estimate(self) -> Estimate:
        """The mean with its interval.

        With no candidate left the mean was not constant: then the interval is the whole range.
        """
        method, width = "betting", self.high - self.low
        first, last = max(self.first - 1, 0), min(self.first + len(self.up), POINTS)
        if not self.up:
            first, last, method = 0, POINTS, "betting; the mean was not constant"
        low, high = (self.low + width * at / POINTS for at in (first, last))
        at = self.low + width * self.total / self.n if self.n else math.nan
        value = min(max(at, low), high) if self.n else at
        return Estimate(value, low, high, self.confidence, self.n, method, "anytime")

    def _bet(self, x: Vector) -> RunningMean:
        stake, _, total, spread = _stakes(self, x)
        m = np.arange(self.first, self.first + len(self.up)) / POINTS
        limit = math.log(2 / (1 - self.confidence))
        up = np.asarray(self.up) + _capital(x, m, stake)
        down = np.asarray(self.down) + _capital(1 - x, 1 - m, stake)
        kept = np.flatnonzero((up.max(0) < limit) & (down.max(0) < limit))
        part = slice(int(kept[0]), int(kept[-1]) + 1) if kept.size else slice(0, 0)
        return msgspec.structs.replace(
            self, n=self.n + x.size, total=total, spread=spread, first=self.first + part.start,
            up=tuple(up[-1, part].tolist()), down=tuple(down[-1, part].tolist()),
        )  # fmt: skip


class BernsteinMean(msgspec.Struct, frozen=True):
    """Predictable plug-in empirical Bernstein (theorem 2, c = 1/2) of values in [low, high].

    Its interval is that of the last row alone and centred on a weighted mean.
    """

    confidence: float = 0.95
    low: float = 0.0
    high: float = 1.0
    n: int = 0
    total: float = 0.0
    spread: float = 0.0
    weight: float = 0.0
    weighted: float = 0.0
    spent: float = 0.0

    def update(self, values: ArrayLike) -> BernsteinMean:
        """After more values, in time order; `BadInput` on one out of range."""
        x = _unit(values, self.low, self.high)
        if not x.size:
            return self
        stake, mean_before, total, spread = _stakes(self, x)
        bet = np.minimum(stake, 0.5)
        spent = float(np.sum((x - mean_before) ** 2 * (-np.log1p(-bet) - bet)))
        return msgspec.structs.replace(
            self, n=self.n + x.size, total=total, spread=spread, spent=self.spent + spent,
            weight=self.weight + float(bet.sum()), weighted=self.weighted + float((bet * x).sum()),
        )  # fmt: skip

    def estimate(self) -> Estimate:
        """The weighted mean with its interval."""
        method = "empirical Bernstein"
        if not self.n:
            return Estimate(math.nan, self.low, self.high, self.confidence, 0, method, "anytime")
        half = (math.log(2 / (1 - self.confidence)) + self.spent) / self.weight
        width, at = self.high - self.low, self.weighted / self.weight
        return Estimate(
            self.low + width * at, max(self.low, self.low + width * (at - half)),
            min(self.high, self.low + width * (at + half)), self.confidence, self.n, method,
            "anytime",
        )  # fmt: skip


def _unit(values: ArrayLike, low: float, high: float) -> Vector:
    x = (np.asarray(values, float) - low) / (high - low)
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise BadInput(f"values lie outside [{low:g}, {high:g}]", remedy="give their true range")
    return x


def _stakes(seen: RunningMean | BernsteinMean, x: Vector) -> tuple[Vector, Vector, float, float]:
    """The predictable plug-in stakes (eq. 15), the means before each row, and both sums after."""
    t = np.arange(seen.n + 1, seen.n + x.size + 1)
    total = seen.total + np.cumsum(x)
    mean = (0.5 + total) / (t + 1)
    spread = seen.spread + np.cumsum((x - mean) ** 2)
    variance_before = (0.25 + np.concatenate([[seen.spread], spread[:-1]])) / t
    mean_before = np.concatenate([[(0.5 + seen.total) / (seen.n + 1)], mean[:-1]])
    cost = 2 * math.log(2 / (1 - seen.confidence))
    stake = np.sqrt(cost / (variance_before * t * np.log1p(t)))
    return stake, mean_before, float(total[-1]), float(spread[-1])


def _capital(x: Vector, m: Vector, stake: Vector) -> NDArray[np.float64]:
    """Log capital of betting that x is above m, (rows, candidates), at most half of it staked."""
    with np.errstate(divide="ignore"):
        most = 0.5 / m
    return np.cumsum(np.log1p(np.minimum(stake[:, None], most) * (x[:, None] - m)), axis=0)
