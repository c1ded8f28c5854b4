"""What the gateways saw, absorbed once, and read back as the evidence of each arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters.sql import TelemetryRow
from seawall.app.root import App
from seawall.kernel import BadInput, Corrupt, from_ns, nearest, now, to_ns
from seawall.rollout.evidence import ArmEvidence, PairEvidence, counted_from
from seawall.rollout.rollout import Rollout
from seawall.serving.counted import answer_bins
from seawall.serving.telemetry import (
    STREAMS,
    WINDOW,
    Counters,
    Joint,
    Labels,
    Report,
    Row,
    Stream,
    decode,
    merge,
)
from seawall.statistics.summary import ColumnSummary, TableSummary

HOUR = timedelta(hours=1)
LAG = timedelta(minutes=30)
"""How long after its window a gateway's report may still be on its way."""


S = TypeVar("S", TableSummary, ColumnSummary)


def _merged(parts: Iterable[S]) -> S | None:
    """All the parts of one grid as one; a change of grid starts anew."""
    total: S | None = None
    for part in parts:
        try:
            total = part if total is None else total.merge(part)
        except BadInput:
            total = part
    return total


def absorb(app: App, who: Identity, report: Report) -> bool:
    """Merge a delivery into what is held; False when it was here before."""
    app.allow(who, Action.TELEMETRY, gateway=report.gateway)
    for row in report.rows:
        _check(row)
    rows = [
        TelemetryRow(
            endpoint=endpoint, version=version, arm=arm, stream=stream, start_ns=start, body=body
        )
        for endpoint, version, arm, stream, start, body in report.rows
    ]
    new = app.store.telemetry.absorb(report.gateway, report.sequence, rows, merge)
    for endpoint in {row.endpoint for row in rows} if new else ():
        app.tell("endpoint", endpoint)
    return new


def _check(row: Row) -> None:
    """Refuse what could not be read back: it would stop every later look at the endpoint."""
    endpoint, version, arm, stream, _, body = row
    if stream not in STREAMS:
        raise BadInput(f"there is no stream {stream!r}", remedy=nearest(stream, STREAMS))
    try:
        decode(stream, body)
    except (Corrupt, ValueError) as error:
        raise BadInput(str(error), where=f"{endpoint} {version} {arm} {stream}") from error


def aligned(moment: datetime, size: timedelta) -> datetime:
    """The first window start at or after the moment."""
    step = round(size.total_seconds() * 1e9)
    return from_ns(-(-to_ns(moment) // step) * step)


def load(
    app: App,
    endpoint: str,
    stream: Stream,
    *,
    version: str | None = None,
    arm: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[tuple[TelemetryRow, object]]:
    """The decoded windows that start in `since <= start < until`, oldest first."""
    rows = app.store.telemetry.load(
        endpoint,
        stream,
        version=version,
        arm=arm,
        start_ns=to_ns(since) if since else None,
        end_ns=to_ns(until) if until else None,
    )
    return [(row, decode(stream, row.body)) for row in rows]


def counters(
    app: App, endpoint: str, since: datetime, *, version: str | None = None, arm: str | None = None
) -> list[tuple[TelemetryRow, Counters]]:
    """The five-minute counters of an endpoint, or of one arm of it."""
    found = load(app, endpoint, "counters", version=version, arm=arm, since=since)
    return [(row, body) for row, body in found if isinstance(body, Counters)]


def inputs(
    app: App, endpoint: str, since: datetime, until: datetime, *, like: TableSummary
) -> TableSummary | None:
    """The inputs of all the arms that answered, merged over a span of whole hours.

    Only what was counted on the grids of `like`: an earlier champion's baseline had others.
    """
    grids = {name: column.grid.digest for name, column in like.columns.items()}
    found = load(app, endpoint, "inputs", since=since, until=until)
    return _merged(
        body
        for _, body in found
        if isinstance(body, TableSummary)
        and all(grids.get(name) == column.grid.digest for name, column in body.columns.items())
    )


def scores(
    app: App, endpoint: str, version: str, arm: str, since: datetime
) -> ColumnSummary | None:
    """The scores one arm gave since a moment."""
    found = load(app, endpoint, "scores", version=version, arm=arm, since=since)
    return _merged(body for _, body in found if isinstance(body, ColumnSummary))


def matured_until(app: App, label_age: timedelta) -> datetime:
    """The last hour, by its start, whose labels have all had the time to arrive and be reported."""
    return now(app.clock) - label_age - LAG - HOUR


def matured_labels(
    app: App, endpoint: str, version: str, arm: str, since: datetime, label_age: timedelta
) -> list[tuple[datetime, int, Labels]]:
    """Per hour of decision old enough to judge: its start, its decisions, its labels."""
    until = matured_until(app, label_age)
    decided: Counter[datetime] = Counter()
    for row, body in counters(app, endpoint, since, version=version, arm=arm):
        start = from_ns(row.start_ns)
        decided[start.replace(minute=0)] += body.decisions
    found = load(app, endpoint, "labels", version=version, arm=arm, since=since)
    labels = {from_ns(r.start_ns): body for r, body in found if isinstance(body, Labels)}
    return [
        (hour, decided[hour], labels.get(hour, Labels()))
        for hour in sorted(decided)
        if hour <= until
    ]


def arms_evidence(
    app: App,
    endpoint: str,
    since: datetime,
    arms: Sequence[tuple[str, str]],
    label_age: timedelta,
) -> list[ArmEvidence]:
    """The counts of arms (version, name) since a moment, whole windows only.

    All are read at one moment: a report that came between two looks would be in one arm's count
    and not in the other's, and break the ratio of the sample.
    """
    counted = counters(app, endpoint, counted_from(since, WINDOW["counters"]))
    return [
        _evidence(
            app,
            endpoint,
            since,
            version,
            arm,
            label_age,
            [body for row, body in counted if (row.version, row.arm) == (version, arm)],
        )
        for version, arm in arms
    ]


def _evidence(
    app: App,
    endpoint: str,
    since: datetime,
    version: str,
    arm: str,
    label_age: timedelta,
    counted: Sequence[Counters],
) -> ArmEvidence:
    given = scores(app, endpoint, version, arm, counted_from(since, WINDOW["scores"]))
    matured = matured_labels(app, endpoint, version, arm, counted_from(since, HOUR), label_age)
    if any(labels.arrived and not labels.correct + labels.wrong for _, _, labels in matured):
        matured = []  # values without a tolerance are neither right nor wrong: nothing is shown
    return ArmEvidence(
        decisions=sum(c.decisions for c in counted),
        errors=sum(c.errors for c in counted),
        slow=sum(c.slow for c in counted),
        scores=answer_bins(given) if given else (),
        matured=sum(n for _, n, _ in matured),
        arrived=sum(min(labels.arrived, n) for _, n, labels in matured),
        wrong=sum(min(labels.wrong, labels.arrived, n) for _, n, labels in matured),
    )


def pair_evidence(app: App, rollout: Rollout) -> PairEvidence:
    """The candidate's scores beside the control's on the same inputs, while it is a shadow."""
    since = counted_from(rollout.step_started, WINDOW["shadow"])
    found = load(
        app, rollout.endpoint, "shadow", version=rollout.candidate, arm="shadow", since=since
    )
    total = PairEvidence()
    for _, body in found:
        joint: Joint | None = getattr(body, "against", {}).get(rollout.control)
        if joint is not None:
            table = tuple(tuple(int(n) for n in line) for line in joint.table)
            total = total.plus(PairEvidence(table))
    return total
