"""Which decisions are kept whole in the log: a policy on records, never on counts.

Every stratum has a rate. A record belongs to each stratum whose conditions it meets and is kept
with the highest of their rates, `rate` if it meets none; one that a guard or a fallback had a part
in is always kept. Of the others the log keeps all but the inputs, so that every decision is found,
counted and proven. The choice hangs on the random bits of the
decision's id alone, so everybody who knows the policy makes the same one, and what a lower rate
keeps a higher one keeps too. A kept record carries the probability it was kept with: weighted by
1/p, what was kept stands for all (Horvitz and Thompson 1952).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from seawall.kernel import BadInput

Rate = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_BITS = 52  # as many of a UUIDv7's random bits as a float holds exactly


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a policy looks at in a decision that was just made."""

    decision_id: str
    arm: str | None = None
    score: float | None = None
    label: int | float | str | None = None
    """What was answered; None when nothing was."""
    guarded: bool = False
    """Whether a guard tripped."""
    fallback: bool = False
    """Whether a fallback answered."""


class Stratum(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Decisions that meet every condition given, and the share of them that is kept.

    `score` is a closed range; a decision without a score is in none.
    """

    rate: Rate = 1.0
    arm: str | None = None
    score: tuple[float, float] | None = None
    label: int | str | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not self.score[0] <= self.score[1]:
            raise ValueError("a range of scores goes from the lower to the higher")

    def holds(self, facts: Facts) -> bool:
        """Whether a decision is in this stratum."""
        return (
            (self.arm is None or facts.arm == self.arm)
            and (self.label is None or facts.label == self.label)
            and (self.score is None or _within(facts.score, self.score))
        )


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A policy: the share that is kept whole, and strata of which more is.

    A decision that a guard or a fallback had a part in always is.
    """

    rate: Rate = 1.0
    strata: tuple[Stratum, ...] = ()

    def probability(self, facts: Facts) -> float:
        """The probability that such a decision is kept whole, whatever its id."""
        if facts.guarded or facts.fallback:
            return 1.0
        return max((s.rate for s in self.strata if s.holds(facts)), default=self.rate)

    def keep(self, facts: Facts) -> float | None:
        """The probability with which this decision was kept; None when it is not kept."""
        p = self.probability(facts)
        return p if p >= 1.0 or position(facts.decision_id) < p else None


def position(decision_id: str) -> float:
    """Where a decision stands in [0, 1), by 52 random bits of its id; uniform.

    Raises `BadInput` when it is no UUIDv7. The bits are not those of the time, so a rate is a rate
    in every second.
    """
    try:
        return int(decision_id[20:23] + decision_id[24:34], 16) / (1 << _BITS)
    except ValueError:
        raise BadInput(f"{decision_id[:60]!r} is not a Seawall id") from None


def _within(score: float | None, bounds: tuple[float, float]) -> bool:
    return score is not None and bounds[0] <= score <= bounds[1]
