"""How long a request queues for the event loop: how late a timer of the loop fires."""

from __future__ import annotations

import asyncio
from time import monotonic

EVERY_SECONDS = 0.005


class LoopLag:
    """Begins with the first `seconds`, on the loop that asks; one timer every 5 ms."""

    def __init__(self) -> None:
        self._due, self._last = 0.0, 0.0

    def seconds(self, now: float) -> float:
        """The last delay, or the present one if the timer is overdue for longer."""
        if not self._due:
            self._beat()
        return max(self._last, now - self._due)

    def last(self, now: float) -> float:
        """The same, from any thread; 0 before the loop was asked."""
        return max(self._last, now - self._due) if self._due else 0.0

    def _beat(self) -> None:
        now = monotonic()
        self._last = max(0.0, now - self._due) if self._due else 0.0
        self._due = now + EVERY_SECONDS
        asyncio.get_running_loop().call_later(EVERY_SECONDS, self._beat)
