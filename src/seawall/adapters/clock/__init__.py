"""Clocks that come from outside the process: the machine's, or one that a file holds."""

from __future__ import annotations

from pathlib import Path

from seawall.adapters.clock.file import FileClock
from seawall.kernel import BadInput, Clock, SystemClock

__all__ = ["FileClock", "clock_of"]


def clock_of(text: str) -> Clock:
    """The clock that a setting names: `system`, or `file:PATH` for a `FileClock`.

    Raises `BadInput` for anything else, and what `FileClock` raises.
    """
    if text == "system":
        return SystemClock()
    if text.startswith("file:") and len(text) > 5:
        return FileClock(Path(text[5:]))
    raise BadInput(f"no clock {text[:60]!r}", remedy="write system or file:PATH")
