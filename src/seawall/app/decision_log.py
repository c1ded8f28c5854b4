"""The decision log kept: what is told of decisions, a person's erased, days ended, files merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters import decisions
from seawall.adapters.decisions import DecisionLog
from seawall.adapters.decisions.erasure import Erased
from seawall.adapters.decisions.erasures import PERSONAL
from seawall.adapters.decisions.schema import ACTIONS, EVENTS, OUTCOMES, OVERRIDES
from seawall.app.decisions import log_folders
from seawall.app.root import App
from seawall.kernel import BadInput, nearest
from seawall.serving.decision import DecisionRecord
from seawall.serving.endpoint import Endpoint
from seawall.serving.followup import ActionTaken, BusinessEvent, FollowUp, Override
from seawall.serving.outcome import Outcome

TOLD: dict[str, type[Outcome] | type[FollowUp]] = {
    OUTCOMES: Outcome,
    ACTIONS: ActionTaken,
    OVERRIDES: Override,
    EVENTS: BusinessEvent,
}
"""What may be told of decisions, by the name of its table."""
MOST = 100_000
"""So many are told, or read for an audit, at once."""


def tell(app: App, who: Identity, kind: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Keep outcomes, actions, overrides or events durably: all or none; returns how many.

    An override's reviewer is whoever tells it, unless another is named. Labels that the gateway is
    to count into its cohorts go to the gateway. Raises `BadInput`, naming the row, for one that is
    not what its kind needs.
    """
    app.allow(who, Action.REVIEW if kind == OVERRIDES else Action.RECORD_OUTCOME, kind=kind)
    if kind not in TOLD:
        raise BadInput(f"nothing is told as {kind!r}", remedy=nearest(kind, TOLD))
    if len(rows) > MOST:
        raise BadInput(f"{len(rows):,} {kind}", remedy=f"send at most {MOST:,} at a time")
    told = [_read(kind, number, row, who) for number, row in enumerate(rows, 1)]
    if not told:
        return 0
    folder = app.folder / "decision-log"
    log = DecisionLog(folder, gateway="control-plane", clock=app.clock)
    log.append_told(told)
    log.close()
    ids = [one.decision_id for one in told]
    with app.store.transaction(who.actor) as tx:
        detail = {"count": len(ids), "first": ids[0], "last": ids[-1]}
        tx.record(f"decision:{kind}:told", ids[0] if len(ids) == 1 else kind, detail)
    decisions.ship(folder, str(app.decisions), clock=app.clock, keys=app.decision_keys)
    return len(told)


def _read(kind: str, number: int, row: Mapping[str, Any], who: Identity) -> Outcome | FollowUp:
    given = {name: value for name, value in row.items() if value is not None}
    if kind == OVERRIDES:
        given.setdefault("reviewer", who.id)
    try:
        told = msgspec.convert(given, TOLD[kind], strict=False)
        decisions.check_told(told)
    except (msgspec.ValidationError, BadInput) as error:
        raise BadInput(str(error), where=f"{kind}, row {number}") from None
    return told


def of_subject(app: App, who: Identity, subject: str) -> list[DecisionRecord]:
    """Every decision about a subject, oldest first; for access, complaints and erasure."""
    app.allow(who, Action.READ_AUDIT)
    return decisions.find_subject(
        str(app.decisions), subject, wal_folders=log_folders(app), keys=app.decision_keys
    )


def audit(
    app: App, who: Identity, endpoint: str, since: datetime, until: datetime, reason: str
) -> list[dict[str, Any]]:
    """Shipped decisions of a span beside what is kept apart from them, for a fairness audit.

    At most `MOST`, the oldest; the audit log has who asked, for which span and why.
    """
    app.allow(who, Action.READ_PROTECTED, endpoint=endpoint)
    if not reason.strip():
        raise BadInput("reading protected attributes needs a reason", remedy="say what it is for")
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise BadInput("a span goes from a time to a later one, both with their zone")
    app.store.get(Endpoint, endpoint)
    rows = decisions.fairness_rows(
        str(app.decisions),
        endpoint,
        since=since,
        until=until,
        limit=MOST,
        apart_keys=app.protected_keys,
    )
    with app.store.transaction(who.actor) as tx:
        detail = {"since": since, "until": until, "decisions": len(rows), "reason": reason}
        tx.record("decision:protected:read", endpoint, detail)
    return rows


def erase(app: App, who: Identity, subject: str, fields: Sequence[str], reason: str) -> Erased:
    """Erase a subject's values from every past decision, and say so in the audit log.

    Without `fields` those that are about a person. What waits in a gateway's log is erased as it is
    shipped. The audit log has the reason and the numbers, and not the subject.
    """
    app.allow(who, Action.ERASE)
    if not subject or not reason.strip():
        raise BadInput("an erasure needs a subject and a reason")
    table, keys = str(app.decisions), app.decision_keys
    erasure = decisions.record_erasure(
        table, subject, fields or PERSONAL, clock=app.clock, keys=keys
    )
    with app.store.transaction(who.actor) as tx:
        detail = {"fields": list(erasure.fields), "until": erasure.time, "reason": reason}
        tx.record("decision:subject:erased", erasure.id, detail)
    return decisions.carry_out(table, erasure, clock=app.clock, keys=keys)


def compact(app: App, who: Identity) -> decisions.Compacted:
    """Merge small files, end days past their endpoint's retention, finish erasures."""
    app.allow(who, Action.ERASE)
    kept = {e.name: e.retention_days for e in app.store.find(Endpoint)}
    retention = {name: days for name, days in kept.items() if days is not None}
    done = decisions.compact(
        str(app.decisions), clock=app.clock, retention=retention, keys=app.decision_keys
    )
    if done.ended or done.erasures:
        with app.store.transaction(who.actor) as tx:
            tx.record("decision:retention:ended", "decisions", {"days": done.ended})
    return done
