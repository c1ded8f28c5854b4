"""What is made of an answer that a server gave its caller while Seawall only looked on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from seawall.serving.decide import Answer, Batch, Decider, Unanswered
from seawall.serving.guard import SEVERITY

Observed = Sequence[float] | Unanswered
"""Probabilities of label 1; no other kind of model is observed."""
ACTION = "observed"
"""The `action` of such a decision: the caller was given the server's answer, unchanged."""


def observed(decider: Decider, batch: Batch, said: Observed, at: datetime) -> list[Answer]:
    """The champion's answers to some rows as they were given, and what would have been done.

    Each has the verdict `pass`, since nothing was; `guards` and `reason` say which rules would have
    acted. Guards that ask another model are left out.
    """
    bundle = decider.bundle
    champion = bundle.arm("champion")
    assert champion is not None
    asked = (champion.name,)
    if isinstance(said, Unanswered):
        failed = Answer(champion, 1.0, None, None, None, reason=said.why, failed=True, asked=asked)
        return [failed] * len(batch.rows)
    lapsed = "" if decider.route(at).arms else f"the approval of {champion.version} has expired"
    return [
        _answer(decider, score, row, batch.why_bad if i in batch.bad else lapsed)
        for i, (score, row) in enumerate(zip(said, batch.rows, strict=True))
    ]


def _answer(decider: Decider, score: float, row: Sequence[float], why: str) -> Answer:
    bundle = decider.bundle
    champion = bundle.arm("champion")
    assert champion is not None
    trips = () if why else decider.guards.trips(score, row)
    acting = [t for t in trips if t.acts]
    if acting:
        worst = max(acting, key=lambda t: SEVERITY[t.action])
        why = f"{worst.action}: {worst.reason}"
    return Answer(
        champion,
        1.0,
        score,
        score,
        1 if score >= champion.threshold else 0,
        reason=f"would have been {why}" if acting else why or None,
        guards={t.name: t.said for t in trips},
        asked=(champion.name,),
    )
