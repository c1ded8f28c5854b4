"""Error budgets: what is left of each, how it was used up, how fast it burns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from seawall.app.root import App
from seawall.app.watch import event_counts
from seawall.kernel import to_ns
from seawall.server.pages import formats, views
from seawall.server.pages.views import Status
from seawall.server.queries.words import share
from seawall.slo.budget import budget, total_over
from seawall.slo.burn import rows_for
from seawall.slo.objective import COUNTER, Counts, Objective

STEPS = 40
NAMES = {"availability": "Answers", "latency": "Fast answers", "quality": "Right answers"}


def budgets(app: App, endpoint: str, moment: datetime) -> tuple[views.Budget, ...]:
    """Every objective of an endpoint."""
    objectives = app.store.find(Objective, f"{endpoint}/")
    counted = event_counts(app, objectives)
    return tuple(_budget(o, counts, moment) for o, counts in counted.items())


def _budget(objective: Objective, counts: Sequence[Counts], moment: datetime) -> views.Budget:
    spent = budget(objective, counts, moment)
    burns: list[views.BurnRate] = []
    for row in rows_for(objective):
        good, total = total_over(counts, row.long, moment)
        rate = (total - good) / total / objective.allowed if total else 0.0
        burns.append(views.BurnRate(row.name.split("/")[0], rate, row.factor))
    over = any(b.rate > b.alert_at for b in burns)
    if not spent.total:
        status = Status("undecided", "no events")
    elif spent.remaining <= 0:
        status = Status("bad", "used up")
    elif over:
        status = Status("warning", "burning")
    else:
        status = Status("good", "within")
    return views.Budget(
        name=NAMES[objective.indicator],
        objective=_told(objective),
        left=spent.remaining,
        status=status,
        history=_history(objective, counts, moment),
        burns=tuple(burns),
        note=_note(spent.total, spent.good, objective.indicator),
    )


def _told(o: Objective) -> str:
    days = f"{o.window.days} days"
    if o.indicator == "availability":
        return f"{share(o.target)} answered by the model, {days}"
    if o.indicator == "latency":
        return f"{share(o.target)} within {o.threshold_ms:g} ms, {days}"
    return f"{share(o.target)} of matured labels right, {days}"


def _note(total: int, good: int, indicator: str) -> str:
    if not total:
        return "No event was counted in its window."
    what = "labels wrong" if indicator == "quality" else "requests bad"
    return f"{formats.count(total - good)} of {formats.count(total)} {what}"


def _history(objective: Objective, counts: Sequence[Counts], moment: datetime) -> tuple[float, ...]:
    """What was left at equal steps from the first event, or the window's start, up to now."""
    if not counts:
        return ()
    starts = np.array([to_ns(c.start) for c in counts], np.int64)
    good = _sums([c.good for c in counts])
    total = _sums([c.total for c in counts])
    first = max(counts[0].start, moment - objective.window)
    step = (moment - first) / STEPS
    if step <= timedelta(0):
        return ()
    left: list[float] = []
    for i in range(STEPS + 1):
        until = first + i * step
        since = until - objective.window - COUNTER
        a, b = np.searchsorted(starts, [to_ns(since), to_ns(until)], "right")
        n = int(total[b] - total[a])
        bad = n - int(good[b] - good[a])
        left.append(1 - bad / n / objective.allowed if n else 1.0)
    return tuple(left)


def _sums(values: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.array(values, np.int64))])
