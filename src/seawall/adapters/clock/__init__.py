"""Clocks that come from outside the process: the machine's, or one that a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from seawall.adapters.clock.file import FileClock
from seawall.kernel import BadInput, Clock, SystemClock

__all__ = ["FileClock", "clock_of"]


class ClockSetting(Protocol):
    """Settings that say which clock to use: `system`, or `file:PATH` for a `FileClock`."""

    @property
    def clock(self) -> str:
        """The name of the clock."""
        ...


def clock_of(settings: ClockSetting) -> Clock:
    """The clock that the settings name; `BadInput` when it is none, and what `FileClock` raises."""
    name = settings.clock
    if name == "system":
        return SystemClock()
    if name.startswith("file:") and len(name) > 5:
        return FileClock(Path(name[5:]))
    remedy = "write system or file:PATH"
    raise BadInput(f"no clock {name[:60]!r}", where="setting clock", remedy=remedy)
