"""How differently groups are treated, with bounds that hold for all pairs at once."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from typing import Any

import msgspec

from seawall.kernel import Estimate
from seawall.statistics.intervals import clopper_pearson, difference, rate
from seawall.statistics.performance import by_threshold, called
from seawall.statistics.score import ScoreSummary

RATES = ("selection_rate", "recall", "false_positive_rate", "precision", "accuracy")
"""What is compared: the names of groups' measures behind the gaps."""
GAPS = {
    "demographic_parity_difference": ("selection_rate",),
    "equal_opportunity_difference": ("recall",),
    "equalized_odds_difference": ("recall", "false_positive_rate"),
    "predictive_parity_difference": ("precision",),
    "accuracy_difference": ("accuracy",),
}
"""Each gap is the largest over pairs of groups and these rates, as in fairlearn."""
TOLERANCES = {"demographic_parity_difference": 0.10, "equalized_odds_difference": 0.10}
"""The deciding gaps: selection and error rates."""
Tally = dict[str, tuple[int, int]]


class Group(msgspec.Struct, frozen=True):
    """One group: its values by column, scored rows, and its measures."""

    by: dict[str, str]
    n: int
    measures: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "by": self.by,
            "n": self.n,
            "measures": {name: e.to_dict() for name, e in self.measures.items()},
        }


class Fairness(msgspec.Struct, frozen=True):
    """Groups, the gaps between those that are large enough, and the `small` ones left out."""

    groups: tuple[Group, ...]
    measures: dict[str, Estimate]
    small: tuple[Group, ...]


def fairness(
    summary: ScoreSummary,
    by: tuple[str, ...],
    threshold: float = 0.5,
    minimum_group: int = 50,
    confidence: float = 0.95,
) -> Fairness:
    """Compare the groups by these columns.

    `<name>_difference` is max − min over groups, `demographic_parity_ratio` min / max of
    selection rates. Their intervals are simultaneous: each pair of groups and each rate has a
    MOVER interval at α/(number of both); a gap lies between the largest lower and upper bounds.
    Groups with fewer than `minimum_group` scored rows are in `small` and in no gap: a verdict
    over gaps is undecided while there are any. Raises `BadInput` when `by` was not counted.
    """
    family = summary.family(*by)
    groups: list[Group] = []
    small: list[Group] = []
    tallies: list[Tally] = []
    for at, values in enumerate(family.groups):
        part = summary.of_group(family, at)
        tally = _tally(part, threshold)
        group = Group(
            dict(zip(by, values, strict=True)),
            part.n,
            by_threshold(part, threshold, confidence)
            | {name: rate(*tally[name], confidence) for name in RATES},
        )
        if part.n < minimum_group:
            small.append(group)
        else:
            groups.append(group)
            tallies.append(tally)
    measures = {name: _gap(tallies, rates, confidence) for name, rates in GAPS.items()}
    measures["demographic_parity_ratio"] = _ratio(tallies, confidence)
    return Fairness(tuple(groups), measures, tuple(small))


def _tally(part: ScoreSummary, threshold: float) -> Tally:
    positive, _ = called(part.grid, threshold)
    yes, rows = part.counts[:, positive].sum(axis=1), part.counts.sum(axis=1)
    tp, fp, p, n = int(yes[1]), int(yes[0]), int(rows[1]), int(rows[0])
    return {
        "selection_rate": (int(yes.sum()), int(rows.sum())),
        "recall": (tp, p),
        "false_positive_rate": (fp, n),
        "precision": (tp, tp + fp),
        "accuracy": (tp + n - fp, p + n),
    }


def _gap(tallies: list[Tally], rates: tuple[str, ...], confidence: float) -> Estimate:
    method = "largest pairwise difference, simultaneous MOVER"
    n = sum(t[rates[0]][1] for t in tallies)
    pairs = list(combinations(range(len(tallies)), 2))
    if not pairs:
        return Estimate(math.nan, 0.0, 1.0, confidence, n, method, "simultaneous")
    level = 1 - (1 - confidence) / (len(pairs) * len(rates))
    value, low, high = 0.0, 0.0, 0.0
    for name in rates:
        ends = [clopper_pearson(*t[name], level) for t in tallies]
        at = [t[name][0] / t[name][1] if t[name][1] else math.nan for t in tallies]
        for i, j in pairs:
            if math.isnan(at[i]) or math.isnan(at[j]):
                value, high = math.nan, 1.0
                continue
            a, b = difference(ends[i], ends[j], at[i], at[j])
            value = max(value, abs(at[i] - at[j]))
            low, high = max(low, a, -b), max(high, b, -a)
    return Estimate(value, low, min(high, 1.0), confidence, n, method, "simultaneous")


def _ratio(tallies: list[Tally], confidence: float) -> Estimate:
    """Min / max of selection rates; each group's interval at α/groups bounds every pair."""
    method = "smallest pairwise ratio, simultaneous Clopper-Pearson"
    counts = [t["selection_rate"] for t in tallies]
    n = sum(rows for _, rows in counts)
    if len(counts) < 2:
        return Estimate(math.nan, 0.0, 1.0, confidence, n, method, "simultaneous")
    shares = [yes / rows for yes, rows in counts]
    value = min(shares) / max(shares) if max(shares) else math.nan
    level = 1 - (1 - confidence) / len(counts)
    ends = [clopper_pearson(*c, level) for c in counts]
    pairs = list(permutations(ends, 2))
    low = min(a[0] / b[1] for a, b in pairs)
    high = min(min(1.0, a[1] / b[0]) if b[0] else 1.0 for a, b in pairs)
    return Estimate(value, low, high, confidence, n, method, "simultaneous")
