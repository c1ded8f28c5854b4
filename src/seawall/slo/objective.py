"""A service-level objective, read from an OpenSLO v1 document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import msgspec

from seawall.kernel import BadInput

Indicator = Literal["availability", "latency", "quality"]
COUNTER = timedelta(minutes=5)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """A target share of good events over a rolling window, for one indicator of one endpoint.

    Good events are: `availability`, answers given by the model and not an error; `latency`,
    answers within `threshold_ms`; `quality`, right predictions among matured labels.
    """

    kind: ClassVar[str] = "slo"
    name: str
    endpoint: str
    indicator: Indicator
    target: float
    window: timedelta = timedelta(days=30)
    threshold_ms: float | None = None
    description: str = ""
    runbook: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(f"SLO {self.name!r}: target {self.target:g} must lie in (0, 1)")
        if self.window < timedelta(days=1):
            raise ValueError(f"SLO {self.name!r}: the window must be a day or longer")
        if (self.indicator == "latency") != (self.threshold_ms is not None):
            raise ValueError(
                f"SLO {self.name!r}: a latency objective, and no other, has threshold_ms"
            )

    @property
    def key(self) -> str:
        """Grouped by endpoint."""
        return f"{self.endpoint}/{self.name}"

    @property
    def allowed(self) -> float:
        """The share of bad events that the objective allows."""
        return 1 - self.target


class Counts(msgspec.Struct, frozen=True):
    """Good and all events of the five minutes that begin at `start`, summed over gateways."""

    start: datetime
    good: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.good <= self.total:
            raise ValueError(f"{self.good} good of {self.total} events is impossible")


class _TimeWindow(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    duration: str
    is_rolling: bool = True


class _Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target: float | None = None
    target_percent: float | None = None
    display_name: str = ""


class _Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    service: str
    objectives: tuple[_Target, ...]
    time_window: tuple[_TimeWindow, ...]
    budgeting_method: Literal["Occurrences"] = "Occurrences"
    description: str = ""
    indicator: dict[str, Any] | None = None
    indicator_ref: str | None = None
    alert_policies: tuple[Any, ...] = ()


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    api_version: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: dict[str, Any]
    spec: _Spec


def read_slo(document: Mapping[str, Any]) -> Objective:
    """An OpenSLO v1 `SLO` document as an objective; raises `BadInput` naming what is wrong.

    `spec.service` is the endpoint. The indicator is `indicatorRef: availability|latency|quality`,
    or an inline `indicator` whose `spec.ratioMetric.good.metricSource` has `type: seawall` and
    `spec: {indicator, threshold_ms?}`. Budgeting is by occurrences over one rolling window.
    """
    where = str(document.get("metadata", {}).get("name", "SLO"))
    try:
        read = msgspec.convert(dict(document), _Document, strict=False)
        if len(read.spec.objectives) != 1 or len(read.spec.time_window) != 1:
            raise ValueError("give one objective and one timeWindow; write one SLO for each")
        if not read.spec.time_window[0].is_rolling:
            raise ValueError("only rolling time windows are supported")
        goal = read.spec.objectives[0]
        target = goal.target
        if target is None:
            if goal.target_percent is None:
                raise ValueError("the objective has no target")
            target = goal.target_percent / 100
        source = _source(read.spec)
        notes = read.metadata.get("annotations") or {}
        return msgspec.convert(
            {
                "name": read.metadata["name"],
                "endpoint": read.spec.service,
                "indicator": source.get("indicator"),
                "threshold_ms": source.get("threshold_ms"),
                "target": target,
                "window": _duration(read.spec.time_window[0].duration),
                "description": read.spec.description,
                "runbook": notes.get("seawall/runbook", ""),
            },
            Objective,
        )
    except (msgspec.ValidationError, ValueError, KeyError) as problem:
        raise BadInput(
            f"this SLO cannot be read: {problem}", where=where, remedy="see OpenSLO v1, kind SLO"
        ) from problem


def _source(spec: _Spec) -> Mapping[str, Any]:
    if spec.indicator_ref is not None:
        return {"indicator": spec.indicator_ref}
    inner: Any = spec.indicator or {}
    for name in ("spec", "ratioMetric", "good", "metricSource"):
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or inner.get("type") != "seawall":
        raise ValueError(
            "name the indicator by indicatorRef, or by a ratioMetric whose good.metricSource "
            "has type seawall"
        )
    return inner.get("spec") or {}


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)([mhdw])", text)
    if not found:
        raise ValueError(f"duration {text!r} is not like 30d, 4w or 12h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
