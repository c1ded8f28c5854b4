"""Decisions waiting for their labels: each outcome finds its decision, its arm and its hour.

The index is in memory. What was added since the last `save` is appended to `joins/HOUR`, a file of
checked frames; decisions that a kill kept from being saved are read from the write-ahead log.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from seawall.adapters.decisions.frame import frame, scan
from seawall.gateway.live import Cohort
from seawall.kernel import Clock, from_ns, to_ns
from seawall.serving.outcome import Outcome, OutcomeReport

LATE = 2
HOUR_NS = round(timedelta(hours=1).total_seconds()) * 1_000_000_000
CLOCKS_NS = 600 * 1_000_000_000
KEEP = 2
"""Decisions are kept for this many times the label age, to tell late labels from unknown ones."""
UNKNOWN_SHOWN = 10


class Entry:
    """A decision: whose cohort it is in, when, with which score, groups and label."""

    __slots__ = ("cohort", "groups", "label", "score", "shadow", "time_ns")

    def __init__(
        self, cohort: Cohort, time_ns: int, score: float, groups: tuple[str | None, ...]
    ) -> None:
        self.cohort, self.time_ns, self.score, self.groups = cohort, time_ns, score, groups
        self.label: int | None = None
        self.shadow: tuple[Cohort, float] | None = None


class Counted(NamedTuple):
    """A label to count into (sign 1) or out of (−1) the cohort of a decision's hour, or as late."""

    cohort: Cohort
    time_ns: int
    score: float
    groups: tuple[str | None, ...]
    label: int
    sign: Literal[1, -1]


class Joins:
    """Used from the event loop, and from the worker that saves and prunes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._entries: dict[str, Entry] = {}
        self._hours: dict[int, list[str]] = {}
        self._ages: dict[int, int] = {}
        self._lock = threading.Lock()
        self._unsaved: deque[tuple[str, Entry | None]] = deque()
        for path in sorted(folder.iterdir()):
            for payload in scan(path.read_bytes()).payloads.values():
                self._load(msgspec.msgpack.decode(payload))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, decision_id: str) -> bool:
        return decision_id in self._entries

    @property
    def newest(self) -> datetime:
        """The time of the latest decision held, less what clocks may differ by."""
        hour = max(self._hours, default=0)
        newest = max((self._entries[i].time_ns for i in self._hours.get(hour, ())), default=0)
        return from_ns(max(newest - CLOCKS_NS, 0))

    def add(self, decision_id: str, entry: Entry) -> None:
        """Hold a decision."""
        self._put(decision_id, entry)
        self._unsaved.append((decision_id, entry))

    def add_shadow(self, cohort: Cohort, scores: Iterable[tuple[str, float]]) -> list[Counted]:
        """Note what a shadow said on decisions; returns the labels that were there before it."""
        counted: list[Counted] = []
        with self._lock:
            for decision_id, score in scores:
                if entry := self._entries.get(decision_id):
                    entry.shadow = (cohort, score)
                    if entry.label is not None:
                        label = entry.label
                        counted.append(
                            Counted(cohort, entry.time_ns, score, entry.groups, label, 1)
                        )
        return counted

    def apply(self, outcomes: Sequence[Outcome]) -> tuple[OutcomeReport, list[Counted]]:
        """Join outcomes to their decisions; returns what was done, and what to count."""
        with self._lock:
            return self._apply(outcomes)

    def _apply(self, outcomes: Sequence[Outcome]) -> tuple[OutcomeReport, list[Counted]]:
        now = self._clock.now_ns()
        joined = corrected = late = 0
        unknown: list[str] = []
        counted: list[Counted] = []
        for outcome in outcomes:
            label, entry = outcome.binary, self._entries.get(outcome.decision_id)
            if label is None:
                continue
            if entry is None:
                unknown.append(outcome.decision_id)
                continue
            age = (to_ns(outcome.time) if outcome.time else now) - entry.time_ns
            if age > entry.cohort.label_age_ns:
                late += 1
                if entry.label is None:
                    counted += _count(entry, LATE, 1)
                    self._label(outcome.decision_id, entry, LATE)
                continue
            if entry.label is None or entry.label == LATE:
                joined += 1
            else:
                corrected += 1
            if entry.label != label:
                if entry.label is not None:
                    counted += _count(entry, entry.label, -1)
                counted += _count(entry, label, 1)
                self._label(outcome.decision_id, entry, label)
        report = OutcomeReport(
            joined=joined,
            corrected=corrected,
            late=late,
            unknown=len(unknown),
            unknown_ids=tuple(unknown[:UNKNOWN_SHOWN]),
        )
        return report, counted

    def save(self) -> None:
        """Append what is new to disk."""
        new = [self._unsaved.popleft() for _ in range(len(self._unsaved))]
        if not new:
            return
        cohorts: dict[Cohort, int] = {}
        rows: list[Any] = []
        labels: list[Any] = []
        for decision_id, entry in new:
            if entry is None:
                labels.append((decision_id, self._entries[decision_id].label))
                continue
            shadow = None
            if entry.shadow:
                shadow = (cohorts.setdefault(entry.shadow[0], len(cohorts)), entry.shadow[1])
            at = cohorts.setdefault(entry.cohort, len(cohorts))
            rows.append((decision_id, at, entry.time_ns, entry.score, entry.groups, shadow))
        payload = msgspec.msgpack.encode((list(cohorts), rows, labels))
        hour = self._clock.now_ns() // HOUR_NS * HOUR_NS
        with (self._folder / f"{hour:020d}").open("ab") as file:
            file.write(frame(payload))

    def prune(self) -> None:
        """Forget decisions too old for any label."""
        now = self._clock.now_ns()
        for hour in [h for h in self._hours if h + HOUR_NS < now - KEEP * self._ages[h]]:
            del self._ages[hour]
            for decision_id in self._hours.pop(hour):
                self._entries.pop(decision_id, None)
        oldest = min(self._hours, default=now)
        for path in self._folder.iterdir():
            if int(path.name) + HOUR_NS < oldest:
                path.unlink()

    def _put(self, decision_id: str, entry: Entry) -> None:
        self._entries[decision_id] = entry
        hour = entry.time_ns // HOUR_NS * HOUR_NS
        self._hours.setdefault(hour, []).append(decision_id)
        self._ages[hour] = max(self._ages.get(hour, 0), entry.cohort.label_age_ns)

    def _label(self, decision_id: str, entry: Entry, label: int) -> None:
        entry.label = label
        self._unsaved.append((decision_id, None))

    def _load(self, frame_: Any) -> None:
        cohorts = [msgspec.convert(c, Cohort) for c in frame_[0]]
        for decision_id, at, time_ns, score, groups, shadow in frame_[1]:
            entry = Entry(cohorts[at], time_ns, score, tuple(groups))
            if shadow:
                entry.shadow = (cohorts[shadow[0]], shadow[1])
            self._put(decision_id, entry)
        for decision_id, label in frame_[2]:
            if entry := self._entries.get(decision_id):
                entry.label = label


def _count(entry: Entry, label: int, sign: Literal[1, -1]) -> Iterator[Counted]:
    """A label for the arm that answered and for the shadow, where their models gave a score."""
    if label == LATE and sign < 0:
        # a label that came late once and now in time: the late one stays counted as late
        return
    pairs = [(entry.cohort, entry.score), *([entry.shadow] if entry.shadow else [])]
    for cohort, score in pairs:
        if not math.isnan(score):
            yield Counted(cohort, entry.time_ns, score, entry.groups, label, sign)
