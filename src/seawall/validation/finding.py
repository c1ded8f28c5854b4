"""A finding: a rule that was not shown to hold, with whom it waits for and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from seawall.kernel import Estimate, Outcome

Check = Literal[
    "quality", "calibration", "fairness", "stability", "champion", "replay", "parity", "latency",
    "signature",
]  # fmt: skip
Severity = Literal["low", "medium", "high"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a check found: `fail` is high, `undecided` medium, a group left out low."""

    check: Check
    rule: str
    outcome: Outcome
    severity: Severity
    message: str
    owner: str
    due: datetime
    estimate: Estimate | None = None
