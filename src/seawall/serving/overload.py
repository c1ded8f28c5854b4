"""Turning callers away before everybody waits: by how long requests queue, and how many run."""

from __future__ import annotations

import math

INTERVAL_SECONDS = 0.1


class QueueDelay:
    """Sheds requests that waited too long, which is little while the queue never empties.

    A burst may wait for the whole `interval`; once the queue has stood for an interval, that is,
    neither emptied nor let anybody through within `target`, who waited longer than `target` is
    shed, until one comes through in time. A request that arrived after the one before it had its
    turn found the queue empty. Seconds of a steady clock. Source: B. Maurer, "Fail at Scale", ACM
    Queue 13(8), 2015, on CoDel (RFC 8289) for callers who do not slow down when they are refused.
    """

    def __init__(self, target: float, interval: float = INTERVAL_SECONDS) -> None:
        self._target, self._interval = target, interval
        self._in_time = self._last = -math.inf
        """When a request last came through within the target, or found the queue empty; and when
        one last had its turn."""

    def shed(self, waited: float, now: float) -> bool:
        """Whether to turn this request away, whose turn it is."""
        first, arrived = self._last == -math.inf, now - waited
        if arrived > self._last:
            self._in_time = arrived
        self._last = now
        if waited < self._target or first:
            self._in_time = now
            return False
        standing = now - self._in_time > self._interval
        return waited > (self._target if standing else self._interval)


class AdaptiveLimit:
    """How many requests may be under way, between `least` and `most`: what the server takes.

    After each reply the limit moves to `limit · min(1, tolerance · least RTT / RTT) + √limit`, a
    fifth of the way at a time; it grows only while it is used. RTT is the mean round-trip time of
    about the last `replies`, so that a server with some fast answers is not held to those. The
    least is that of the last minute, so that one that has become slower for good is not throttled
    for ever. Source: the gradient limit of Netflix's concurrency-limits, whose form this is.
    """

    tolerance = 1.5
    memory_seconds = 60.0
    replies = 32

    def __init__(self, most: int, least: int = 1, start: int = 4) -> None:
        self._most, self._least = float(most), float(least)
        self._limit = min(float(start), self._most)
        self._best, self._before, self._since = math.inf, math.inf, 0.0
        self._seen, self.typical = 0, 0.0
        """The mean round-trip time of late, in seconds; 0 before the first reply."""

    @property
    def limit(self) -> int:
        """The present limit."""
        return int(self._limit)

    def record(self, seconds: float, under_way: int, now: float) -> None:
        """Note a reply: its round-trip time, and how many requests were under way with it."""
        if now - self._since > self.memory_seconds / 2:
            self._before, self._best, self._since = self._best, math.inf, now
        self._seen = min(self._seen + 1, self.replies)
        self.typical += (seconds - self.typical) / self._seen
        if self._seen == self.replies:  # the mean of fewer would be the least by chance
            self._best = min(self._best, self.typical)
        best, mean = min(self._best, self._before), self.typical
        gradient = max(0.5, min(1.0, self.tolerance * best / mean)) if mean > 0 else 1.0
        aim = self._limit * gradient + math.sqrt(self._limit)
        if aim > self._limit and 2 * under_way < self._limit:
            return  # not in use: it says nothing of what the server takes
        self._limit = max(self._least, min(self._most, 0.8 * self._limit + 0.2 * aim))

    def failed(self) -> None:
        """Note a request that timed out or was refused: back off at once."""
        self._limit = max(self._least, 0.7 * self._limit)
