"""Which arms may answer now, with which share, and which row an approval does not reach."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from seawall.serving.bundle import Arm, Bundle
from seawall.serving.condition import Where
from seawall.serving.route import Route, within_share


class Routed(NamedTuple):
    """A route, its arms with their shares in its order, and how many approvals had expired then."""

    passed: int
    route: Route
    shares: tuple[tuple[Arm, float], ...]


class Routing:
    """A bundle's routes by time, as the approvals of its arms allow them."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.limits = {
            a.name: Where(a.conditions.where, bundle.signature, f"the approval of {a.version}")
            for a in bundle.arms
            if a.conditions.where
        }
        """By arm, to which rows an approval is limited."""
        self._expiries = sorted(a.conditions.expires for a in bundle.arms if a.conditions.expires)
        self._named = {a.name: a for a in bundle.arms}
        self._routed = Routed(-1, Route({}), ())

    def at(self, at: datetime) -> Routed:
        """The route at this moment; without arms if none may answer.

        Threads ask at once, and a decision may wait between its steps: what was got stays whole.
        """
        passed = bisect_right(self._expiries, at) if self._expiries else 0
        routed = self._routed
        if passed != routed.passed:
            route = Route(self._bundle.weights(at))
            shares = tuple((self._named[name], share) for name, share in route.probability.items())
            self._routed = routed = Routed(passed, route, shares)
        return routed

    def is_past(self, expires: datetime | None, routed: Routed) -> bool:
        """Whether this expiry of an approval lies before the time of the route."""
        return expires is not None and self._expiries.index(expires) < routed.passed

    def reaches(self, arm: str, row: Sequence[float]) -> bool:
        """Whether the arm's approval reaches this row."""
        limit = self.limits.get(arm)
        return limit is None or limit(row)

    def barred(self, arm: Arm, row: Sequence[float], position: float, routed: Routed) -> str:
        """Why an arm may not answer a row in another's place; empty if it may."""
        if self.is_past(arm.conditions.expires, routed):
            return f"the approval of {arm.version} has expired"
        if not self.reaches(arm.name, row):
            return f"outside what the approval of {arm.version} allows"
        share = arm.conditions.traffic_share_max
        if within_share(routed.route, arm.name, position, share):
            return ""
        return f"{arm.version} is approved for {share:.4g} of the traffic"

    def allowed(
        self, arm: Arm, share: float, row: Sequence[float], routed: Routed
    ) -> tuple[Arm, float]:
        """The arm of a row: the champion where the approval of another does not reach.

        The champion's probability is then the sum of its own share and of theirs.
        """
        if not self.limits:
            return arm, share
        champion = self._named["champion"]
        barred = [
            s for a, s in routed.shares if a is not champion and not self.reaches(a.name, row)
        ]
        if arm is champion or not self.reaches(arm.name, row):
            return champion, sum(s for a, s in routed.shares if a is champion) + sum(barred)
        return arm, share
