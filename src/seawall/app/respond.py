"""From alerts to incidents: one page, not fifty; suspects; what the runbook lets us do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.app.bundles import Deployment, issue
from seawall.app.root import App
from seawall.app.watch import failing_fields, last_look
from seawall.incidents import incident as incidents
from seawall.incidents.alert import Alert, reconcile
from seawall.incidents.incident import Incident
from seawall.incidents.pipeline import Inhibition, Notice, Notified, Routing, Silence, group, route
from seawall.incidents.postmortem import ActionItem, Postmortem, add_action, draft
from seawall.incidents.runbook import AutomaticAction, Runbook, runbook_for
from seawall.incidents.suspects import Deploy, DriftedFeature, FailingField, Suspect, rank
from seawall.kernel import SYSTEM, SeawallError, Transaction, now
from seawall.monitoring.watch import DriftReading
from seawall.rollout import rollout as steps
from seawall.rollout.rollout import Rollout
from seawall.serving.endpoint import Endpoint

ROUTING = Routing(
    inhibitions=(
        Inhibition({"alert": "budget_burn"}, {"alert": "invalid_input"}),
        Inhibition({"alert": "invalid_input"}, {"alert": "drift"}),
    ),
    group_by=("endpoint", "alert"),
)
KEPT = timedelta(days=1)
"""How long an ended alert is still considered, so that its end is told."""


def respond(app: App, endpoint: Endpoint, firing: Iterable[Alert]) -> list[Incident]:
    """Bring alerts up to date, tell what is new, open or extend incidents, act by the runbook."""
    moment = now(app.clock)
    held = {
        a.fingerprint: a for a in app.store.find(Alert) if a.labels.get("endpoint") == endpoint.name
    }
    changed = reconcile(held, {a.fingerprint: a for a in firing}, moment)
    present = held | {a.fingerprint: a for a in changed}
    recent = [a for a in present.values() if a.ended is None or moment - a.ended < KEPT]
    notified = {n.group: n for n in app.store.find(Notified)}
    told = route(recent, ROUTING, app.store.find(Silence), notified, moment)
    if not changed and not told.notices:
        return []
    with app.store.transaction(SYSTEM) as tx:
        for alert in changed:
            tx.put(alert)
            word = "fired" if alert.firing else "ended"
            detail = {"labels": alert.labels, "severity": alert.severity, "summary": alert.summary}
            tx.record(f"incidents:alert:{word}", alert.fingerprint, detail)
        for notice in told.notices:
            tx.put(notice.notified(moment))
            detail = {
                "group": notice.group.key,
                "reason": notice.reason,
                "severity": notice.group.severity,
                "alerts": len(notice.group.alerts),
            }
            tx.record("incidents:notice:told", endpoint.name, detail)
            tx.emit("incidents:notice:told", endpoint.name, detail)
            if notice.group.severity == "page" and notice.reason != "resolved":
                _page(app, tx, endpoint, notice)
        touched = _bring_up_to_date(app, tx, endpoint, changed)
    for incident in touched:
        app.tell("incident", incident.id)
    return touched


def _bring_up_to_date(
    app: App, tx: Transaction, endpoint: Endpoint, changed: Iterable[Alert]
) -> list[Incident]:
    """Every open incident with the alerts of its group as they stand now."""
    by_group = {part.key: part.alerts for part in group(changed, ROUTING.group_by)}
    touched: list[Incident] = []
    for incident in tx.find(Incident):
        if incident.endpoint == endpoint.name and incident.state != "resolved":
            alerts = by_group.get(incident.group, ())
            following = incidents.absorb(incident, alerts, now(app.clock))
            if following != incident:
                tx.put(following)
                fired = sum(a.firing for a in following.alerts)
                tx.record("incidents:incident:changed", incident.id, {"firing": fired})
            touched.append(following)
    return touched


def _page(app: App, tx: Transaction, endpoint: Endpoint, notice: Notice) -> None:
    """Open the incident of a page, unless one of its group is open already."""
    moment = now(app.clock)
    alerts = notice.group.alerts
    if any(i.group == notice.group.key and i.state != "resolved" for i in tx.find(Incident)):
        return
    book = runbook_for(alerts[0], tx.find(Runbook))
    incident = incidents.open_incident(
        id=app.ids(),
        endpoint=endpoint.name,
        model=endpoint.model,
        alerts=alerts,
        now=moment,
        group=notice.group.key,
        suspects=_suspects(app, tx, endpoint, alerts),
        runbook=book.name if book else "",
    )
    detail = {
        "title": incident.title,
        "severity": incident.severity,
        "runbook": incident.runbook,
        "suspects": [f"{s.what} {s.name}" for s in incident.suspects],
    }
    tx.record("incidents:incident:opened", incident.id, detail)
    tx.emit("incidents:incident:opened", incident.id, detail)
    for action in _permitted(book, alerts):
        try:
            said = _act(app, tx, endpoint, action)
        except SeawallError as failure:  # an action that fails must not hide the incident
            said = f"{action.replace('_', ' ')} failed: {failure}"
        incident = incidents.act(incident, actor="seawall", text=said, now=moment)
        tx.record("incidents:action:taken", incident.id, {"action": action, "effect": said})
    tx.put(incident)


def _permitted(book: Runbook | None, alerts: Iterable[Alert]) -> tuple[AutomaticAction, ...]:
    if book is None:
        return ()
    return tuple(dict.fromkeys(a for alert in alerts for a in book.permitted(alert)))


def _act(app: App, tx: Transaction, endpoint: Endpoint, action: AutomaticAction) -> str:
    """Do what the runbook allows; returns the sentence for the timeline."""
    deployment = tx.get(Deployment, endpoint.name)
    if action == "fall_back":
        if endpoint.fallback is None:
            return "fall back: the endpoint declares no fallback, nothing changed"
        if deployment.falls_back:
            return "fall back: invalid requests are answered by the fallback already"
        change = msgspec.structs.replace(deployment, falls_back=True)
        following = issue(app, tx, change, "an incident's runbook: fall back")
        return (
            f"fall back: from bundle {following.number} on, invalid requests are answered by the "
            f"fallback ({endpoint.fallback.reason})"
        )
    if action == "roll_back":
        opened = [r for r in tx.find(Rollout, f"{endpoint.name}/") if r.open]
        if not opened:
            return "roll back: no rollout is open, nothing changed"
        from seawall.app.rollouts import settle

        moved = steps.abort(
            opened[0], actor="seawall", reason="an incident's runbook", now=now(app.clock)
        )
        settle(app, tx, moved, "roll_back", "seawall")
        return f"roll back: {moved.candidate} is taken off, {moved.control} answers everything"
    return f"{action.replace('_', ' ')}: asked of the people on call"


def _suspects(
    app: App, tx: Transaction, endpoint: Endpoint, alerts: tuple[Alert, ...]
) -> tuple[Suspect, ...]:
    started = min(a.started for a in alerts)
    hour = timedelta(hours=1)
    deploys = [
        Deploy(f"{s.action} {r.candidate} at {s.step}", s.time)
        for r in tx.find(Rollout, f"{endpoint.name}/")
        for s in r.history
        if s.action not in ("hold", "pause", "resume")
    ]
    look = last_look(app, endpoint.name)
    reading: DriftReading | None = look.reading if look else None
    drifted = [DriftedFeature(f.name, f.distance, 0.10) for f in reading.moved] if reading else []
    failing = [
        FailingField(field, failures, requests)
        for field, failures, requests in failing_fields(app, endpoint, started - hour)
    ]
    return rank(started, deploys, drifted, failing)


def mitigate(app: App, who: Identity, key: str, reason: str) -> Incident:
    """Say that the harm has stopped."""
    return _change(app, who, key, "mitigated", reason)


def resolve(app: App, who: Identity, key: str, reason: str) -> Incident:
    """Say that the cause is gone; a postmortem draft with its first action items is begun."""
    return _change(app, who, key, "resolved", reason)


def _change(app: App, who: Identity, key: str, to: str, reason: str) -> Incident:
    app.allow(who, Action.RESOLVE_INCIDENT, incident=key)
    moment = now(app.clock)
    with app.store.transaction(who.actor) as tx:
        incident = tx.get(Incident, key)
        act = incidents.mitigate if to == "mitigated" else incidents.resolve
        incident = act(incident, actor=who.id, reason=reason, now=moment)
        if to == "resolved" and incident.postmortem is None:
            written = _postmortem(incident, who.id)
            incident = incidents.with_postmortem(incident, written, actor="seawall", now=moment)
        tx.put(incident)
        tx.record(f"incidents:incident:{to}", key, {"reason": reason})
        tx.emit(f"incidents:incident:{to}", key, {"reason": reason})
    app.tell("incident", key)
    return incident


def _postmortem(incident: Incident, owner: str) -> Postmortem:
    """A draft that states what is known, and who will see to what by when."""
    lasted = (incident.resolved or incident.started) - incident.started
    facts = [
        f"it began at {incident.started:%Y-%m-%d %H:%M} UTC and lasted {lasted}",
        *(f"suspect: {s.what} {s.name}, {s.reason}" for s in incident.suspects[:3]),
        *(f"done: {e.text}" for e in incident.actions),
    ]
    written = draft(incident.title, facts)
    due = (incident.resolved or incident.started).date() + timedelta(days=14)
    for name in [s.name for s in incident.suspects[:2]] or ["the cause"]:
        text = f"find why {name} went wrong, and add a check that would have stopped it"
        item = ActionItem(id=f"A{len(written.actions) + 1}", text=text, owner=owner, due=due)
        written = add_action(written, item)
    return written


def silenced(app: App, who: Identity, silence: Silence) -> Silence:
    """Mute alerts for a while, on record."""
    app.allow(who, Action.OPEN_INCIDENT, endpoint=silence.match.get("endpoint", ""))
    with app.store.transaction(who.actor) as tx:
        tx.put(silence)
        tx.record("incidents:silence:set", silence.id, {"reason": silence.reason})
    return silence
