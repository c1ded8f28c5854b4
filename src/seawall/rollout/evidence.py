"""What a rollout is judged on: counts of two arms, and the estimates read off them.

Counts come from one step alone, during which the shares are constant. Pooling steps of unequal
shares would let a change of the base rate over time look like a difference between arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import msgspec

from seawall.kernel import BadInput, Estimate

if TYPE_CHECKING:
    import numpy as np

COMPARED = (
    "error_difference",
    "slow_difference",
    "prediction_shift",
    "wrong_difference",
    "label_arrival_difference",
    "sample_ratio",
)
ALONE = ("error_rate", "slow_rate", "wrong_rate")
MEASURES = COMPARED + ALONE


class ArmEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one arm in one step.

    `scores` counts decisions on bins common to both arms. `matured` counts the decisions older
    than the plan's label age, `arrived` those of them whose label came by that age, and `wrong`
    those of the arrived whose prediction was wrong. `slow` counts answers over the latency
    objective.
    """

    decisions: int = 0
    errors: int = 0
    slow: int = 0
    scores: tuple[int, ...] = ()
    matured: int = 0
    arrived: int = 0
    wrong: int = 0

    def __post_init__(self) -> None:
        ordered = 0 <= self.wrong <= self.arrived <= self.matured <= self.decisions
        inside = 0 <= self.errors <= self.decisions and 0 <= self.slow <= self.decisions
        if not (ordered and inside and all(c >= 0 for c in self.scores)):
            raise ValueError(
                "counts of an arm must satisfy wrong <= arrived <= matured <= decisions, "
                "errors <= decisions and slow <= decisions"
            )

    def plus(self, other: Self) -> ArmEvidence:
        """The counts of both together; raises `BadInput` when the score bins differ."""
        if self.scores and other.scores and len(self.scores) != len(other.scores):
            raise BadInput(
                f"score counts on {len(self.scores)} and {len(other.scores)} bins cannot be added",
                remedy="count both on the grid of the endpoint's bundle",
            )
        a, b = self.scores or (0,) * len(other.scores), other.scores or (0,) * len(self.scores)
        return ArmEvidence(
            decisions=self.decisions + other.decisions,
            errors=self.errors + other.errors,
            slow=self.slow + other.slow,
            scores=tuple(x + y for x, y in zip(a, b, strict=True)),
            matured=self.matured + other.matured,
            arrived=self.arrived + other.arrived,
            wrong=self.wrong + other.wrong,
        )


class PairEvidence(msgspec.Struct, frozen=True):
    """Units scored by both arms: a square table, rows the control's score bin, columns the
    candidate's."""

    joint: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.joint) or min(row) < 0 for row in self.joint):
            raise ValueError("joint score counts must be a square table of counts")

    @property
    def units(self) -> int:
        """How many units both arms scored."""
        return sum(map(sum, self.joint))

    def plus(self, other: Self) -> PairEvidence:
        """The counts of both together; raises `BadInput` when the score bins differ."""
        if not self.joint or not other.joint:
            return self if self.joint else other
        if len(self.joint) != len(other.joint):
            raise BadInput(
                f"joint counts on {len(self.joint)} and {len(other.joint)} bins cannot be added"
            )
        rows = zip(self.joint, other.joint, strict=True)
        return PairEvidence(tuple(tuple(x + y for x, y in zip(a, b, strict=True)) for a, b in rows))


def measure(
    control: ArmEvidence,
    candidate: ArmEvidence,
    pair: PairEvidence | None,
    shares: tuple[float, float],
    alpha: float,
    family: int = 1,
) -> dict[str, Estimate]:
    """Every measure that these counts allow, candidate minus control, valid under any looking.

    `shares` are the planned traffic shares of control and candidate; a candidate that is mirrored
    rather than routed has shares that do not add to one, and then no sample ratio. Each estimate
    has confidence 1 - alpha / family, so that all guards of a plan together are wrong with
    probability at most `alpha` over the whole rollout. A measure without data is absent: it is
    undecided, never good.
    """
    from seawall.statistics.sequential import proportion, proportion_difference

    confidence = 1 - alpha / family
    found: dict[str, Estimate] = {}
    n1, n0 = candidate.decisions, control.decisions
    if n1:
        found["error_rate"] = proportion(candidate.errors, n1, confidence)
        found["slow_rate"] = proportion(candidate.slow, n1, confidence)
    if candidate.matured:
        found["wrong_rate"] = _wrong_rate(candidate, confidence)
    if n1 and n0:
        found["error_difference"] = proportion_difference(
            candidate.errors, n1, control.errors, n0, confidence
        )
        found["slow_difference"] = proportion_difference(
            candidate.slow, n1, control.slow, n0, confidence
        )
    if shift := _prediction_shift(control, candidate, pair, confidence):
        found["prediction_shift"] = shift
    if candidate.matured and control.matured:
        arrival = proportion_difference(
            candidate.arrived, candidate.matured, control.arrived, control.matured, confidence
        )
        wrong = proportion_difference(
            candidate.wrong, candidate.matured, control.wrong, control.matured, confidence
        )
        found["label_arrival_difference"] = arrival
        found["wrong_difference"] = _allow_for_arrival(wrong, arrival)
    if n1 + n0 and abs(sum(shares) - 1) < 1e-9 and 0 < shares[1] < 1:
        found["sample_ratio"] = _sample_ratio(n1, n0, shares[1], confidence)
    looking = f"; alpha {alpha:g} split over {family} guards of the plan" if family > 1 else ""
    return {k: msgspec.structs.replace(e, method=e.method + looking) for k, e in found.items()}


def _wrong_rate(arm: ArmEvidence, confidence: float) -> Estimate:
    """Wrong by the label age among matured, unlabelled ones counted as possibly wrong above."""
    from seawall.statistics.sequential import proportion

    known = proportion(arm.wrong, arm.matured, confidence)
    worst = proportion(arm.wrong + arm.matured - arm.arrived, arm.matured, confidence)
    return msgspec.structs.replace(known, high=worst.high)


def _prediction_shift(
    control: ArmEvidence, candidate: ArmEvidence, pair: PairEvidence | None, confidence: float
) -> Estimate | None:
    from seawall.statistics.sequential import distribution_shift, paired_shift

    if pair is not None and pair.units:
        return paired_shift(_array(pair.joint), confidence)
    if sum(control.scores) and sum(candidate.scores):
        return distribution_shift(_array(control.scores), _array(candidate.scores), confidence)
    return None


def _allow_for_arrival(wrong: Estimate, arrival: Estimate) -> Estimate:
    """Widen by the part of the label arrival difference that is shown.

    Labels that come in one arm only could all be wrong ones, or hide as many.
    """
    more, less = max(0.0, arrival.low), max(0.0, -arrival.high)
    if not more and not less:
        return wrong
    return msgspec.structs.replace(
        wrong,
        low=max(-1.0, wrong.low - more),
        high=min(1.0, wrong.high + less),
        method=wrong.method + ", widened by the shown difference in label arrival",
    )


def _sample_ratio(n1: int, n0: int, planned: float, confidence: float) -> Estimate:
    """How far the candidate's share of decisions departs from the planned share, relatively.

    Decisions are taken as independent; a caller that sends very many under one routing key breaks
    that, which is what the rule's tolerance is for.
    """
    from seawall.statistics.sequential import proportion

    share = proportion(n1, n1 + n0, confidence)
    return msgspec.structs.replace(
        share,
        value=share.value / planned - 1,
        low=share.low / planned - 1,
        high=share.high / planned - 1,
        method=share.method + ", relative departure from the planned share",
    )


def _array(counts: Sequence[int] | Sequence[Sequence[int]]) -> np.ndarray:
    import numpy as np

    return np.asarray(counts, dtype=np.int64)
