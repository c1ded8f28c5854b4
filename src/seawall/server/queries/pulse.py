"""The few numbers of an endpoint that a list of models shows, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from seawall.app.root import App
from seawall.app.telemetry import HOUR, counters
from seawall.app.watch import event_counts
from seawall.kernel import Window, from_ns, now
from seawall.slo.budget import ModelBudget, budget
from seawall.slo.objective import COUNTER, Objective

HOURS = 24
PATIENCE = 0.04
"""Seconds that one page may spend on bringing these numbers up to date."""


class Pulse(msgspec.Struct, frozen=True):
    """Decisions an hour now and in each of the last hours (oldest first), and the worst budget."""

    per_hour: float
    traffic: tuple[float, ...]
    budget_left: float | None


def read(app: App, endpoint: str, moment: datetime) -> Pulse:
    """The numbers of one endpoint."""
    since = Window.containing(moment, HOUR).start - HOURS * HOUR
    by_hour: Counter[datetime] = Counter()
    last = 0
    for row, body in counters(app, endpoint, since):
        if row.arm == "shadow":
            continue
        start = from_ns(row.start_ns)
        by_hour[start.replace(minute=0)] += body.decisions
        last += body.decisions if start > moment - HOUR - COUNTER else 0
    objectives = app.store.find(Objective, f"{endpoint}/")
    counted = event_counts(app, objectives)
    budgets = [budget(o, counts, moment) for o, counts in counted.items()]
    left = ModelBudget(tuple(budgets)).remaining if any(b.total for b in budgets) else None
    traffic = tuple(float(by_hour[since + i * HOUR]) for i in range(HOURS))
    return Pulse(float(last), traffic, left)


class Pulses:
    """The last reading of each endpoint; a page renews as many as it has time for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[datetime, Pulse]] = {}

    def known(self) -> dict[str, Pulse]:
        """The last reading of every endpoint that was read."""
        with self._lock:
            return {name: pulse for name, (_, pulse) in self._held.items()}

    def of(self, app: App, endpoints: Iterable[str]) -> dict[str, Pulse]:
        """What is known of these endpoints; those not read yet are absent until a later look."""
        moment = now(app.clock)
        this = Window.containing(moment, timedelta(minutes=1)).start
        ends = time.perf_counter() + PATIENCE
        found: dict[str, Pulse] = {}
        with self._lock:
            known = dict(self._held)
        waiting = sorted(
            (name for name in endpoints),
            key=lambda name: known[name][0].timestamp() if name in known else 0.0,
        )
        for name in waiting:
            held = known.get(name)
            if (held is None or held[0] != this) and time.perf_counter() < ends:
                held = (this, read(app, name, moment))
                with self._lock:
                    self._held[name] = held
            if held is not None:
                found[name] = held[1]
        return found
