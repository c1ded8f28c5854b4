"""What a rollout is judged on: counts of two arms, and the estimates read off them.

Counts come from one step alone, during which the shares are constant. Pooling steps of unequal
shares would let a change of the base rate over time look like a difference between arms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import msgspec

from seawall.kernel import BadInput, Estimate, Window

if TYPE_CHECKING:
    import numpy as np

COMPARED = (
    "error_difference",
    "error_ratio",
    "slow_difference",
    "prediction_shift",
    "wrong_difference",
    "label_arrival_difference",
    "sample_ratio",
)
ROUTED = ("error_ratio", "sample_ratio")
"""Measured only where traffic is split between the arms, not where it is mirrored."""
ALONE = ("error_rate", "slow_rate", "wrong_rate")
MEASURES = COMPARED + ALONE
BEYOND = 1e6


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


def counted_from(since: datetime, size: timedelta) -> datetime:
    """The start of the first whole telemetry window of this size.

    A window that began before mixes two shares of traffic and is left out.
    """
    window = Window.containing(since, size)
    return window.start if window.start == since else window.end


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
    from seawall.statistics.sequential import proportion

    confidence = 1 - alpha / family
    mirrored = abs(sum(shares) - 1) > 1e-9
    found: dict[str, Estimate] = {}

    def compare(name: str, s1: int, n1: int, s0: int, n0: int) -> None:
        if n1 and n0:
            found[name] = _difference(s1, n1, s0, n0, confidence, mirrored=mirrored)

    a, b = candidate, control
    if a.decisions:
        found["error_rate"] = proportion(a.errors, a.decisions, confidence)
        found["slow_rate"] = proportion(a.slow, a.decisions, confidence)
    if a.matured:
        found["wrong_rate"] = _wrong_rate(a, confidence)
    compare("error_difference", a.errors, a.decisions, b.errors, b.decisions)
    compare("slow_difference", a.slow, a.decisions, b.slow, b.decisions)
    if shift := _prediction_shift(b, a, pair, confidence):
        found["prediction_shift"] = shift
    compare("label_arrival_difference", a.arrived, a.matured, b.arrived, b.matured)
    compare("wrong_difference", a.wrong, a.matured, b.wrong, b.matured)
    if "wrong_difference" in found:
        arrival = found["label_arrival_difference"]
        found["wrong_difference"] = _allow_for_arrival(found["wrong_difference"], arrival)
    if a.decisions + b.decisions and not mirrored and 0 < shares[1] < 1:
        found["sample_ratio"] = _sample_ratio(b, a, shares, confidence)
        if a.errors + b.errors:
            found["error_ratio"] = _error_ratio(b, a, shares, confidence)
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


def _sample_ratio(
    control: ArmEvidence, candidate: ArmEvidence, shares: tuple[float, float], confidence: float
) -> Estimate:
    """How far the candidate's share of decisions departs from the planned share, relatively.

    Decisions are taken as independent; a caller that sends very many under one routing key breaks
    that, which is what the rule's tolerance is for.
    """
    from seawall.statistics.sequential import share

    seen = share((control.decisions, candidate.decisions), shares, confidence)
    return msgspec.structs.replace(
        seen,
        value=float(seen.value / shares[1] - 1),
        low=float(seen.low / shares[1] - 1),
        high=float(seen.high / shares[1] - 1),
        method=f"{seen.method} of the split, relative to the planned share",
    )


def _error_ratio(
    control: ArmEvidence, candidate: ArmEvidence, shares: tuple[float, float], confidence: float
) -> Estimate:
    """The candidate's error rate over the control's, from errors alone.

    It sees errors that are too rare to matter as a difference, and holds under an error rate that
    changes over time (Lindon & Malek 2022): the candidate's shares of all errors that the
    Dirichlet-multinomial e-value does not reject, read as ratios. Its prior weighs two errors, so
    that a dozen can decide. A ratio above `BEYOND`, or without any error of the control, reads
    `BEYOND`.
    """
    from seawall.statistics.sequential import sample_ratio

    errors, limit = (control.errors, candidate.errors), -math.log1p(-confidence)
    at = candidate.errors / sum(errors)

    def edge(end: float) -> float:
        near, far = at, end
        for _ in range(44):
            middle = (near + far) / 2
            inside = sample_ratio(errors, (1 - middle, middle), strength=2.0) <= limit
            near, far = (middle, far) if inside else (near, middle)
        return far

    def as_ratio(share: float) -> float:
        odds = shares[0] * share / (shares[1] * (1 - share)) if share < 1 else BEYOND
        return min(odds, BEYOND)

    return Estimate(
        as_ratio(at),
        as_ratio(edge(0.0) if at > 0 else 0.0),
        as_ratio(edge(1.0) if at < 1 else 1.0),
        confidence,
        sum(errors),
        "Dirichlet-multinomial e-value of errors",
        "anytime",
    )


def _difference(
    s1: int, n1: int, s0: int, n0: int, confidence: float, *, mirrored: bool
) -> Estimate:
    """Candidate's rate minus control's; of the same requests the two intervals are subtracted.

    The arms of a mirrored step are dependent, and the joint interval holds for independent arms.
    """
    from seawall.statistics.sequential import proportion, proportion_difference

    if not mirrored:
        return proportion_difference(s1, n1, s0, n0, confidence)
    each = (1 + confidence) / 2
    a, b = proportion(s1, n1, each), proportion(s0, n0, each)
    return Estimate(
        a.value - b.value,
        a.low - b.high,
        a.high - b.low,
        confidence,
        n1 + n0,
        f"difference of two intervals ({a.method})",
        "anytime",
    )


def _array(counts: Sequence[int] | Sequence[Sequence[int]]) -> np.ndarray:
    import numpy as np

    return np.asarray(counts, dtype=np.int64)
