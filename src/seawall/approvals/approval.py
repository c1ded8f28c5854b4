"""An approval: two answers by one identity, and the limits they hold under.

Suitable for the intended use, and the risk rating affirmed, are asked apart (PRA SS1/23, P2.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import BadInput, Digest


class Conditions(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The limits of a conditional approval, which the gateway enforces.

    `traffic_share` is the largest share of requests, in (0, 1]; `segment` maps input columns to
    the values allowed; `amount` is the largest amount one decision may be about, in the model's
    own currency; at `expires` the approval lapses by itself.
    """

    traffic_share: float | None = None
    segment: dict[str, tuple[str, ...]] = {}
    amount: float | None = None
    expires: datetime | None = None

    def __post_init__(self) -> None:
        if self.traffic_share is not None and not 0 < self.traffic_share <= 1:
            raise BadInput(
                f"traffic share {self.traffic_share:g} is not in (0, 1]", remedy="write 0.05 for 5%"
            )
        if self.amount is not None and not self.amount > 0:
            raise BadInput(f"amount {self.amount:g} is not positive")
        if self.expires is not None and self.expires.tzinfo is None:
            raise BadInput("the expiry has no time zone", remedy="write 2026-06-30T00:00:00Z")

    @property
    def text(self) -> str:
        """The limits as a person reads them; empty when there are none."""
        parts = [
            f"at most {100 * self.traffic_share:.3g}% of traffic" if self.traffic_share else "",
            *(f"{column} in {', '.join(values)}" for column, values in self.segment.items()),
            f"amounts up to {self.amount:,g}" if self.amount else "",
            f"until {self.expires:%Y-%m-%d %H:%M %Z}" if self.expires else "",
        ]
        return "; ".join(part for part in parts if part)

    def lapsed(self, now: datetime) -> bool:
        """Whether the expiry has come."""
        return self.expires is not None and now >= self.expires


def combine(conditions: Iterable[Conditions]) -> Conditions:
    """The limits that keep within all of these: the tightest of each.

    Segments that share no value leave an empty list for their column: nothing is allowed.
    """
    every = tuple(conditions)
    segment: dict[str, tuple[str, ...]] = {}
    for each in every:
        for column, values in each.segment.items():
            allowed = segment.get(column, values)
            segment[column] = tuple(value for value in allowed if value in values)
    return Conditions(
        traffic_share=min((c.traffic_share for c in every if c.traffic_share), default=None),
        segment=segment,
        amount=min((c.amount for c in every if c.amount), default=None),
        expires=min((c.expires for c in every if c.expires), default=None),
    )


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one identity decided about one version, and on which validation report.

    An approver may decide again; the latest stands.
    """

    kind: ClassVar[str] = "approval"

    id: str
    version: str
    approver: str
    decision: Literal["approve", "reject"]
    suitable: bool
    rating_affirmed: bool
    time: datetime
    conditions: Conditions = Conditions()
    comment: str = ""
    report: Digest | None = None

    @property
    def key(self) -> str:
        """The version and the approval's id, `income@1/ID`."""
        return f"{self.version}/{self.id}"
