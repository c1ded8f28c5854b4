"""What came of a decision, told later by its id."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from seawall.kernel import BadInput, id_time

SHOWN = 64
"""Characters of an id or a label that is none, in the reply that says so; and of a class's name."""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome as a caller sends it, before it is known to be one."""

    decision_id: str
    label: Any
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The truth about one decision; `time` is when it was observed, None for on arrival.

    A label is 0 or 1, another number, or the name of a class. An outcome observed later corrects an
    earlier one of the same decision.
    """

    decision_id: Annotated[str, msgspec.Meta(max_length=64)]
    label: int | float | str
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    @property
    def binary(self) -> Literal[0, 1] | None:
        """The label of a two-class model; None where the label is something else."""
        if isinstance(self.label, str) or self.label not in (0, 1):
            return None
        return 1 if self.label else 0


class Rejected(msgspec.Struct, frozen=True):
    """An outcome that was not taken, and why."""

    decision_id: str
    why: str


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with the outcomes that were sent; `received` and `rejected` add up to those.

    Received means kept durably. Whether a decision is found for it, in time or late, shows in the
    counts of labels, which are of 0 and 1: it is joined after the reply.
    """

    received: int
    rejected: tuple[Rejected, ...] = ()


def checked(told: Iterable[Told]) -> tuple[list[Outcome], tuple[Rejected, ...]]:
    """The outcomes among what was told, and what is none: no id of ours, or no label."""
    outcomes: list[Outcome] = []
    rejected: list[Rejected] = []
    for one in told:
        try:
            id_time(one.decision_id)
            outcomes.append(Outcome(one.decision_id, _label(one.label), one.time))
        except BadInput as error:
            rejected.append(Rejected(one.decision_id[:SHOWN], str(error)))
    return outcomes, tuple(rejected)


def _label(given: Any) -> float | str:
    if isinstance(given, str) and 0 < len(given) <= SHOWN:
        return given
    if isinstance(given, int | float) and abs(given) < 1e300 and math.isfinite(given):
        return int(given) if given in (0, 1) else given
    shown = repr(given)
    shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
    raise BadInput(f"{shown} is no label", remedy="give 0 or 1, a number or the name of a class")
