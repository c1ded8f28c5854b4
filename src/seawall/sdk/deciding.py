"""Which measures of calibration and fairness decide an evaluation, and by what tolerance."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from seawall.kernel import BadInput, Rule, nearest
from seawall.sdk.verdicts import CALIBRATION
from seawall.statistics.fairness import GAPS, RATIOS, TOLERANCES

_OF_ALL = ("ece_debiased", "ece", "ece_equal_width", "ece_smooth", "calibration_bias")
_OF_GROUPS = (
    *GAPS, *RATIOS, "between_groups_entropy", "calibration_within_groups",
    "calibration_bias_difference",
)  # fmt: skip


class Deciding(msgspec.Struct, frozen=True):
    """The rules over all rows, and those over the groups of each column."""

    overall: tuple[Rule, ...]
    groups: tuple[Rule, ...]


def deciding(tolerances: Mapping[str, float]) -> Deciding:
    """The default rules, and instead of those of the same matter what is named here.

    A ratio must be at least its tolerance, everything else at most. Naming one measure of a matter
    (calibration, demographic parity, error rates) takes its default away: to ask for four fifths is
    not to ask for the difference too. Raises `BadInput` on what cannot decide.
    """
    known = (*_OF_ALL, *_OF_GROUPS)
    for name, tolerance in tolerances.items():
        if name not in known:
            raise BadInput(f"no tolerance for {name!r}", remedy=nearest(name, known))
        if not 0 <= tolerance < float("inf"):
            raise BadInput(f"tolerance {name}={tolerance:g} is not a size", remedy="give 0 or more")
    named = {_matter(name) for name in tolerances}
    defaults = [CALIBRATION, *(Rule(name, at_most=t) for name, t in TOLERANCES.items())]
    rules = [rule for rule in defaults if _matter(rule.measure) not in named]
    rules += [_rule(name, tolerance) for name, tolerance in tolerances.items()]
    return Deciding(
        tuple(r for r in rules if r.measure in _OF_ALL),
        tuple(r for r in rules if r.measure in _OF_GROUPS),
    )


def _matter(name: str) -> str:
    if name in _OF_ALL:
        return "calibration"
    criterion = name.removesuffix("_difference").removesuffix("_ratio")
    return "error rates" if criterion in ("equal_opportunity", "equalized_odds") else criterion


def _rule(name: str, tolerance: float) -> Rule:
    if name in RATIOS:
        return Rule(name, at_least=tolerance)
    if name == "calibration_bias":
        return Rule(name, within=tolerance)
    return Rule(name, at_most=tolerance)
