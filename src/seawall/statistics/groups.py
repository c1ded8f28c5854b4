"""The groups of one family: their rates as counts, and each group's measures with intervals."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import clopper_pearson_each
from seawall.statistics.performance import called
from seawall.statistics.score import NEGATIVE, POSITIVE, Family, ScoreSummary

Vector = NDArray[np.float64]
Ends = tuple[Vector, Vector]


class Group(msgspec.Struct, frozen=True):
    """One group: its values by column, scored rows, and its measures."""

    by: dict[str, str]
    n: int
    measures: dict[str, Estimate]

    @property
    def said(self) -> str:
        """`SEX=2`, or `SEX=2 RAC1P=9`."""
        return " ".join(f"{column}={value}" for column, value in self.by.items())

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "by": self.by,
            "n": self.n,
            "measures": {name: e.to_dict() for name, e in self.measures.items()},
        }


class Extremes(msgspec.Struct, frozen=True):
    """The groups with the lowest and the highest of one measure, as far as can be shown."""

    measure: str
    low: Group
    high: Group

    @property
    def text(self) -> str:
        """`recall 0.61 in SEX=2 (n=5,012), 0.82 in SEX=1 (n=4,870)`."""
        told = [
            f"{e.value:.3g} in {group.said} (n={e.n:,})"
            for group in (self.low, self.high)
            for e in (group.measures[self.measure],)
        ]
        return f"{self.measure} {', '.join(told)}"


class Rates(msgspec.Struct, frozen=True, eq=False):
    """One rate of every group: `successes` of `n`; of rows that share the threshold's cell,
    `unsure` may be successes or not, and `outside` may not belong to `n` at all.
    """

    successes: Vector
    n: Vector
    unsure: Vector
    outside: Vector

    @property
    def values(self) -> Vector:
        """The rates, NaN without rows."""
        return np.where(self.n > 0, self.successes / np.maximum(self.n, 1), np.nan)

    def ends(self, confidence: float) -> Ends:
        """Clopper–Pearson's bounds for each group, [0, 1] without rows."""
        fewest = np.maximum(self.successes - self.unsure, 0)
        most = np.minimum(self.successes + self.unsure, self.n)
        low, high = clopper_pearson_each(self.successes, self.n, confidence)
        if self.unsure.any() or self.outside.any():
            low = clopper_pearson_each(fewest, self.n + self.outside, confidence)[0]
            fewer = np.maximum(self.n - self.outside, most)
            high = clopper_pearson_each(most, fewer, confidence)[1]
        return np.where(self.n > 0, low, 0.0), np.where(self.n > 0, high, 1.0)

    def of(self, kept: NDArray[np.bool_]) -> Rates:
        """Those of some groups."""
        return Rates(self.successes[kept], self.n[kept], self.unsure[kept], self.outside[kept])


def rates_of(summary: ScoreSummary, family: Family, threshold: float) -> dict[str, Rates]:
    """`selection_rate`, `recall`, `false_positive_rate`, `precision`, `accuracy` and `jaccard`
    (true positives among rows positive in label or call) of each group at a threshold.
    """
    positive, near = called(summary.grid, threshold)
    counts = family.counts
    # cells rise with the score, so that those called positive are the last ones
    yes = counts[:, :, positive.size - int(positive.sum()) :].sum(axis=2).astype(float)
    unsure = counts[:, :, near].sum(axis=2).astype(float)
    rows = counts.sum(axis=2).astype(float)
    tp, fp = yes[:, POSITIVE], yes[:, NEGATIVE]
    p, n = rows[:, POSITIVE], rows[:, NEGATIVE]
    of_p, of_n = unsure[:, POSITIVE], unsure[:, NEGATIVE]
    none = np.zeros_like(tp)
    return {
        "selection_rate": Rates(yes.sum(axis=1), rows.sum(axis=1), unsure.sum(axis=1), none),
        "recall": Rates(tp, p, of_p, none),
        "false_positive_rate": Rates(fp, n, of_n, none),
        "precision": Rates(tp, tp + fp, of_p, of_n),
        "accuracy": Rates(tp + n - fp, p + n, of_p + of_n, none),
        "jaccard": Rates(tp, p + fp, of_p, of_n),
    }


def groups_of(family: Family, rates: dict[str, Rates], confidence: float) -> tuple[Group, ...]:
    """Every group with the measures of its confusion matrix, each interval on its own."""
    found = {name: _estimates(r.values, r.ends(confidence), r.n, confidence)
             for name, r in rates.items()}  # fmt: skip
    found["error_rate"] = [_complement(e) for e in found["accuracy"]]
    found["specificity"] = [_complement(e) for e in found["false_positive_rate"]]
    found["f1"] = [_harmonic(e) for e in found.pop("jaccard")]
    found["balanced_accuracy"] = _balanced(
        rates["recall"], rates["false_positive_rate"], confidence
    )
    sizes = family.counts.sum(axis=(1, 2)).tolist()
    return tuple(
        Group(
            dict(zip(family.columns, values, strict=True)),
            sizes[at],
            {name: estimates[at] for name, estimates in found.items()},
        )
        for at, values in enumerate(family.groups)
    )


def _estimates(
    values: Vector, ends: Ends, n: Vector, confidence: float, method: str = "Clopper-Pearson"
) -> list[Estimate]:
    columns = (v.tolist() for v in (values, *ends, n.astype(np.int64)))
    return [
        Estimate(value, low, high, confidence, rows, method)
        for value, low, high, rows in zip(*columns, strict=True)
    ]


def _complement(e: Estimate) -> Estimate:
    return msgspec.structs.replace(e, value=1 - e.value, low=1 - e.high, high=1 - e.low)


def _harmonic(e: Estimate) -> Estimate:
    """F1 = 2J/(1 + J)."""
    low, value, high = (2 * j / (1 + j) for j in (e.low, e.value, e.high))
    return msgspec.structs.replace(e, value=value, low=low, high=high)


def _balanced(recall: Rates, wrong: Rates, confidence: float) -> list[Estimate]:
    (low, high), (least, most) = recall.ends(confidence), wrong.ends(confidence)
    value = (recall.values + 1 - wrong.values) / 2
    known = np.isfinite(value)
    below = value - np.hypot(recall.values - low, most - wrong.values) / 2
    above = value + np.hypot(high - recall.values, wrong.values - least) / 2
    ends = np.where(known, below, 0.0), np.where(known, above, 1.0)
    return _estimates(value, ends, recall.n + wrong.n, confidence, "MOVER")
