"""How much of an error budget is left."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from seawall.kernel import Estimate
from seawall.slo.objective import COUNTER, Counts, Objective


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One objective's budget over its window: `consumed` is bad events / allowed bad events.

    1 is a budget used up; more is a broken objective. `bad` is the bad ratio with its interval,
    `consumed_low` and `consumed_high` that interval in units of budget. None without events.
    """

    objective: Objective
    good: int
    total: int
    bad: Estimate | None
    consumed: float
    consumed_low: float
    consumed_high: float

    @property
    def remaining(self) -> float:
        """The share of budget left, 1 at most; negative when overspent."""
        return 1 - self.consumed


class ModelBudget(msgspec.Struct, frozen=True):
    """The budgets of a model's indicators side by side; it is as burnt as its worst."""

    budgets: tuple[Budget, ...]

    @property
    def worst(self) -> Budget | None:
        """The budget most consumed among those with events."""
        known = [b for b in self.budgets if b.total]
        return max(known, key=lambda b: b.consumed, default=None)

    @property
    def remaining(self) -> float:
        """The least share of budget left; 1 when nothing was counted."""
        return self.worst.remaining if self.worst else 1.0


def total_over(counts: Iterable[Counts], length: timedelta, now: datetime) -> tuple[int, int]:
    """Good and all events of the last `length` before `now`.

    The window is rounded outward to whole five-minute counters, and events are summed: ratios of
    unequal traffic are never averaged.
    """
    first = now - length - COUNTER
    good = total = 0
    for c in counts:
        if first < c.start <= now:
            good, total = good + c.good, total + c.total
    return good, total


def budget(
    objective: Objective, counts: Iterable[Counts], now: datetime, confidence: float = 0.95
) -> Budget:
    """The budget consumed over the objective's window up to `now`."""
    from seawall.statistics.sequential import proportion

    good, total = total_over(counts, objective.window, now)
    bad = proportion(total - good, total, confidence) if total else None
    value, low, high = (bad.value, bad.low, bad.high) if bad else (0.0, 0.0, 1.0)
    return Budget(
        objective=objective,
        good=good,
        total=total,
        bad=bad,
        consumed=value / objective.allowed,
        consumed_low=low / objective.allowed,
        consumed_high=high / objective.allowed,
    )
