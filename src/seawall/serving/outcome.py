"""What came of a decision, told later by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec


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


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway did with the outcomes it was sent; the counts add up to those of 0 or 1.

    Other labels are kept in the log, and are in no cohort."""

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
