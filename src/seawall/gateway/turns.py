"""Whose turn it is to ask a remote server: as many at once as it takes, a few more waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from seawall.gateway.admission import Limited
from seawall.serving.overload import AdaptiveLimit

PATIENCE = 0.5
"""The share of its time-out that a request may wait for its turn."""


class Turns:
    """`await take()` before a request, `give` after it, on one event loop.

    What can be seen to wait for longer than its patience is turned away at once, and what does wait
    for longer is too: the wait never adds more than that to the tail.
    """

    def __init__(
        self, name: str, most: int, timeout: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._name, self._clock = name, clock
        self._patience = PATIENCE * timeout
        self._limit = AdaptiveLimit(most)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.under_way = 0

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit.limit

    def take_now(self) -> bool:
        """Take a turn if there is no need to wait."""
        if self.under_way < self._limit.limit and not self._waiting:
            self.under_way += 1
            return True
        return False

    async def take(self) -> None:
        """Wait for a turn, or raise `Limited`."""
        if self.take_now():
            return
        turn = self.queue()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came as the wait ended
                self.leave()
            raise

    def queue(self) -> asyncio.Future[None]:
        """A turn to come, or its `Limited`; raises that where it can be seen already."""
        expected = (len(self._waiting) + 1) * self._limit.typical / self._limit.limit
        if expected > self._patience:
            raise self._busy(expected)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._patience, self._give_up, turn)
        turn.add_done_callback(lambda _: timer.cancel())
        return turn

    def give(self, seconds: float | None) -> None:
        """End a turn: after a reply that took so long, or None for one that did not come in time.

        A reply may be an error: what is learned here is how much the server takes, not how well.
        """
        if seconds is None:
            self._limit.failed()
        else:
            self._limit.record(seconds, self.under_way, self._clock())
        self.leave()

    def leave(self) -> None:
        """End a turn in which nothing was learned of the server."""
        self.under_way -= 1
        while self._waiting and self.under_way < self._limit.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            turn.set_exception(self._busy(self._patience))

    def _busy(self, wait: float) -> Limited:
        return Limited(503, wait, f"the upstream {self._name} is busy")
