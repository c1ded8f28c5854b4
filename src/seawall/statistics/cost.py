"""What decisions are worth: a value for each kind of right and wrong call."""

from __future__ import annotations

import math

import msgspec

from seawall.kernel import BadInput, Estimate, nearest
from seawall.statistics.discrete_mean import discrete_mean
from seawall.statistics.performance import Confusion

METHOD = "mean of four values, MOVER of Clopper-Pearson"


class Cost(msgspec.Struct, frozen=True):
    """The value of one true positive, false positive, false negative and true negative.

    Any unit, gains positive, losses negative.
    """

    tp: float = 0.0
    fp: float = 0.0
    fn: float = 0.0
    tn: float = 0.0

    @property
    def values(self) -> tuple[float, float, float, float]:
        """tp, fp, fn, tn."""
        return self.tp, self.fp, self.fn, self.tn

    def to_dict(self) -> dict[str, float]:
        """The JSON shape."""
        return msgspec.structs.asdict(self)


def cost_of(given: dict[str, float]) -> Cost:
    """A cost matrix from its named values; `BadInput` on another name or a value not finite."""
    for name, value in given.items():
        if name not in ("tp", "fp", "fn", "tn"):
            raise BadInput(f"a cost matrix has no {name!r}", remedy=nearest(name, _NAMES))
        if not math.isfinite(value):
            raise BadInput(f"the value of {name} is {value}", remedy="give a finite number")
    found = Cost(**given)
    if len(set(found.values)) == 1:
        raise BadInput(
            "every decision has the same value", remedy="say what errors cost: --cost fp=-5,fn=-50"
        )
    return found


_NAMES = ("tp", "fp", "fn", "tn")


def value_of(counts: Confusion, cost: Cost, confidence: float) -> Estimate:
    """The mean value of a decision, unseen kinds of error being in the bounds.

    Rows whose call the bins leave open are counted both ways.
    """
    n = counts.tp + counts.fp + counts.fn + counts.tn
    mean, (low, high) = discrete_mean(
        cost.values, (counts.tp, counts.fp, counts.fn, counts.tn), confidence
    )
    positives, negatives = counts.unsure
    if n:
        open_ = abs(cost.tp - cost.fn) * positives + abs(cost.fp - cost.tn) * negatives
        low, high = low - open_ / n, high + open_ / n
    return Estimate(mean, low, high, confidence, n, METHOD)


def total_of(mean: Estimate) -> Estimate:
    """The value of as many decisions like these."""
    return Estimate(
        mean.value * mean.n, mean.low * mean.n, mean.high * mean.n, mean.confidence, mean.n,
        mean.method,
    )  # fmt: skip
