"""How strict one look must be so that a monitor without end seldom alarms falsely."""

from __future__ import annotations

from datetime import timedelta

import msgspec

YEAR = timedelta(days=365)


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """Looks once per `interval` at each of `streams`, the watched tables, for ever.

    A table is an endpoint's inputs, or one segment of them; whoever looks at several columns and
    measures of a table splits its level over them (`watch` does), so that one budget is shared.

    The error is spent by rate over hours, not over a finite number of looks: every look of every
    stream gets the level interval / (mean_time_between_false_alarms x streams). The expected number
    of false alarms of the whole deployment in any span is then at most span / mean time, however
    the looks depend on one another (expectations add).
    """

    interval: timedelta = timedelta(hours=1)
    mean_time_between_false_alarms: timedelta = YEAR
    streams: int = 1

    def __post_init__(self) -> None:
        if not timedelta(0) < self.interval < self.mean_time_between_false_alarms:
            raise ValueError("interval must be positive and below mean_time_between_false_alarms")
        if self.streams < 1:
            raise ValueError("a deployment watches at least one stream")

    @property
    def alpha(self) -> float:
        """The level of one look at one stream, in (0, 1)."""
        return self.interval / self.mean_time_between_false_alarms / self.streams

    @property
    def confidence(self) -> float:
        """1 - alpha."""
        return 1 - self.alpha

    @property
    def sentence(self) -> str:
        """The correction in words, for reports."""
        days = self.mean_time_between_false_alarms / timedelta(days=1)
        hours = self.interval / timedelta(hours=1)
        return (
            f"one look per {hours:g} h at level {self.alpha:.2g}, so that "
            f"{f'{self.streams} streams together alarm' if self.streams > 1 else 'it alarms'} "
            f"falsely at most once in {days:g} days on average"
        )
