"""How far a long reading is, on one line of the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

QUICK = 1.0
"""Seconds of which nothing is told."""
WIDTH = 20
ERASE = "\r\x1b[K"


class Bar:
    """Rows read, their rate and the remaining time, once a reading takes more than a second."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._what, self._began, self._shown = "", 0.0, False

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Told after each piece; the line goes when all rows were read."""
        now = self._clock()
        if what != self._what:
            self._what, self._began = what, now
        spent = now - self._began
        if spent > QUICK and done and (total is None or done < total):
            self._write(f"{ERASE}{line(what, done, total, spent)}")
            self._shown = True
        elif self._shown:
            self._write(ERASE)
            self._shown = False

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def line(what: str, done: int, total: int | None, spent: float) -> str:
    """What is shown: within 80 characters for fewer than a billion rows."""
    rate = done / spent
    speed = f"{rate:,.0f} rows/s"
    if total is None:
        return f"{what}: {done:,} rows, {speed}"
    full = round(WIDTH * done / total)
    left = (total - done) / rate
    bar = "█" * full + "░" * (WIDTH - full)
    return f"{what} {bar} {done / total:.0%} of {total:,}, {speed}, {left:.0f} s left"
