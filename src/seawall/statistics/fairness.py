"""How differently groups are treated: gaps, ratios and inequality, with bounds that hold."""

from __future__ import annotations

import msgspec
import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.gaps import Compared, difference, ratio
from seawall.statistics.groups import Extremes, Group, Rates, groups_of, rates_of
from seawall.statistics.inequality import between_groups
from seawall.statistics.score import ScoreSummary

RATES = ("selection_rate", "recall", "false_positive_rate", "precision", "accuracy")
"""What is compared: the names of groups' measures behind the gaps."""
CRITERIA = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("recall",),
    "equalized_odds": ("recall", "false_positive_rate"),
    "predictive_parity": ("precision",),
    "accuracy": ("accuracy",),
}
"""Each is judged by the pair of groups and the rate that differ most, as in fairlearn."""
GAPS = {f"{name}_difference": rates for name, rates in CRITERIA.items()}
RATIOS = {f"{name}_ratio": rates for name, rates in CRITERIA.items()}
TOLERANCES = {"demographic_parity_difference": 0.10, "equalized_odds_difference": 0.10}
"""The deciding gaps: selection and error rates."""


class Fairness(msgspec.Struct, frozen=True):
    """Groups, what lies between those that are large enough, and the `small` ones left out.

    `worst` has, for each gap and ratio, the two groups that are shown to differ most.
    """

    groups: tuple[Group, ...]
    measures: dict[str, Estimate]
    small: tuple[Group, ...]
    worst: dict[str, Extremes] = {}


def fairness(
    summary: ScoreSummary,
    by: tuple[str, ...],
    threshold: float = 0.5,
    minimum_group: int = 50,
    confidence: float = 0.95,
) -> Fairness:
    """Compare the groups by these columns.

    `<criterion>_difference` is max − min over groups, `<criterion>_ratio` min / max (the rule of
    four fifths asks for 0.8 of demographic parity), `between_groups_entropy` the part of the
    generalised entropy of benefits that lies between groups. Groups with fewer than
    `minimum_group` scored rows are in `small` and in no measure: a verdict over gaps is undecided
    while there are any. Raises `BadInput` when `by` was not counted.
    """
    family = summary.family(*by)
    rates = rates_of(summary, family, threshold)
    members = groups_of(family, rates, confidence)
    large = np.array([group.n >= minimum_group for group in members], bool)
    kept = {name: r.of(large) for name, r in rates.items()}
    groups = tuple(g for g in members if g.n >= minimum_group)
    measures: dict[str, Estimate] = {}
    worst: dict[str, Extremes] = {}
    for names, compare in ((GAPS, difference), (RATIOS, ratio)):
        for name, compared in names.items():
            parts = [_compared(rate, kept[rate]) for rate in compared]
            rows = int(kept[compared[0]].n.sum())
            measures[name], pair = compare(parts, len(groups), confidence, rows)
            if pair:
                worst[name] = Extremes(pair.name, groups[pair.low], groups[pair.high])
    measures["between_groups_entropy"] = between_groups(kept, confidence)
    return Fairness(groups, measures, tuple(g for g in members if g.n < minimum_group), worst)


def _compared(name: str, rates: Rates) -> Compared:
    return Compared(name, rates.values, rates.ends)
