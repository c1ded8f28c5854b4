"""One endpoint as it is served now: a bundle with its models, limits and kill switch."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from seawall.serving.bundle import Bundle
from seawall.serving.decide import Decider, Model
from seawall.serving.limit import TokenBucket
from seawall.serving.telemetry import parts_key


class Cohort(msgspec.Struct, frozen=True, array_like=True):
    """What the decisions of one arm have in common when their labels come."""

    endpoint: str
    version: str
    arm: str
    threshold: float
    columns: tuple[str, ...]
    label_age_ns: int


class Live:
    """Immutable but for the counts of requests; a new bundle makes a new one."""

    def __init__(self, bundle: Bundle, models: Mapping[str, Model], *, killed: bool) -> None:
        self.bundle, self.digest = bundle, bundle.digest
        self.bundle_digest = str(self.digest)
        self.policy_digest = None if bundle.policy is None else str(bundle.policy)
        self.version_digests = {a.name: str(a.artefact) for a in bundle.arms}
        self.decider = Decider(bundle, models)
        self.killed = killed
        self.names = bundle.signature.names
        self.kept = tuple(dict.fromkeys((*self.names, *bundle.protected)))
        """Fields of the request that go into the decision log."""
        self.grids = dict(bundle.grids)
        self.grids_key = parts_key({name: grid.digest for name, grid in self.grids.items()})
        self.champion = next(a for a in bundle.arms if a.name == "champion")
        self.shadow = bundle.arm("shadow")
        self.requests = 0
        """Under way."""
        rate = bundle.limits.requests_per_second
        burst = float(bundle.limits.burst or max(rate or 0.0, 1.0))
        self._bucket = TokenBucket(rate, burst, time.monotonic()) if rate else None

    def admit(self) -> tuple[int, float, str]:
        """Whether one more request may come: (status, seconds to wait, why); 200 if it may."""
        most = self.bundle.limits.concurrency
        if most is not None and self.requests >= most:
            return 503, 1.0, f"{most} requests are under way"
        wait = self._bucket.take(time.monotonic()) if self._bucket else 0.0
        if wait:
            rate = self.bundle.limits.requests_per_second
            return 429, wait, f"the limit of {rate:g} requests a second is reached"
        return 200, 0.0, ""
