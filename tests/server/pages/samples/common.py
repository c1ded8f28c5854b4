"""What the sample views share: a clock, a reader, estimates and their judgement."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta

from seawall.kernel import Estimate, Outcome
from seawall.server.pages import views
from seawall.server.pages.views import Action, HistoryEntry, Input, Judged, Status, status_of

NOW = datetime(2026, 3, 12, 14, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GOOD, BAD = Status("good", "healthy"), Status("bad", "failing")
WAITING = Status("undecided", "undecided")
DECISION = "019ce2a4-51c7-7d1e-9a35-6f0c2b7e4d10"
ROLLOUT = "income/019ce1f0-0b2a-7c3d-8e4f-1a2b3c4d5e6f"
INCIDENT = "019ce29b-7f10-7aaa-9bbb-0c0d0e0f1011"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(text: str) -> int:
    return int(digest(text)[:8], 16)


def frame(**changes) -> views.Frame:
    plain = {
        "now": NOW,
        "csrf": "f3a91c",
        "user": views.User("mara", ("owner", "operator")),
        "open_incidents": 1,
        "demo": True,
    }
    return views.Frame(**(plain | changes))


def est(value, half, n=4_000, method="asymptotic", validity="fixed") -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, method, validity)


def judged(name, estimate, *, low=None, high=None, unit="", clause="", note="") -> Judged:
    bottom = -math.inf if low is None else low
    top = math.inf if high is None else high
    if bottom <= estimate.low and estimate.high <= top:
        outcome = Outcome.PASS
    elif estimate.high < bottom or estimate.low > top:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.UNDECIDED
    return Judged(
        name=name, status=status_of(outcome), estimate=estimate, low=low, high=high, unit=unit,
        clause=clause, note=note,
    )  # fmt: skip


def history(*lines) -> tuple[HistoryEntry, ...]:
    return tuple(
        HistoryEntry(time=NOW - ago, actor=who, text=text, entry=4_211 - 7 * i)
        for i, (ago, who, text) in enumerate(lines)
    )


def roll_back() -> Action:
    return Action(
        label="Roll back", post="/rollouts/income/roll-back", danger=True,
        effect="Sends the 5 % of traffic that v4 decides (about 420 decisions an hour) back to v3 within 10 seconds. The 9,871 decisions that v4 has made stay in the log; nobody's answer changes.",
        inputs=(Input(name="reason", label="Reason, for the audit log", required=True),),
    )  # fmt: skip
