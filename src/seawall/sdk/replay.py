"""A candidate run over an endpoint's decision log in isolation, its answers beside the recorded."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Digest, NotFound, Verdict, all_of, nearest
from seawall.report.document import Document
from seawall.sdk import replay_evidence as evidence
from seawall.sdk.candidate import (
    CHAMPION,
    Candidate,
    answered,
    candidate_of,
    check_answers,
    check_fields,
    in_place,
)
from seawall.sdk.gateway_state import GatewayState
from seawall.sdk.replay_quality import quality
from seawall.sdk.replayed import BY_RECORD, Part, Replayed, Sorted, check_recorded
from seawall.sdk.report import CONFIDENCE, Progress, Report
from seawall.serving.bundle import Bundle
from seawall.serving.decide import Decider, Model, batch_of
from seawall.statistics.cost import Cost, cost_of
from seawall.statistics.quantile import quantile_interval

if TYPE_CHECKING:
    from seawall.adapters.decisions import Keyring
    from seawall.adapters.decisions.window import Found, Window
    from seawall.adapters.runtimes.sandbox import Sandbox
    from seawall.sdk.client import Client

SINGLY, SINGLY_SECONDS = 500, 2.0
"""Rows that are asked one at a time for their latency, and for how long at most."""


class ReplayReport(Report, frozen=True):
    """What `replay` found."""

    subject = "replay"

    def _document(self) -> Document:
        from seawall.report.from_replay import replay_document

        return replay_document(self.to_dict())


def replay(
    state: Path | str,
    candidate: Candidate | Path | str,
    *,
    endpoint: str | None = None,
    table: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    arms: Sequence[str] = (),
    sample: int | None = None,
    by: Sequence[str] = (),
    threshold: float | None = None,
    cost: Mapping[str, float] | None = None,
    tolerances: Mapping[str, float] | None = None,
    rows: Path | str | None = None,
    public_key: bytes | None = None,
    keys: Path | str | None = None,
    client: Client | None = None,
    seconds: float = 10.0,
    progress: Progress | None = None,
) -> ReplayReport:
    """What a candidate would have answered to recorded decisions, beside what was answered.

    `state` is a gateway's state folder: its bundle gives the signature, guards, fallback and
    threshold, `table` (by default within it) the log, with what waits to be shipped. `candidate`:
    an artefact's file, or a version (`income@3`) of the control plane of `client`. The window is
    from `since` until before `until`, of these `arms`, at most `sample` decisions chosen uniformly.
    `by` names columns of the input (protected ones too), or arm, model, caller, purpose. With
    outcomes in the log both are judged on the same rows, and by the `cost` matrix. `rows` is a
    .parquet or .csv for the answers row by row. `keys` is the file of the log's keys. A call of the
    candidate that takes longer than `seconds` is ended; it runs in a process without network.
    Nothing is written to the log, and nothing is counted.

    Raises `BadInput` without decisions to replay, and for a candidate that takes other fields.
    """
    from seawall.adapters.decisions.window import Window

    worth = None if cost is None else cost_of(dict(cost))
    place = GatewayState(state, public_key)
    bundle, own = place.current(endpoint), candidate_of(candidate, client)
    tolerated = evidence.checked_tolerances(tolerances or {}, bundle.output.kind)
    _check_kind(bundle, threshold, worth)
    window = Window(
        endpoint=bundle.endpoint, since=_zoned(since), until=_zoned(until), arms=tuple(arms),
        sample=sample,
    )  # fmt: skip
    log, trial = _Log(place, table, keys), in_place(bundle, own, threshold)
    _check_by(by, trial)
    found = log.look(window, bundle)
    how = _How(by, seconds, rows, progress)
    runner, ran = _run(place, bundle, trial, own, log, found, how)
    body, verdict = _judged(runner, log, trial, tolerated, worth)
    told = _told(bundle, trial, own) | {
        "window": _window(window, found),
        "replayed": len(runner.seen),
        "not_replayed": dict(runner.sorted.not_replayed.most_common()),
    }
    return ReplayReport(verdict, told | ran | body, {"log": log.table, "candidate": own.name})


class _How(NamedTuple):
    """How a replay is asked for."""

    by: Sequence[str]
    seconds: float
    rows: Path | str | None
    progress: Progress | None


def _told(bundle: Bundle, trial: Bundle, own: Candidate) -> dict[str, Any]:
    """What was replayed, in the place of what."""
    champion = bundle.arm(CHAMPION)
    return {
        "task": bundle.output.kind,
        "candidate": {
            "name": own.name, "digest": str(Digest.of(own.artefact)), "format": own.format,
            "threshold": trial.arms[0].threshold if bundle.output.kind == "binary" else None,
        },
        "champion": champion.version if champion else None,
        "endpoint": bundle.endpoint,
        "bundle": bundle.number,
    }  # fmt: skip


def _run(
    place: GatewayState,
    bundle: Bundle,
    trial: Bundle,
    own: Candidate,
    log: _Log,
    found: Found,
    how: _How,
) -> tuple[_Runner, dict[str, Any]]:
    """The candidate asked about all that was found, and how that went."""
    from seawall.adapters.runtimes.sandbox import Sandbox

    began = perf_counter()
    with Sandbox(own.artefact, own.format, seconds=how.seconds) as sandbox:
        check_fields(sandbox, own, trial.signature)
        check_answers(sandbox, own, bundle.output)
        runner = _Runner(
            trial, sandbox, place.models(trial.arms[1:], trial.signature), how.by, bundle
        )
        with _writer(how.rows) as write:
            runner.run(log, found, write, how.progress)
        spent = perf_counter() - began
        ran = {
            "isolation": sandbox.isolation, "starts": sandbox.starts,
            "failures": dict(sandbox.failures.most_common()), "given_up": sandbox.given_up,
        }  # fmt: skip
        times = _latency(place, bundle, sandbox, runner.seen.answered)
    return runner, {"seconds": spent, "sandbox": ran, "latency": times}


def _check_kind(bundle: Bundle, threshold: float | None, cost: Cost | None) -> None:
    """Raise `BadInput` for what only a model of two classes has."""
    if bundle.output.kind == "binary":
        return
    kind = "several classes" if bundle.output.kind == "multiclass" else "values"
    for name, given in (("a threshold", threshold), ("a cost matrix", cost)):
        if given is not None:
            what = f"{name} does not fit a model of {kind}"
            raise BadInput(what, where=bundle.endpoint, remedy="leave it out")


class _Log:
    """Where the decisions are."""

    def __init__(self, place: GatewayState, table: str | None, keys: Path | str | None) -> None:
        from seawall.adapters.decisions import Keyring

        self.table = place.table(table)
        waiting = place.folder / "decisions"
        self.waiting: tuple[Path, ...] = (waiting,) if waiting.is_dir() else ()
        self.keys: Keyring | None = None if keys is None else Keyring.read(Path(keys))

    def look(self, window: Window, bundle: Bundle) -> Found:
        """What there is to read; raises `BadInput` when that is nothing."""
        from seawall.adapters.decisions.window import look

        found = look(self.table, window, wal_folders=self.waiting, keys=self.keys)
        if not found.read:
            what = "there is no decision to replay"
            raise BadInput(what, where=self.table, remedy=_widen(window, bundle))
        return found


class _Runner:
    """Asks the candidate piece by piece."""

    def __init__(
        self,
        trial: Bundle,
        sandbox: Sandbox,
        others: Mapping[str, Model],
        by: Sequence[str],
        bundle: Bundle,
    ) -> None:
        self.sorted = Sorted(bundle, trial.signature, bundle.protected)
        self.seen = Replayed(trial.signature.names, by, bundle.output, bundle.value.tolerance)
        self.invalid: dict[str, int] = {}
        self._trial, self._sandbox, self._others = trial, sandbox, others
        self._decider = Decider(trial)

    def run(self, log: _Log, found: Found, write: Any, progress: Progress | None) -> None:
        """Ask about every decision that was found; raises `BadInput` when none can be asked."""
        from seawall.adapters.decisions.window import read_window

        done = 0
        for records in read_window(log.table, found, wal_folders=log.waiting, keys=log.keys):
            part = self.sorted.part(records)
            if part.records:
                if not len(self.seen):
                    check_recorded(part, self._trial.signature, self._trial.arms[0].version)
                told = self._ask(part)
                if write is not None:
                    write(told)
            done += len(records)
            if progress:
                progress("replaying", done, found.read)
        if not len(self.seen):
            why = "; ".join(f"{n:,}: {why}" for why, n in self.sorted.not_replayed.most_common(3))
            raise BadInput(f"no decision can be asked again ({why})", where=log.table)

    def _ask(self, part: Part) -> dict[str, Any]:
        checked = self._decider.validator.records(part.inputs)
        for violation in checked.violations:
            if violation.problem != "unknown":
                about = f"{violation.field}: {violation.problem.replace('_', ' ')}"
                self.invalid[about] = self.invalid.get(about, 0) + violation.count
        at = part.records[0].time
        steps = self._decider.decide(batch_of(checked), [0.0] * len(part.records), at)
        answers = answered(steps, self._sandbox, self._others)
        refuses = self._trial.on_invalid == "reject"
        return self.seen.add(part, checked.matrix, answers, checked.bad, refuses=refuses)


def _judged(
    runner: _Runner, log: _Log, trial: Bundle, tolerated: Mapping[str, float], cost: Cost | None
) -> tuple[dict[str, Any], Verdict]:
    from seawall.adapters.decisions.window import outcomes_in

    seen = runner.seen
    measures, judged = evidence.decisions(seen, tolerated)
    moved, distribution = evidence.scores(seen, tolerated)
    outcomes = outcomes_in(log.table, set(seen.ids), wal_folders=log.waiting)
    labels = {id_: one.label for id_, one in outcomes.items()}
    compared, better = quality(seen, labels, cost, tolerated)
    body = {
        "measures": measures,
        "changes": evidence.changes(seen),
        "scores": moved,
        "answers": {
            "verdicts": dict(seen.verdicts), "guards": dict(seen.guards),
            "fallbacks": dict(seen.fallbacks), "invalid": runner.invalid,
            "recorded": {name: dict(counts) for name, counts in seen.recorded.items()},
        },
        "groups": evidence.groups(seen),
        "segments": evidence.worst_segments(seen, trial.signature.fields),
        "quality": compared,
        "tolerances": dict(tolerated),
        "apart": seen.apart if seen.output.kind == "regression" else None,
    }  # fmt: skip
    return body, all_of(v for v in (judged, distribution, better) if v is not None)


def _latency(
    place: GatewayState, bundle: Bundle, sandbox: Sandbox, inputs: NDArray[np.float64]
) -> dict[str, Any]:
    """Rows asked one at a time, of the candidate and of the champion in a sandbox like it."""
    from seawall.adapters.runtimes.sandbox import Sandbox

    found = {"candidate": _singly(sandbox, inputs)}
    champion = bundle.arm(CHAMPION)
    if champion is None or len(bundle.signature.fields) != inputs.shape[1]:
        return found
    try:
        with Sandbox(place.artefact(champion), champion.format) as other:
            found["champion"] = _singly(other, inputs)
    except (NotFound, BadInput):  # it is not here any more, or of a format that no worker reads
        return found
    return found


def _singly(sandbox: Sandbox, inputs: NDArray[np.float64]) -> dict[str, Any]:
    matrix = inputs[np.linspace(0, len(inputs) - 1, min(SINGLY, len(inputs)), dtype=int)]
    times: list[float] = []
    until = perf_counter() + SINGLY_SECONDS
    for row in matrix.astype(np.float32):
        began = perf_counter()
        sandbox.scores(row[None, :])
        times.append((perf_counter() - began) * 1e3)
        if perf_counter() > until or sandbox.given_up:
            break
    return {
        f"p{round(100 * p)}_ms": quantile_interval(times, p, CONFIDENCE).to_dict()
        for p in (0.5, 0.95)
    }


def _check_by(by: Sequence[str], trial: Bundle) -> None:
    known = (*trial.signature.names, *trial.protected, *BY_RECORD)
    for name in by:
        if name not in known:
            raise BadInput(f"nothing to group by is called {name!r}", remedy=nearest(name, known))


def _window(window: Window, found: Found) -> dict[str, Any]:
    told = msgspec.to_builtins(window)
    return told | {"decisions": found.decisions, "read": found.read, "kept": found.kept}


def _zoned(moment: datetime | None) -> datetime | None:
    """A time without a zone is in UTC, as on the command line."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _widen(window: Window, bundle: Bundle) -> str:
    known = {"champion", "canary", *(arm.name for arm in bundle.arms)}
    for arm in window.arms:
        if arm not in known:
            return f"{nearest(arm, known)} ({arm!r} is no arm)"
    if window.since or window.until or window.arms:
        return "widen the window"
    return f"let the gateway decide for {window.endpoint} first, or name another table"


@contextmanager
def _writer(rows: Path | str | None) -> Generator[Any]:
    from seawall.adapters.tables import table_writer

    with nullcontext() if rows is None else table_writer(Path(rows)) as write:
        yield write
