"""A decision that a person looks at, and what they said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Conflict, Forbidden

State = Literal["open", "claimed", "answered", "lapsed"]


class ReviewTask(msgspec.Struct, frozen=True, kw_only=True):
    """One decision waiting for a person, by its id; `reason` says why it was sent.

    `proposed` is what the model would have answered. `answer` is what the person decided: the label
    that goes back to retraining. A task past `due` lapses to the endpoint's fallback.
    """

    kind: ClassVar[str] = "review_task"
    id: str
    endpoint: str
    decision: str
    reason: str
    proposed: str
    created: datetime
    due: datetime
    state: State = "open"
    claimed_by: str = ""
    claimed: datetime | None = None
    answer: str = ""
    answered: datetime | None = None
    note: str = ""

    @property
    def key(self) -> str:
        """Grouped by endpoint, then in order of time."""
        return f"{self.endpoint}/{self.id}"

    @property
    def waiting(self) -> bool:
        """Whether nobody has answered yet and it has not lapsed."""
        return self.state in ("open", "claimed")

    @property
    def overturned(self) -> bool:
        """Whether the person decided otherwise than the model proposed."""
        return self.state == "answered" and self.answer != self.proposed


def claim(task: ReviewTask, reviewer: str, now: datetime) -> ReviewTask:
    """The task in this reviewer's hands; raises `Conflict` when it is in another's or over."""
    if task.state == "claimed" and task.claimed_by == reviewer:
        return task
    if task.state != "open":
        by = f" by {task.claimed_by}" if task.state == "claimed" else ""
        raise Conflict(f"review task {task.id} is {task.state}{by}", remedy="take another task")
    return msgspec.structs.replace(task, state="claimed", claimed_by=reviewer, claimed=now)


def release(task: ReviewTask, reviewer: str) -> ReviewTask:
    """The task back in the queue; raises `Forbidden` unless the reviewer holds it."""
    _refuse_others(task, reviewer)
    return msgspec.structs.replace(task, state="open", claimed_by="", claimed=None)


def answer(
    task: ReviewTask, reviewer: str, decided: str, now: datetime, note: str = ""
) -> ReviewTask:
    """The task answered; raises `Forbidden` unless the reviewer holds it, `Conflict` if over."""
    _refuse_others(task, reviewer)
    if not decided.strip():
        raise Conflict(f"review task {task.id} needs a decision", remedy="say what is decided")
    return msgspec.structs.replace(task, state="answered", answer=decided, answered=now, note=note)


def lapse(task: ReviewTask, now: datetime) -> ReviewTask:
    """The task lapsed if it waits past its date, else the same object."""
    if task.waiting and now >= task.due:
        return msgspec.structs.replace(task, state="lapsed")
    return task


def abandoned(task: ReviewTask, now: datetime, patience: timedelta) -> bool:
    """Whether a reviewer has held it so long that it should go back to the queue."""
    return task.state == "claimed" and task.claimed is not None and now - task.claimed >= patience


def _refuse_others(task: ReviewTask, reviewer: str) -> None:
    if task.state != "claimed":
        raise Conflict(f"review task {task.id} is {task.state}", remedy="claim it first")
    if task.claimed_by != reviewer:
        raise Forbidden(f"review task {task.id} is in the hands of {task.claimed_by}")
