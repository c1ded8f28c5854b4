"""Outcomes find their decisions: the write-ahead log followed, joined, and counted exactly once.

What was read is made into one *batch* at a time, and a batch counts with the file `commit`, which
is replaced whole. It says how far the log was read, which labels changed, and the telemetry rows
that follow. After a crash the last commit is carried out again, which changes nothing the second
time: labels are set to what they were set to, and the outbox knows the batch.

    decisions/  shadows/    their rows by id (index.py)
    strata                  the cohorts and groups that rows refer to (strata.py)
    commit                  the last batch

Outcomes are looked at before decisions and read after them: a decision is always in the log before
anyone knows its id, so an outcome that finds none has none here. It is tried again for a while, in
case several writers share a log, and then counted as unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.read import DECISIONS, OUTCOMES
from seawall.adapters.decisions.shadows import SHADOWS
from seawall.adapters.decisions.tail import End, Positions, behind, ends, is_read
from seawall.gateway import logged
from seawall.gateway.index import Found, Index, Rows, Run
from seawall.gateway.labels import EVENT, label_rows
from seawall.gateway.live import Cohort
from seawall.gateway.logged import DecisionRows, Part, outcome_rows, shadow_rows
from seawall.gateway.outbox import Outbox
from seawall.gateway.state import replace
from seawall.gateway.strata import Bundles, Strata
from seawall.gateway.transitions import LATE, NONE, Transitions, transitions
from seawall.kernel import Clock
from seawall.serving.telemetry import Row

KEEP = 2
"""Decisions are kept for this many times the label age, to tell late labels from unknown ones."""
GRACE_NS = round(timedelta(minutes=10).total_seconds()) * 1_000_000_000
"""An outcome without a decision is unknown when it is so old."""
MOST_WAITING = 10_000
"""Of more outcomes without a decision, the oldest are unknown at once."""
HOUR_NS = 3_600_000_000_000
UNKNOWN_SHOWN = 10
_log: Any = structlog.get_logger("seawall.gateway.keeper")


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes since the state folder was new; each is counted in one of these."""

    joined: int = 0
    """Matched to a decision and counted in its cohort."""
    corrected: int = 0
    """In time, after another label of the same decision, which it replaced."""
    late: int = 0
    """Matched, but older than the cohort's fixed label age: counted as late, not in the cohort."""
    unknown: int = 0
    """No decision with this id is held here."""
    unfit: int = 0
    """Matched, and no label of its model's kind: counted nowhere else."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Labels set in one run: int64 rows, float64 labels, uint8 states."""

    run: tuple[int, int, int, int]
    rows: bytes
    labels: bytes
    states: bytes


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, and how things stand after it."""

    batch: int = 0
    positions: dict[str, Positions] = {}
    totals: Totals = Totals()
    waiting: bytes = b""
    """Outcomes that have no decision yet, as rows of `logged.OUTCOME`."""
    changes: tuple[Change, ...] = ()
    rows: tuple[Row, ...] = ()


class Joins:
    """The labels of one log folder, for one process; after an error, open another."""

    def __init__(
        self,
        folder: Path,
        log_folder: Path,
        bundles: Bundles,
        outbox: Outbox,
        clock: Clock,
        *,
        keys: Keyring | None = None,
        apart_keys: Keyring | None = None,
    ) -> None:
        self._folder, self._log_folder, self._keys = folder, log_folder, keys
        self._outbox, self._clock = outbox, clock
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._commit, path = Commit(), folder / "commit"
        if path.exists():
            self._commit = msgspec.msgpack.decode(path.read_bytes(), type=Commit)
        batch = self._commit.batch
        self._decisions = Index(folder / DECISIONS, logged.DECISION, batch)
        self._shadows = Index(folder / SHADOWS, logged.SHADOW, batch)
        self._strata = Strata(folder / "strata", apart_keys)
        self._shadow_strata = Strata(folder / "shadow-strata")
        self._rows_of = DecisionRows(self._strata, bundles, apart_keys)
        self._ages: dict[int, int] = {}
        self._carry_out()

    @property
    def totals(self) -> Totals:
        """What became of the outcomes so far."""
        return self._commit.totals

    @property
    def waiting(self) -> int:
        """Outcomes that have no decision yet."""
        return self._waiting.size

    @property
    def decisions(self) -> int:
        """Decisions held."""
        return self._decisions.rows

    def behind(self) -> int:
        """Bytes of the log that were not read yet."""
        kinds = (DECISIONS, SHADOWS, OUTCOMES)
        return sum(behind(self._positions(k), ends(self._log_folder / k)) for k in kinds)

    def is_read(self, path: Path) -> bool:
        """Whether everything in a file of the log was joined."""
        return is_read(path, self._positions(path.parent.name))

    def work(self) -> None:
        """Join everything that is in the log now."""
        upto = {kind: ends(self._log_folder / kind) for kind in (OUTCOMES, SHADOWS, DECISIONS)}
        before = self._commit.batch
        read_decisions = partial(logged.decisions, keys=self._keys)
        while self._read(DECISIONS, read_decisions, self._add_decisions, upto):
            pass
        grown = self._commit.batch > before
        while self._read(SHADOWS, logged.shadows, self._add_shadows, upto):
            pass
        while self._read(OUTCOMES, logged.outcomes, self._join, upto):
            pass
        self._try_again(grown=grown)
        present = self._clock.now_ns() // HOUR_NS
        self._decisions.settle(present)
        self._shadows.settle(present)

    def prune(self, now: int) -> None:
        """Forget decisions too old for any label that came after this moment (nanoseconds)."""
        ages = self._strata.ages
        old: list[int] = []
        for hour in self._decisions.hours:
            age = now - (hour + 1) * HOUR_NS
            if not ages.size or age <= KEEP * int(ages.min()):
                break  # nor is any later one old
            if hour not in self._ages:
                self._ages[hour] = int(ages[self._decisions.unique(hour, "code")].max())
            if age > KEEP * self._ages[hour]:
                old.append(hour)
                del self._ages[hour]
        self._decisions.prune(old)
        self._shadows.prune(old)

    def _read(
        self,
        kind: str,
        read: Callable[[Positions, dict[str, End]], Part],
        take: Callable[[list[Any], Positions], None],
        upto: dict[str, dict[str, End]],
    ) -> bool:
        """Take the next part of one kind of rows; False when there is none."""
        part = read(self._positions(kind), upto[kind])
        if part.damaged:
            _log.error("decision log", kind=kind, unreadable=part.damaged)
        if part.rows or part.damaged:
            take(part.rows, part.positions)
        return bool(part.rows or part.damaged)

    def _add_decisions(self, logged: list[Any], positions: Positions) -> None:
        rows = self._rows_of(logged)
        self._strata.keep()
        if rows.size:
            self._decisions.add(self._commit.batch + 1, rows)
        self._finish(DECISIONS, positions)

    def _add_shadows(self, logged: list[Any], positions: Positions) -> None:
        rows = shadow_rows(logged, self._shadow_strata)
        self._shadow_strata.keep()
        rows = rows[np.unique(rows["id"], return_index=True)[1]]
        rows = rows[~self._shadows.find(rows["id"]).held]
        if rows.size:
            self._shadows.add(self._commit.batch + 1, rows)
        found = self._decisions.find(rows["id"])
        known = self._decisions.get(found)
        labelled = found.held & (known["state"] != NONE)
        rows, known = rows[labelled], known[labelled]
        # the arm that answered was counted when the label came; now the shadow is
        events = _events(known, known["label"], 1, known["state"] == LATE)
        self._finish(SHADOWS, positions, rows=self._of_shadows(events, rows))

    def _join(self, logged: list[Any], positions: Positions) -> None:
        self._apply(outcome_rows(logged), self._waiting, positions)

    def _try_again(self, *, grown: bool) -> None:
        """Apply what has no decision, if there are new decisions or its time is over."""
        held = self._waiting
        over = held["received"] < self._clock.now_ns() - GRACE_NS
        if held.size and (grown or over.any()):
            self._apply(held, held[:0], self._positions(OUTCOMES))

    def _apply(self, outcomes: Rows, waiting: Rows, positions: Positions) -> None:
        """Join outcomes in the order they were received, and commit what follows."""
        outcomes = outcomes[np.argsort(outcomes["received"], kind="stable")]
        found = self._decisions.find(outcomes["id"])
        waiting, unknown = self._without_decision(np.concatenate([waiting, outcomes[~found.held]]))
        outcomes, found = outcomes[found.held], found.at(found.held)
        outcomes, found, known, unfit = self._read_labels(outcomes, found)
        late = outcomes["time"] - known["time"] > self._strata.ages[known["code"]]
        each = transitions(found.place, outcomes["label"], late, known["state"], known["label"])
        known = known[each.first]
        events = np.concatenate(
            [
                _events(known[each.withdrawn], each.old[each.withdrawn], -1, False),
                _events(known[each.added], each.label[each.added], 1, False),
                _events(known[each.late], each.label[each.late], 1, True),
            ]
        )
        said = self._shadows.find(events["id"])
        answered = label_rows(
            self._strata.cohorts,
            self._strata.groups,
            self._strata.cohort_of[events["code"]],
            events,
        )
        shadows = self._of_shadows(events[said.held], self._shadows.get(said.at(said.held)))
        self._finish(
            OUTCOMES,
            positions,
            totals=self._totals_after(each, int(late.sum()), unknown, unfit),
            waiting=waiting.tobytes(),
            changes=self._changes(found, each),
            rows=answered + shadows,
        )

    def _read_labels(self, outcomes: Rows, found: Found) -> tuple[Rows, Found, Rows, int]:
        """Outcomes whose labels are of their model's kind, so read, and how many are not."""
        known = self._decisions.get(found)
        outcomes = outcomes.copy()
        outcomes["label"] = self._strata.labels(known["code"], outcomes["label"])
        fit = ~np.isnan(outcomes["label"])
        return outcomes[fit], found.at(fit), known[fit], int((~fit).sum())

    def _totals_after(self, each: Transitions, late: int, unknown: int, unfit: int) -> Totals:
        totals = self._commit.totals
        return Totals(
            joined=totals.joined + each.joined,
            corrected=totals.corrected + each.corrected,
            late=totals.late + late,
            unknown=totals.unknown + unknown,
            unfit=totals.unfit + unfit,
        )

    def _without_decision(self, outcomes: Rows) -> tuple[Rows, int]:
        """Those that go on waiting for their decision, and how many do not."""
        hopeful = outcomes["received"] >= self._clock.now_ns() - GRACE_NS
        hopeful[:-MOST_WAITING] = False
        if unknown := int((~hopeful).sum()):
            shown = outcomes["id"][~hopeful][:UNKNOWN_SHOWN].tobytes()
            first = [str(UUID(bytes=shown[at : at + 16])) for at in range(0, len(shown), 16)]
            _log.warning("outcomes of unknown decisions", count=unknown, first=first)
        return outcomes[hopeful], unknown

    def _changes(self, found: Found, each: Transitions) -> tuple[Change, ...]:
        changed = np.flatnonzero(each.changed)
        label, state = each.label[changed], each.state[changed]
        return tuple(
            Change(run, rows.tobytes(), label[mine].tobytes(), state[mine].tobytes())
            for run, mine, rows in self._decisions.split(found.at(each.first[changed]))
        )

    def _of_shadows(self, events: Rows, said: Rows) -> tuple[Row, ...]:
        """The rows of the shadows that spoke on the decisions of these events."""
        if not events.size:
            return ()
        events = events.copy()
        events["score"] = said["score"]
        of = self._strata.cohort_of[events["code"]]
        pairs = np.stack([of, said["code"].astype(np.int64)])
        pairs, which = np.unique(pairs, axis=1, return_inverse=True)
        cohorts = [self._shadow_cohort(*pair) for pair in pairs.T.tolist()]
        return label_rows(cohorts, self._strata.groups, which.ravel(), events)

    def _shadow_cohort(self, of: int, shadow: int) -> Cohort:
        """The shadow's cohort on the decisions of another: its own model, the other's terms."""
        said, answered = self._shadow_strata.cohorts[shadow], self._strata.cohorts[of]
        return Cohort(
            *(said.endpoint, said.version, said.arm, said.threshold),
            *(answered.columns, answered.label_age_ns),
            *(answered.output, answered.tolerance, answered.value_grid),
        )

    @property
    def _waiting(self) -> Rows:
        return np.frombuffer(self._commit.waiting, logged.OUTCOME)

    def _positions(self, kind: str) -> Positions:
        return self._commit.positions.get(kind, {})

    def _finish(self, kind: str, positions: Positions, **more: Any) -> None:
        """Commit a batch, and carry it out."""
        plain: dict[str, Any] = {"changes": (), "rows": ()}
        commit = msgspec.structs.replace(
            self._commit,
            batch=self._commit.batch + 1,
            positions=self._commit.positions | {kind: positions},
            **(plain | more),
        )
        replace(self._folder / "commit", msgspec.msgpack.encode(commit))
        self._commit = commit
        self._carry_out()

    def _carry_out(self) -> None:
        """Do what the last commit says, once or again."""
        for change in self._commit.changes:
            fields = {
                "label": np.frombuffer(change.labels, np.float64),
                "state": np.frombuffer(change.states, np.uint8),
            }
            self._decisions.put(Run(*change.run), np.frombuffer(change.rows, np.int64), fields)
        self._outbox.add(self._commit.rows, batch=self._commit.batch)


def _events(known: Rows, label: NDArray[np.float64], sign: int, late: Any) -> Rows:
    """Labels counted in or out for decisions as they are held."""
    events = np.zeros(len(known), EVENT)
    for name in ("id", "time", "code", "score"):
        events[name] = known[name]
    events["label"], events["sign"], events["late"] = label, sign, late
    return events
