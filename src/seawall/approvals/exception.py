"""An exception from one rule of a policy, for one version, until a date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import msgspec

from seawall.kernel import BadInput, Forbidden


class PolicyException(msgspec.Struct, frozen=True, kw_only=True):
    """A granted exception: the rule is judged and shown, and does not decide until it expires."""

    kind: ClassVar[str] = "exception"

    id: str
    version: str
    rule: str
    reason: str
    requester: str
    approver: str
    granted: datetime
    expires: datetime

    def __post_init__(self) -> None:
        if self.requester == self.approver:
            raise Forbidden(f"{self.approver} asked for this exception and cannot grant it")
        if not self.reason.strip():
            raise BadInput(f"an exception from {self.rule!r} needs a reason")
        if self.expires <= self.granted:
            raise BadInput(
                f"an exception from {self.rule!r} must expire after it is granted",
                where=self.expires.isoformat(),
            )

    @property
    def key(self) -> str:
        """The version and the exception's id, `income@1/ID`."""
        return f"{self.version}/{self.id}"

    def active(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.granted <= now < self.expires


def waived(exceptions: Iterable[PolicyException], version: str, now: datetime) -> dict[str, str]:
    """The rules of this version that are excepted now, each with who granted it, why, till when.

    In the form that `policy.gate.evaluate` takes.
    """
    return {
        e.rule: f"{e.reason}; granted by {e.approver} until {e.expires:%Y-%m-%d}"
        for e in exceptions
        if e.version == version and e.active(now)
    }
