"""What a drift does to quality: the error rate that a column's new distribution would bring.

A model that errs as often at each value of the column as it did on the labelled reference errs
more often once people move to values where it errs more. The change is Σ(q − p)·e over bins of
the column, p and q being the shares of rows then and now and e the reference's error rate in the
bin. What no reference row was like may err in any way, and widens the bounds.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import clip, clopper_pearson, normal_quantile
from seawall.statistics.named_bins import NamedBins

Counts = NDArray[np.int64]
BINS, LEAST = 40, 200
"""Bins of a column, each with so many reference rows at least."""


class Part(msgspec.Struct, frozen=True):
    """One bin's part in a change: shares of rows then and now, and how often it erred then.

    `contribution` = (now − then)·(error rate − the error rate of all); they add up to the change.
    """

    label: str
    then: float
    now: float
    error_rate: float | None
    contribution: float


class Harm(msgspec.Struct, frozen=True):
    """The estimated change of the error rate, and the bins behind it, the worst first."""

    change: Estimate
    parts: tuple[Part, ...]
    unseen: float


def harm(rows: Counts, wrong: Counts, now: Counts, coding: NamedBins, confidence: float) -> Harm:
    """The change of the error rate by one column's drift.

    `rows`, `wrong` int64[bins] count reference rows and those answered wrongly; `now` counts
    current rows; all by the bins of `coding`. The interval is the delta method's over both
    samples; `unseen` is the share of current rows that no reference row was like, each of which
    may be right or wrong. It holds as far as the error rate at a value of the column stays what it
    was, which no data without labels can show.
    """
    n, m = int(rows.sum()), int(now.sum())
    method = "error rate by value × change of shares, delta method"
    if not n or not m:
        return Harm(Estimate(math.nan, -1.0, 1.0, confidence, n + m, method), (), 0.0)
    p, q = rows / n, now / m
    seen = rows > 0
    e = np.where(seen, wrong / np.maximum(rows, 1), wrong.sum() / n)
    overall = float(wrong.sum() / n)
    value = float(q @ e) - overall
    unseen = float(q[~seen].sum())
    spread = float(q @ e**2) - float(q @ e) ** 2
    weight = np.where(seen, q / np.maximum(p, 1e-300), 0.0)
    # a bin without an error errs sometimes: its rate varies as if it had half an error more
    rate = np.where(seen, (wrong + 0.5) / (rows + 1), 0.0)
    of_wrong, of_right = weight * (1 - e) - (1 - overall), -weight * e + overall
    reference = float((p * (rate * of_wrong**2 + (1 - rate) * of_right**2)).sum())
    half = normal_quantile(confidence) * math.sqrt(max(spread, 0.0) / m + reference / n)
    most = clopper_pearson(unseen * m, m, confidence)[1] if unseen else 0.0
    low, high = clip((value - half - most * overall, value + half + most * (1 - overall)), -1, 1)
    change = Estimate(value, low, high, confidence, n + m, method)
    return Harm(change, _parts(p, q, e, seen, overall, coding.labels), unseen)


def _parts(
    p: NDArray[np.float64], q: NDArray[np.float64], e: NDArray[np.float64],
    seen: NDArray[np.bool_], overall: float, labels: tuple[str, ...],
) -> tuple[Part, ...]:  # fmt: skip
    parts = [
        Part(label, float(then), float(now), float(rate) if known else None,
             float((now - then) * (rate - overall)))
        for label, then, now, rate, known in zip(labels, p, q, e, seen, strict=True)
        if then or now
    ]  # fmt: skip
    return tuple(sorted(parts, key=lambda part: -part.contribution))
