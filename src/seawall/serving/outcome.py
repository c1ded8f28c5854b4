"""What came of a decision, told later by its id."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from seawall.kernel import BadInput, id_time

SHOWN = 64
"""Characters of an id that is none, in the reply that says so."""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome as a caller sends it, before it is known to be one."""

    decision_id: str
    label: Any
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The true label of one decision; `time` is when it was observed, None for on arrival.

    A later outcome of the same decision corrects the earlier one.
    """

    decision_id: str
    label: Literal[0, 1]
    time: datetime | None = None


class Rejected(msgspec.Struct, frozen=True):
    """An outcome that was not taken, and why."""

    decision_id: str
    why: str


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with the outcomes that were sent; `received` and `rejected` add up to those.

    Received means kept durably. Whether a decision is found for it, in time or late, shows in the
    counts of labels: it is joined after the reply.
    """

    received: int
    rejected: tuple[Rejected, ...] = ()


def checked(told: Iterable[Told]) -> tuple[list[Outcome], tuple[Rejected, ...]]:
    """The outcomes among what was told, and what is none: no id of ours, or no label 0 or 1."""
    outcomes: list[Outcome] = []
    rejected: list[Rejected] = []
    for one in told:
        try:
            id_time(one.decision_id)
            outcomes.append(Outcome(one.decision_id, _label(one.label), one.time))
        except BadInput as error:
            rejected.append(Rejected(one.decision_id[:SHOWN], str(error)))
    return outcomes, tuple(rejected)


def _label(given: Any) -> Literal[0, 1]:
    if isinstance(given, int | float) and given in (0, 1):
        return 1 if given else 0
    shown = repr(given)
    shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
    raise BadInput(f"{shown} is no label", remedy="give 0 or 1")
