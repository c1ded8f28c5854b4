"""What was done after a decision, and what it led to: actions, overrides, business events.

Each is told by the decision's id, at any time. Telling the same again, with the
time it happened, changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
Time = Annotated[datetime, msgspec.Meta(tz=True)] | None


class ActionTaken(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was done with a decision's output; a later action of the same decision replaces it.

    `time` is when it was done, None for on arrival.
    """

    decision_id: str
    action: Name
    by: Name | None = None
    reason: Text | None = None
    time: Time = None


class Override(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A person's answer in place of the model's: what it is now, who says so, and why."""

    decision_id: str
    output: Any
    reviewer: Name
    reason: Text
    time: Time = None


class BusinessEvent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that followed from a decision: a complaint, an appeal, a payment of `value`.

    `id` is the sender's own: the same id told again replaces what was told before. An event needs
    an `id` or a `time`, or a repeat could not be told from a second event.
    """

    decision_id: str
    name: Name
    value: float | None = None
    id: Name | None = None
    time: Time = None

    def __post_init__(self) -> None:
        if self.id is None and self.time is None:
            raise ValueError("an event needs an id or a time, to tell a repeat from another event")


FollowUp = ActionTaken | Override | BusinessEvent
