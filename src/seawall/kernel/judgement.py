"""Estimates with their intervals, rules over them, and verdicts of three outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import msgspec

Validity = Literal["fixed", "anytime", "simultaneous"]

if TYPE_CHECKING:
    Number = float
else:  # what JSON cannot say comes as null; `Estimate` restores it, so nobody else ever sees None
    Number = float | None


class Estimate(msgspec.Struct, frozen=True):
    """A measured value with the interval that judgements are made on.

    `low <= high`, either may be infinite; `confidence` in (0, 1); `n` counts the rows behind it;
    `validity` says under which looking the interval holds: one planned look, any number of looks,
    or all members of a named family at once. In JSON an infinite or undefined number is null; read
    back, a bound that is null lies at infinity on its own side, and a value that is null there
    where one bound alone does, else it is undefined (NaN).
    """

    value: Number
    low: Number
    high: Number
    confidence: float
    n: int
    method: str
    validity: Validity = "fixed"

    def __post_init__(self) -> None:
        given: Any = (self.value, self.low, self.high)
        if None not in given:
            return
        value, low, high = given
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if value is None:
            value = low + high if math.isinf(low) != math.isinf(high) else math.nan
        for name, number in (("value", value), ("low", low), ("high", high)):
            msgspec.structs.force_setattr(self, name, number)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; numbers that JSON cannot say become null."""
        fields = msgspec.structs.asdict(self)
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in fields.items()
        }

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


class Outcome(StrEnum):
    """Three-valued: shown good, shown bad, or not enough evidence."""

    PASS = "pass"  # noqa: S105 -- an outcome, no password
    FAIL = "fail"
    UNDECIDED = "undecided"

    @property
    def exit_status(self) -> int:
        """0 pass, 1 fail, 3 undecided."""
        return {"pass": 0, "fail": 1, "undecided": 3}[self.value]


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule's part in a verdict: which rule, a sentence, and the estimate it was judged on."""

    rule: str
    message: str
    outcome: Outcome
    estimate: Estimate | None = None


class Verdict(msgspec.Struct, frozen=True):
    """An outcome with the reasons for it."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three outcomes; compare .outcome instead")

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of contracts: the outcome, and each reason with its estimate if any."""
        return {
            "outcome": self.outcome.value,
            "reasons": [
                {"rule": r.rule, "message": r.message, "outcome": r.outcome.value}
                | ({"estimate": r.estimate.to_dict()} if r.estimate else {})
                for r in self.reasons
            ],
        }


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Kleene conjunction: fails on any fail, is undecided on any undecided, else passes.

    An empty conjunction is `undecided`: nothing was shown.
    """
    parts = tuple(verdicts)
    outcomes = {v.outcome for v in parts}
    if Outcome.FAIL in outcomes:
        outcome = Outcome.FAIL
    elif Outcome.UNDECIDED in outcomes or not parts:
        outcome = Outcome.UNDECIDED
    else:
        outcome = Outcome.PASS
    return Verdict(outcome, tuple(r for v in parts for r in v.reasons))


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An atom over one measure. Exactly one of `at_most`, `at_least`, `within` is given.

    `within: t` means the magnitude is at most `t`. `by` names the columns whose groups are each
    judged. In YAML: `{measure: ece, at_most: 0.05}`.
    """

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    within: float | None = None
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = [b for b in (self.at_most, self.at_least, self.within) if b is not None]
        if len(given) != 1 or not math.isfinite(given[0]):
            raise ValueError(
                f"rule on {self.measure!r} needs exactly one finite of at_most, at_least, within"
            )
        if self.within is not None and self.within < 0:
            raise ValueError(f"rule on {self.measure!r}: a magnitude is never within a negative")

    @property
    def text(self) -> str:
        """The rule as a person writes it."""
        if self.at_most is not None:
            return f"{self.measure} at most {self.at_most:g}"
        if self.at_least is not None:
            return f"{self.measure} at least {self.at_least:g}"
        return f"{self.measure} within {self.within:g}"

    def judge(self, estimate: Estimate | None) -> Verdict:
        """Pass with the whole interval on the good side, fail on the bad side, else undecided."""
        if estimate is None or math.isnan(estimate.low) or math.isnan(estimate.high):
            reason = Reason(self.text, f"{self.measure} was not measured", Outcome.UNDECIDED)
            return Verdict(Outcome.UNDECIDED, (reason,))
        lower = -math.inf if self.at_most is not None else self.at_least
        upper = math.inf if self.at_least is not None else self.at_most
        if self.within is not None:
            lower, upper = -self.within, self.within
        assert lower is not None
        assert upper is not None
        if lower <= estimate.low and estimate.high <= upper:
            outcome, word = Outcome.PASS, "holds"
        elif estimate.high < lower or estimate.low > upper:
            outcome, word = Outcome.FAIL, "is broken"
        else:
            outcome, word = Outcome.UNDECIDED, "is not yet decided"
        message = (
            f"{self.text} {word}: {estimate} at {100 * estimate.confidence:.4g}%, n={estimate.n:,}"
        )
        return Verdict(outcome, (Reason(self.text, message, outcome, estimate),))
