"""Time: the one clock, moments in nanoseconds, windows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec


@runtime_checkable
class Clock(Protocol):
    """The one source of wall-clock time. Latencies use `time.perf_counter`, never this."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self, start: datetime) -> None:
        self._ns = to_ns(start)

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return self._ns

    def advance(self, by: timedelta) -> None:
        """Move the clock by this much; negative jumps back."""
        self._ns += by // timedelta(microseconds=1) * 1_000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(moment: datetime) -> int:
    """A datetime (with zone) as nanoseconds since the epoch, exact to the microsecond."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def from_ns(ns: int) -> datetime:
    """Nanoseconds since the epoch as a datetime in UTC, cut to the microsecond."""
    return _EPOCH + timedelta(0, 0, ns // 1_000)


def now(clock: Clock) -> datetime:
    """The clock's present moment in UTC."""
    return from_ns(clock.now_ns())


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time, `start <= t < end`."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @classmethod
    def containing(cls, moment: datetime, size: timedelta) -> Window:
        """The window of this size, aligned to the epoch, that holds the moment."""
        step = size // timedelta(microseconds=1) * 1_000
        start = to_ns(moment) // step * step
        return cls(from_ns(start), from_ns(start + step))
