"""How often everything that watches one endpoint may alarm falsely."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec


class AlarmBudget(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One budget for each contract, shared by all that is watched of an endpoint.

    Of `days_between_false_alarms` half is spent by the hourly look at drift, half by the monitors
    that do not end. `alpha` is the probability that any monitor of the contract `ever` alarms
    falsely while one champion serves.
    """

    days_between_false_alarms: Annotated[float, msgspec.Meta(ge=1)] = 365.0
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05

    @property
    def between(self) -> timedelta:
        """The mean time between false alarms of everything together."""
        return timedelta(days=self.days_between_false_alarms)
