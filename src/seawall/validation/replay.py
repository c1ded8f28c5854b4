"""Replay as evidence: a version asked again about the decisions of a window."""

from __future__ import annotations

from datetime import datetime

import msgspec

from seawall.kernel import Digest, Rule


class ReplayPlan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Which decisions are replayed, and what may come of it.

    Those of the last `days`, at most `sample` chosen uniformly, all if it is 0. `rules` are over
    the measures of `seawall replay`: `flips`, `unanswered`, `fallback_rise`, `ks`, …
    """

    rules: tuple[Rule, ...]
    days: float = 7.0
    sample: int = 0

    def __post_init__(self) -> None:
        if not self.rules:
            raise ValueError("a replay needs at least one rule")
        if not self.days > 0 or self.sample < 0:
            raise ValueError("a replay's days are above 0, its sample not below")


class ReplayEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed: `report` is the digest of its whole JSON, which the control plane keeps.

    `champion` is the version whose bundle decided, `decisions` are those of the window, `replayed`
    those that could be asked again, `labelled` those of them with an outcome.
    """

    report: Digest
    endpoint: str
    bundle: int
    champion: str
    since: datetime
    until: datetime
    decisions: int
    replayed: int
    labelled: int
