"""The mean of a value that can only be one of a few known numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seawall.statistics.intervals import Interval, clopper_pearson


def discrete_mean(
    values: Sequence[float], counts: Sequence[float], confidence: float
) -> tuple[float, Interval]:
    """The mean and its interval, from how many rows have each value.

    `values` are all that a row could have, seen or not: a rare, dear error that happens not to
    be in the sample still counts in the bounds. The mean is the least value plus steps times the
    rates of exceeding them; each rate has its Clopper–Pearson interval, and they combine by MOVER
    with the correlations of nested rates (Zou, Statistics in Medicine 26, 2007). Two values give
    Clopper–Pearson itself. Without rows: NaN and the values' range.
    """
    order = np.argsort(values, kind="stable")
    at, rows = np.asarray(values, float)[order], np.asarray(counts, float)[order]
    n = float(rows.sum())
    least, most = float(at[0]), float(at[-1])
    if not n:
        return float("nan"), (least, most)
    step = np.diff(at)
    above = rows[::-1].cumsum()[::-1][1:][step > 0]
    step = step[step > 0]
    rate = above / n
    low, high = np.array([clopper_pearson(a, n, confidence) for a in above]).reshape(-1, 2).T
    down, up = step * (rate - low), step * (high - rate)
    odds = np.clip(rate, 0.5 / n, 1 - 0.5 / n)
    odds = np.sqrt(odds / (1 - odds))
    correlation = np.minimum.outer(odds, odds) / np.maximum.outer(odds, odds)
    mean = least + float(step @ rate)
    below, beyond = (float(np.sqrt(side @ correlation @ side)) for side in (down, up))
    return mean, (max(mean - below, least), min(mean + beyond, most))
