"""One rollout: the evidence for and against the candidate as it grows."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from seawall.kernel import Estimate
from seawall.server.pages.views.common import (
    Action,
    Fact,
    Frame,
    HistoryEntry,
    Judged,
    Mark,
    Status,
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step; `share` is the candidate's part of traffic, 0 for shadow."""

    name: str
    share: float
    state: Literal["done", "current", "next", "stopped"]
    entered: datetime | None = None
    left: datetime | None = None
    note: str = ""


class EvidencePoint(msgspec.Struct, frozen=True):
    """What was known of a measure at one moment."""

    time: datetime
    estimate: Estimate


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of the candidate against the incumbent: now (`judged`), and how it came there.

    `wanting`: what is still needed to decide (`about 1,200 more labels, 3 hours`).
    """

    judged: Judged
    finding: str
    points: tuple[EvidencePoint, ...] = ()
    wanting: str = ""


class ArmCount(msgspec.Struct, frozen=True):
    """Decisions that one arm took, and the share that the route gives it."""

    arm: str
    seen: int
    expected: float


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Is traffic split as the route says? `log10_e`: evidence against; alarms at `alarm_at`."""

    status: Status
    sentence: str
    arms: tuple[ArmCount, ...]
    log10_e: float
    alarm_at: float


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one rollout. `actions` hold promote and roll back with their effect."""

    frame: Frame
    key: str
    model: str
    incumbent: str
    candidate: str
    status: Status
    sentence: str
    facts: tuple[Fact, ...] = ()
    actions: tuple[Action, ...] = ()
    steps: tuple[Step, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    marks: tuple[Mark, ...] = ()
    split: Split | None = None
    history: tuple[HistoryEntry, ...] = ()
