"""How much an endpoint takes on: requests a second, and requests at once."""

from __future__ import annotations

import msgspec


class Limits(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """None means no limit. `burst` is how many requests may come at once after a quiet time.

    The limits hold for all worker processes of a gateway together, those of a `caller_` for each
    caller. `shed_after_ms` is how long a request may queue while the queue never empties.
    """

    requests_per_second: float | None = None
    burst: int | None = None
    concurrency: int | None = None
    caller_requests_per_second: float | None = None
    caller_burst: int | None = None
    caller_concurrency: int | None = None
    shed_after_ms: float | None = None
    rows: int = 10_000
    """The most rows that one request may hold."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ValueError(f"the limit {name} must be above 0")


class Bucket(msgspec.Struct, frozen=True):
    """Lets `rate` requests a second through on the average, and `burst` at once.

    Over any span of t seconds at most `burst + rate · t` tokens are taken.
    """

    rate: float
    burst: float

    def level(self, tokens: float, last: float, now: float) -> float:
        """How many tokens there are now, of those that were there at `last`."""
        return min(self.burst, tokens + max(now - last, 0.0) * self.rate)

    def wait(self, tokens: float) -> float:
        """Seconds until there is a whole token."""
        return max(0.0, (1.0 - tokens) / self.rate)
