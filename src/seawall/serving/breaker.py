"""A circuit breaker: a model that keeps failing is left alone for a while, then tried carefully."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["closed", "open", "half-open"]


class Breaking(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """When a circuit opens: this share of calls failed among at least `calls` in `window_seconds`.

    It stays open for `open_seconds`, then lets one call at a time through; `trials` successes in a
    row close it, one failure opens it again, each time for twice as long, up to `longest_seconds`.
    """

    failures: float = 0.5
    calls: int = 20
    window_seconds: float = 10.0
    open_seconds: float = 5.0
    longest_seconds: float = 60.0
    trials: int = 3

    def __post_init__(self) -> None:
        if not 0.0 < self.failures <= 1.0:
            raise ValueError("a breaker's share of failures lies in (0, 1]")
        for name in ("calls", "window_seconds", "open_seconds", "longest_seconds", "trials"):
            if not getattr(self, name) > 0:
                raise ValueError(f"a breaker's {name} must be above 0")


class Breaker:
    """`allow` before a call, `record` after it. Times are seconds of a clock that never goes back.

    Calls are counted in two halves of the window, so that its memory is constant: a failure counts
    for at least half a window and at most a whole one.
    """

    def __init__(self, rule: Breaking) -> None:
        self._rule = rule
        self._half = rule.window_seconds / 2
        self._counts = [[0, 0], [0, 0]]
        """Calls and failures of the last half window and of this one."""
        self._began = 0.0
        self._opened_for = rule.open_seconds
        self._retry_at = 0.0
        self._successes = 0
        self._trying_since: float | None = None
        self.state: State = "closed"

    def allow(self, now: float) -> bool:
        """Whether the model may be asked now."""
        if self.state == "closed":
            return True
        if self.state == "open" and now >= self._retry_at:
            self.state, self._successes, self._trying_since = "half-open", 0, None
        if self.state == "open":
            return False
        # a trial whose result never came (its caller was cancelled) must not block for ever
        if self._trying_since is not None and now < self._trying_since + self._rule.open_seconds:
            return False
        self._trying_since = now
        return True

    def record(self, *, failed: bool, now: float) -> None:
        """Note how a call that was allowed went."""
        if self.state == "half-open":
            self._trying_since = None
            if failed:
                self._opened_for = min(2 * self._opened_for, self._rule.longest_seconds)
                self._open(now)
            else:
                self._successes += 1
                if self._successes >= self._rule.trials:
                    self._opened_for = self._rule.open_seconds
                    self.state, self._counts = "closed", [[0, 0], [0, 0]]
        elif self.state == "closed":
            self._turn(now)
            self._counts[1][0] += 1
            if failed:
                self._counts[1][1] += 1
                calls, failures = (a + b for a, b in zip(*self._counts, strict=True))
                if calls >= self._rule.calls and failures >= self._rule.failures * calls:
                    self._open(now)

    def _open(self, now: float) -> None:
        self.state, self._retry_at = "open", now + self._opened_for

    def _turn(self, now: float) -> None:
        age = now - self._began
        if age >= 2 * self._half:
            self._counts, self._began = [[0, 0], [0, 0]], now
        elif age >= self._half:
            self._counts, self._began = [self._counts[1], [0, 0]], self._began + self._half
