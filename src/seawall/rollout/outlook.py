"""What is still needed to decide a rule."""

from __future__ import annotations

import math

import msgspec

from seawall.kernel import Estimate, Outcome, Rule


class Outlook(msgspec.Struct, frozen=True):
    """An undecided rule will probably `become` this outcome after `units` more of the candidate's
    decisions (matured ones, for measures of labels), in `seconds` at the present rate."""

    become: Outcome
    units: int
    seconds: float


def outlook(rule: Rule, estimate: Estimate | None, units: int, elapsed: float) -> Outlook | None:
    """How much more evidence an undecided rule needs, if the value stays as it is.

    `units` are the candidate's so far, gathered in `elapsed` seconds. An interval narrows with the
    square root of the sample, so the need is units x ((half-width / distance to the tolerance)^2
    - 1): rough, and no promise. None when decided, without data, or on the tolerance itself.
    """
    if estimate is None or not units or rule.judge(estimate).outcome is not Outcome.UNDECIDED:
        return None
    value = estimate.value
    lower = -rule.within if rule.within is not None else rule.at_least
    upper = rule.within if rule.within is not None else rule.at_most
    good = (lower is None or value >= lower) and (upper is None or value <= upper)
    needs: list[float] = []
    for bound, above in ((lower, False), (upper, True)):
        if bound is None or bound == value:
            continue
        towards = estimate.high - value if (bound > value) else value - estimate.low
        if good or (value > bound) == above:
            needs.append((towards / abs(bound - value)) ** 2 - 1)
    if not needs:
        return None
    more = max(1, math.ceil(units * max(needs)))
    return Outlook(Outcome.PASS if good else Outcome.FAIL, more, more * elapsed / units)
