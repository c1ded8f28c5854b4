"""What came of a decision, told later by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The true label of one decision; `time` is when it was observed, None for on arrival.

    A later outcome of the same decision corrects the earlier one.
    """

    decision_id: Annotated[str, msgspec.Meta(max_length=64)]
    label: Literal[0, 1]
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway did with the outcomes it was sent; the counts add up to those sent."""

    joined: int = 0
    """Matched to a decision and counted in its cohort."""
    corrected: int = 0
    """Replaced an earlier label of the same decision."""
    late: int = 0
    """Matched, but older than the cohort's fixed label age: counted as late, not in the cohort."""
    unknown: int = 0
    """No decision with this id is held here."""
    unknown_ids: tuple[str, ...] = ()
    """The first ten of them."""
