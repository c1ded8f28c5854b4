"""Something that needs attention, named by its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

Severity = Literal["page", "ticket"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that holds since `started`, and until `ended` if it is over.

    Alerts of equal labels are one alert: the fingerprint is a digest of the labels alone.
    """

    kind: ClassVar[str] = "alert"
    fingerprint: str
    severity: Severity
    labels: dict[str, str]
    summary: str
    started: datetime
    ended: datetime | None = None
    runbook: str = ""

    @property
    def key(self) -> str:
        """Alerts are kept by fingerprint: one record, whose history shows each time it fired."""
        return self.fingerprint

    @property
    def firing(self) -> bool:
        """Whether the condition still holds."""
        return self.ended is None


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that depend on the labels and not on their order."""
    text = "".join(f"{len(k)}:{k}{len(v)}:{v}" for k, v in sorted(labels.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_alert(
    severity: Severity,
    labels: Mapping[str, str],
    summary: str,
    started: datetime,
    *,
    runbook: str = "",
) -> Alert:
    """A firing alert, named by its labels."""
    return Alert(
        fingerprint=fingerprint(labels),
        severity=severity,
        labels=dict(labels),
        summary=summary,
        started=started,
        runbook=runbook,
    )


def matches(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with that value; `*` stands for any value."""
    return all(k in labels and v in ("*", labels[k]) for k, v in wanted.items())


def reconcile(
    known: Mapping[str, Alert], firing: Mapping[str, Alert], now: datetime
) -> tuple[Alert, ...]:
    """The alerts whose record changes: new ones, those that got worse or better, and ended ones.

    Both maps are by fingerprint, `known` holds the last record of each. An alert that goes on keeps
    the moment it started.
    """
    changed: list[Alert] = []
    for name, alert in sorted(firing.items()):
        before = known.get(name)
        if before is None or not before.firing:
            changed.append(alert)
        elif before.severity != alert.severity or before.summary != alert.summary:
            changed.append(msgspec.structs.replace(alert, started=before.started))
    for name, before in sorted(known.items()):
        if before.firing and name not in firing:
            changed.append(msgspec.structs.replace(before, ended=now))
    return tuple(changed)
