"""One model: its health, and the evidence for it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from seawall.kernel import Estimate
from seawall.server.pages.views.common import (
    Action,
    Distribution,
    Fact,
    Frame,
    HistoryEntry,
    Judged,
    Mark,
    Status,
)
from seawall.server.pages.views.overview import Need


class BurnRate(msgspec.Struct, frozen=True):
    """How many times faster than allowed a budget burns over a span, and the rate that alerts."""

    span: str
    rate: float
    alert_at: float


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator's error budget over its window.

    `left` is the share left in [-inf, 1]; `history` the share left at equal steps up to now
    (oldest first); `objective` reads like `99.5 % answered under 50 ms over 28 days`.
    """

    name: str
    objective: str
    left: float
    status: Status
    history: tuple[float, ...] = ()
    burns: tuple[BurnRate, ...] = ()
    note: str = ""


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One input against the baseline: the two distributions, their distance, missing values."""

    name: str
    meaning: str = ""
    drift: Judged
    distribution: Distribution | None = None
    missing: float = 0.0
    missing_baseline: float = 0.0


class VariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """A variant of an experiment: what answers there, and how it compares with the champion.

    `share` is of all units; `decisions` are those since the shares are what they are, None once it
    is stopped.
    """

    experiment: str
    arm: str
    version: str
    href: str
    share: float
    status: Status
    decisions: int | None = None
    note: str = ""


class MonitorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A declared monitor: what it promises, and how far its evidence is on the way to an alarm.

    `way` is log evidence over log boundary, 1 being an alarm; `path` the same over the last hours.
    `strongest` names its streams, the one with the most evidence first.
    """

    name: str
    status: Status
    promise: str
    way: float = 0.0
    path: tuple[float, ...] = ()
    strongest: tuple[str, ...] = ()
    note: str = ""


class QualityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of decisions made in one span.

    `matured`: the share of their labels that have reached the fixed age, below 1 provisional.
    `measured`: from labels; `estimated`: without them, where it is known.
    """

    start: datetime
    end: datetime
    measured: Estimate | None = None
    estimated: Estimate | None = None
    matured: float = 1.0


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """One quality measure over time; `low`, `high` the tolerated range as in `Judged`."""

    measure: str
    finding: str
    status: Status
    points: tuple[QualityPoint, ...]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    label_age: str = ""
    marks: tuple[Mark, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group's rate; `small`: too few rows to judge, shown but not judged."""

    name: str
    n: int
    estimate: Estimate | None = None
    small: bool = False


class Fairness(msgspec.Struct, frozen=True, kw_only=True):
    """One rate by group; `low`, `high`: the tolerance band around the overall rate."""

    by: str
    measure: str
    finding: str
    gap: Judged
    overall: float
    low: float
    high: float
    groups: tuple[Group, ...]


class VersionShare(msgspec.Struct, frozen=True, kw_only=True):
    """One version and the share of traffic it decides (shadow: it sees, but does not decide)."""

    version: str
    stage: str
    status: Status
    share: float = 0.0
    shadow: bool = False
    since: datetime | None = None
    digest: str = ""
    note: str = ""


class GatewayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway: the bundle it serves, since when it lags or is silent, what it refused."""

    name: str
    status: Status
    bundle: int | None
    software: str
    heard: datetime
    since: datetime | None = None
    note: str = ""


class FieldFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that failed input validation on one field, and what it probably is."""

    field: str
    problem: str
    count: int
    per_minute: float
    suggestion: str = ""


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision in a list."""

    id: str
    time: datetime
    version: str
    arm: str
    output: str
    status: Status
    score: float | None = None
    latency_ms: float | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The page of a model. `sentence` is its health as a tired person understands it.

    `service`: latency quantiles, errors, fallbacks against their objectives. `prediction`: the
    scores against the baseline's, `threshold` marked. `rollout`: key of the one that runs.
    `bundle`: the number issued last, which `gateways` serve or lag behind.
    """

    frame: Frame
    name: str
    status: Status
    sentence: str
    facts: tuple[Fact, ...] = ()
    needs: tuple[Need, ...] = ()
    actions: tuple[Action, ...] = ()
    budgets: tuple[Budget, ...] = ()
    versions: tuple[VersionShare, ...] = ()
    rollout: str = ""
    rollout_status: str = ""
    features: tuple[Feature, ...] = ()
    features_window: str = ""
    prediction: Distribution | None = None
    prediction_drift: Judged | None = None
    threshold: float | None = None
    variants: tuple[VariantRow, ...] = ()
    monitors: tuple[MonitorRow, ...] = ()
    quality: tuple[Quality, ...] = ()
    fairness: tuple[Fairness, ...] = ()
    service: tuple[Judged, ...] = ()
    invalid: tuple[FieldFailure, ...] = ()
    gateways: tuple[GatewayRow, ...] = ()
    bundle: int | None = None
    decisions: tuple[DecisionRow, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
