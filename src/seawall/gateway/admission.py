"""Whether an endpoint takes on one more request: rates, requests under way, time spent queueing."""

from __future__ import annotations

from typing import NamedTuple

from seawall.gateway.shared import LEASE_SECONDS, Shared, key_of
from seawall.kernel import SeawallError
from seawall.serving.limit import Bucket, Limits
from seawall.serving.overload import QueueDelay

CALLERS = 10_000
"""Callers whose leases are remembered; past that all are leased anew."""


class Limited(SeawallError):
    """Turned away by a limit: with this status, to come back after so many seconds."""

    def __init__(self, status: int, wait: float, why: str) -> None:
        super().__init__(why, remedy="try again later")
        self.status, self.wait = status, wait


class Admission:
    """`enter` before a request is looked at, `leave` after it was answered."""

    def __init__(self, endpoint: str, limits: Limits, shared: Shared) -> None:
        self._limits, self._shared, self._endpoint = limits, shared, endpoint
        self._key, self._mine = key_of(endpoint), 0
        self._counted = limits.concurrency is not None
        self._rate = _rate(shared, self._key, limits.requests_per_second, limits.burst)
        self._callers: dict[str, _Caller] = {}
        shed = limits.shed_after_ms
        self._queue = None if shed is None else QueueDelay(shed / 1e3)
        self._by_caller = (
            limits.caller_requests_per_second is not None or limits.caller_concurrency is not None
        )

    @property
    def here(self) -> int:
        """Requests under way in this worker."""
        return self._mine

    @property
    def under_way(self) -> int:
        """Requests that entered and have not left; of all workers where their number is limited."""
        return self._shared.under_way(self._key) if self._counted else self._mine

    def enter(self, caller: str, waited: float, now: float) -> None:
        """Let one more request in, or raise `Limited`.

        `waited` is how long requests queue at present; times are of the machine's steady clock.
        """
        limits = self._limits
        if self._queue and self._queue.shed(waited, now):
            raise Limited(503, 1.0, f"requests wait for {1e3 * waited:.0f} ms")
        if limits.concurrency is not None and self.under_way >= limits.concurrency:
            raise Limited(503, 1.0, f"{limits.concurrency} requests are under way")
        if self._by_caller:
            self._enter_caller(caller, now)
        if self._rate and (wait := self._rate.take(now)):
            rate = limits.requests_per_second
            raise Limited(429, wait, f"the limit of {rate:g} requests a second is reached")
        self._mine += 1
        if self._counted:
            self._shared.add(self._key, 1)
        if limits.caller_concurrency is not None:
            self._shared.add(self._caller(caller).key, 1)

    def leave(self, caller: str) -> None:
        """Note that the request was answered."""
        self._mine -= 1
        if self._counted:
            self._shared.add(self._key, -1)
        if self._limits.caller_concurrency is not None:
            self._shared.add(self._caller(caller).key, -1)

    def _enter_caller(self, caller: str, now: float) -> None:
        limits, known = self._limits, self._caller(caller)
        most = limits.caller_concurrency
        if most is not None and self._shared.under_way(known.key) >= most:
            raise Limited(429, 1.0, f"{most} requests of this caller are under way")
        if known.rate and (wait := known.rate.take(now)):
            rate = limits.caller_requests_per_second
            raise Limited(429, wait, f"the limit of {rate:g} requests a second a caller is reached")

    def _caller(self, caller: str) -> _Caller:
        known = self._callers.get(caller)
        if known is None:
            if len(self._callers) >= CALLERS:
                self._callers.clear()
            key, limits = key_of(self._endpoint, caller), self._limits
            rate = _rate(self._shared, key, limits.caller_requests_per_second, limits.caller_burst)
            known = self._callers[caller] = _Caller(key, rate)
        return known


class _Rate:
    """A worker's leased tokens of one bucket."""

    def __init__(self, shared: Shared, key: int, bucket: Bucket) -> None:
        self._shared, self._key, self._bucket = shared, key, bucket
        self._chunk = max(1.0, min(bucket.rate * LEASE_SECONDS / 2, bucket.burst / 8))
        self._tokens = self._until = 0.0

    def take(self, now: float) -> float:
        """Take a token; else the seconds until there may be one. 0 means that it was taken."""
        if self._tokens < 1.0 or now >= self._until:
            self._tokens, wait = self._shared.lease(self._key, self._bucket, self._chunk, now)
            self._until = now + LEASE_SECONDS
            if not self._tokens:
                return wait
        self._tokens -= 1.0
        return 0.0


class _Caller(NamedTuple):
    key: int
    rate: _Rate | None


def _rate(shared: Shared, key: int, rate: float | None, burst: int | None) -> _Rate | None:
    if rate is None:
        return None
    return _Rate(shared, key, Bucket(rate, float(burst or max(rate, 1.0))))
