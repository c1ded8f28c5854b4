"""The review queue of an endpoint: its capacity, its order and its measures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Estimate
from seawall.review.task import ReviewTask

Overflow = Literal["fall_back", "drop_oldest"]


class ReviewQueue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many decisions may wait, how long (seconds), and what happens to one too many.

    On overflow `fall_back` sends the new decision to the endpoint's fallback; `drop_oldest` lets
    the task due first lapse to make room.
    """

    kind: ClassVar[str] = "review_queue"
    endpoint: str
    capacity: int = 100
    within: float = 86_400.0
    on_overflow: Overflow = "fall_back"

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.within <= 0:
            raise ValueError("a review queue has a capacity of at least 1 and a positive time")

    @property
    def key(self) -> str:
        """One per endpoint."""
        return self.endpoint


class Admission(msgspec.Struct, frozen=True):
    """Whether a new task is taken, and the task that lapses for it, if any."""

    taken: bool
    lapsed: ReviewTask | None = None


def admit(queue: ReviewQueue, tasks: Iterable[ReviewTask]) -> Admission:
    """What becomes of one more decision, given the endpoint's tasks."""
    waiting = ordered(tasks)
    if len(waiting) < queue.capacity:
        return Admission(True)
    if queue.on_overflow == "fall_back":
        return Admission(False)
    return Admission(True, msgspec.structs.replace(waiting[0], state="lapsed"))


def new_task(
    queue: ReviewQueue,
    *,
    id: str,  # noqa: A002 -- the field's name
    decision: str,
    reason: str,
    proposed: str,
    now: datetime,
) -> ReviewTask:
    """A task of this queue, due after the queue's time."""
    return ReviewTask(
        id=id,
        endpoint=queue.endpoint,
        decision=decision,
        reason=reason,
        proposed=proposed,
        created=now,
        due=now + timedelta(seconds=queue.within),
    )


def ordered(tasks: Iterable[ReviewTask]) -> list[ReviewTask]:
    """The waiting tasks, the one due first at the head."""
    return sorted((t for t in tasks if t.waiting), key=lambda t: (t.due, t.id))


class ReviewMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """M11 of reviews: share of decisions reviewed, share overturned, time to answer.

    Shares are None without a denominator; `median_latency` is from creation to answer.
    """

    waiting: int
    lapsed: int
    review_rate: Estimate | None
    overturn_rate: Estimate | None
    median_latency: timedelta | None


def review_measures(
    tasks: Iterable[ReviewTask], decisions: int, confidence: float = 0.95
) -> ReviewMeasures:
    """The measures of these tasks among so many decisions of the endpoint."""
    from seawall.statistics.sequential import proportion

    known = list(tasks)
    answered = [t for t in known if t.state == "answered"]
    spans = sorted(t.answered - t.created for t in answered if t.answered)
    overturned = sum(t.overturned for t in answered)
    return ReviewMeasures(
        waiting=sum(t.waiting for t in known),
        lapsed=sum(t.state == "lapsed" for t in known),
        review_rate=proportion(len(known), decisions, confidence) if decisions else None,
        overturn_rate=proportion(overturned, len(answered), confidence) if answered else None,
        median_latency=spans[(len(spans) - 1) // 2] if spans else None,
    )
