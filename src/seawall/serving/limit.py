"""How much an endpoint takes on: requests a second, and requests at once."""

from __future__ import annotations

import msgspec


class Limits(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """None means no limit. `burst` is how many requests may come at once after a quiet time."""

    requests_per_second: float | None = None
    burst: int | None = None
    concurrency: int | None = None
    rows: int = 10_000
    """The most rows that one request may hold."""

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "burst", "concurrency", "rows"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ValueError(f"the limit {name} must be above 0")


class TokenBucket:
    """Lets `rate` requests a second through on the average, and `burst` at once.

    Over any span of t seconds at most `burst + rate · t` pass.
    """

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._last = rate, burst, burst, now

    def take(self, now: float) -> float:
        """Take a token at this moment (seconds, any origin); else the seconds until there is one.

        0 means that it was taken.
        """
        elapsed = max(now - self._last, 0.0)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._last = max(now, self._last)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate
