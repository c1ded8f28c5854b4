"""Incidents: the list, and one from its first sign to its postmortem."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

from seawall.access.action import Action as Permission
from seawall.app.root import App
from seawall.incidents.incident import Incident
from seawall.incidents.postmortem import QUESTIONS
from seawall.incidents.runbook import Runbook
from seawall.incidents.suspects import Suspect
from seawall.kernel import NotFound
from seawall.rollout.rollout import Rollout
from seawall.server.pages import formats, paths, views
from seawall.server.pages.views import Action, Fact, HistoryEntry, Input, Status
from seawall.server.queries.overview import RolloutHead
from seawall.server.queries.rollout_controls import roll_back
from seawall.server.queries.visit import IncidentHead, Visit
from seawall.server.queries.words import listed, plural, sentence
from seawall.serving.endpoint import Endpoint

PAGE = 50
STATES = {
    "open": Status("bad", "open"),
    "mitigated": Status("warning", "mitigated"),
    "resolved": Status("good", "resolved"),
}


def incidents(
    visit: Visit, *, state: str = "open", model: str = "", page: int = 1
) -> views.Incidents:
    """The list, newest first; `state` is `open` (not resolved) or `all`."""
    visit.app.allow(visit.who, Permission.READ)
    every = visit.app.store.find(IncidentHead)
    mine = [i for i in every if not model or i.model == model]
    opened = [i for i in mine if i.state != "resolved"]
    found = sorted(mine if state == "all" else opened, key=lambda i: i.id, reverse=True)
    pages = max(1, -(-len(found) // PAGE))
    page = max(1, min(page, pages))
    pressing = [i for i in opened if i.state == "open" and i.severity == "page"]
    if pressing:
        status = Status("bad", "open")
        said = f"{plural(len(pressing), 'incident')} open: {pressing[0].title}."
    elif opened:
        status = Status("warning", "open")
        said = f"{plural(len(opened), 'incident')} not resolved; no harm goes on."
    else:
        status, said = Status("good", "quiet"), "No incident is open."
    return views.Incidents(
        frame=visit.frame(),
        status=status,
        sentence=said,
        incidents=tuple(_row(visit.app, i) for i in found[(page - 1) * PAGE : page * PAGE]),
        paging=views.Paging(page=page, pages=pages, total=len(found)),
        state="all" if state == "all" else "open",
        model=model,
    )


def _row(app: App, head: IncidentHead) -> views.IncidentRow:
    whole = app.store.get(Incident, head.id)
    people = [e.actor for e in whole.timeline if e.actor != "seawall"]
    return views.IncidentRow(
        key=head.id,
        title=head.title,
        model=head.model,
        severity=head.severity,
        status=STATES[head.state],
        opened=head.started,
        closed=head.resolved,
        owner=people[-1] if people else "",
        cause=_named(whole.suspects[0]) if whole.suspects else "",
    )


def incident(visit: Visit, key: str) -> views.Incident:
    """The page; raises `NotFound`."""
    app = visit.app
    app.allow(visit.who, Permission.READ, incident=key)
    held = app.store.get(Incident, key)
    name, steps = _runbook(visit, held)
    return views.Incident(
        frame=visit.frame(),
        key=held.id,
        title=held.title,
        status=STATES[held.state],
        sentence=_sentence(held, visit.moment),
        facts=_facts(held, visit.moment),
        actions=_actions(visit, held),
        timeline=_timeline(held),
        suspects=tuple(_suspect(app, held, s) for s in held.suspects),
        checklist=_checklist(app, held),
        runbook_name=name,
        runbook=steps,
        postmortem=_postmortem(held, visit.moment),
    )


def _sentence(held: Incident, now: datetime) -> str:
    firing = [a for a in held.alerts if a.firing]
    if held.state == "resolved" and held.resolved is not None:
        why = f"; first suspect: {_named(held.suspects[0])}" if held.suspects else ""
        return f"Resolved after {formats.span(held.resolved - held.started)}{why}."
    begun = f"It began {formats.relative(held.started, now)}"
    on = f"{plural(len(firing), 'alert')} fire{'s' if len(firing) == 1 else ''}"
    on = on if firing else "no alert fires any more"
    first = held.suspects[0] if held.suspects else None
    why = f"; first suspect: {_named(first)}" if first else ""
    calm = "the harm has stopped; " if held.state == "mitigated" else ""
    return f"{begun}; {calm}{on}{why}."


def _facts(held: Incident, now: datetime) -> tuple[Fact, ...]:
    facts = [
        Fact(name="Model", value=held.model, href=paths.model(held.model)),
        Fact(name="Endpoint", value=held.endpoint, mono=True),
        Fact(name="Severity", value=held.severity),
        Fact(name="Began", value=f"{held.started:%Y-%m-%d %H:%M}"),
        Fact(name="Alerts", value=_alerts(held)),
    ]
    if held.escalates_to:
        facts.append(Fact(name="Also told", value=listed(held.escalates_to)))
    end = held.resolved or now
    facts.append(Fact(name="Lasted", value=formats.span(end - held.started)))
    return tuple(facts)


def _alerts(held: Incident) -> str:
    firing = sum(a.firing for a in held.alerts)
    return f"{len(held.alerts)}, {firing} firing"


def _actions(visit: Visit, held: Incident) -> tuple[Action, ...]:
    refused = visit.refused(Permission.RESOLVE_INCIDENT, incident=held.key)
    here = paths.incident(held.id)
    firing = [a for a in held.alerts if a.firing]
    found: list[Action] = []
    if held.state == "open":
        found.append(
            Action(
                label="Mitigated",
                post=here,
                effect="The harm has stopped; the incident stays until its cause is gone.",
                fields={"action": "mitigate"},
                inputs=(Input(name="reason", label="What stopped the harm", required=True),),
                refused=refused,
            )
        )
    if held.state != "resolved":
        still = f"{plural(len(firing), 'alert')} still fires." if firing else ""
        found.append(
            Action(
                label="Resolve",
                post=here,
                effect="The incident ends; a postmortem draft with its first actions is begun.",
                fields={"action": "resolve"},
                inputs=(Input(name="reason", label="Why it is over", required=True),),
                refused=refused or still,
            )
        )
    if held.state != "resolved" and (going := _rollout(visit.app, held.endpoint)):
        found.append(roll_back(visit, going))
    return tuple(found)


def _rollout(app: App, endpoint: str) -> Rollout | None:
    heads = [h for h in app.store.find(RolloutHead, f"{endpoint}/") if h.open]
    return app.store.get(Rollout, heads[0].key) if heads else None


def _timeline(held: Incident) -> tuple[HistoryEntry, ...]:
    marks = {
        "alert": Status("bad", "alert"),
        "action": Status("none", "action"),
        "state": Status("warning", "state"),
    }
    found: list[HistoryEntry] = []
    for e in held.timeline:
        status = marks.get(e.what)
        if e.text.startswith(("resolved", "ended")):
            status = Status("good", e.what)
        found.append(HistoryEntry(time=e.time, actor=e.actor, text=e.text, status=status))
    return tuple(found)


def _named(suspect: Suspect) -> str:
    return f"{suspect.what} {suspect.name.replace('_', ' ')}"


def _suspect(app: App, held: Incident, suspect: Suspect) -> views.Suspect:
    shape = "bad" if suspect.weight >= 0.5 else "warning"
    href = paths.model(held.model) + ("#inputs" if suspect.what == "feature" else "#invalid")
    if suspect.what == "deploy":
        going = _rollout(app, held.endpoint)
        href = paths.rollout(going.id) if going else paths.model(held.model)
    return views.Suspect(
        title=_named(suspect),
        evidence=suspect.reason,
        status=Status(shape, f"weight {suspect.weight:.2f}"),
        href=href,
    )


def _checklist(app: App, held: Incident) -> tuple[views.ChecklistItem, ...]:
    """Questions that the stored facts answer."""
    by_kind = {
        kind: [s for s in held.suspects if s.what == kind]
        for kind in ("deploy", "feature", "field")
    }
    endpoint = app.store.get(Endpoint, held.endpoint)
    going = _rollout(app, held.endpoint)

    def asked(question: str, found: list[Suspect], none: str) -> views.ChecklistItem:
        if found:
            first = f"{found[0].name.replace('_', ' ')}: {found[0].reason}"
            return views.ChecklistItem(question, Status("bad", "yes"), first)
        return views.ChecklistItem(question, Status("good", "no"), none)

    acted = [e.text for e in held.actions]
    return (
        asked("Was anything deployed shortly before?", by_kind["deploy"], "nothing within a day"),
        asked("Has an input drifted?", by_kind["feature"], "none beyond its tolerance"),
        asked("Do requests fail validation?", by_kind["field"], "no field failed more than before"),
        views.ChecklistItem(
            "Is a rollout open that can be rolled back?",
            Status("warning", "yes") if going else Status("none", "no"),
            f"{going.candidate} at {going.current.name}" if going else "",
        ),
        views.ChecklistItem(
            "Is there a safe fallback?",
            Status("good", "yes") if endpoint.fallback else Status("warning", "no"),
            endpoint.fallback.reason if endpoint.fallback else "the endpoint declares none",
        ),
        views.ChecklistItem(
            "Did the runbook act by itself?",
            Status("good", "yes") if acted else Status("none", "no"),
            acted[0] if acted else "it permits nothing here, or nothing was needed",
        ),
    )


def _runbook(visit: Visit, held: Incident) -> tuple[str, tuple[views.RunbookStep, ...]]:
    if not held.runbook:
        return "", ()
    try:
        book = visit.app.store.get(Runbook, held.runbook)
    except NotFound:
        return held.runbook, ()
    return book.name, tuple(
        views.RunbookStep(
            text=f"{s.text} Expect: {s.expect}" if s.expect else s.text,
            command=re.sub(r"\bID\b", held.id, s.command),
        )
        for s in book.steps
    )


def _summary(text: str) -> str:
    """The lines of a draft as sentences."""
    return " ".join(sentence(line.removeprefix("- ")) for line in text.splitlines() if line)


def _postmortem(held: Incident, now: datetime) -> views.Postmortem | None:
    written = held.postmortem
    if written is None:
        return None
    status = Status("warning", "draft")
    if written.complete:
        status = Status("good", "closed") if written.closed else Status("undecided", "actions open")
    return views.Postmortem(
        status=status,
        answers=(
            views.Answer("What is known", _summary(written.summary)),
            *(views.Answer(q, written.answers.get(k, "")) for k, q in QUESTIONS.items()),
        ),
        items=tuple(
            views.ActionItem(
                text=a.text,
                owner=a.owner,
                status=Status("good", "done")
                if a.done
                else Status("bad", "overdue")
                if a.overdue(now.date())
                else Status("undecided", "open"),
                due=datetime.combine(a.due, time(), UTC),
            )
            for a in written.actions
        ),
    )
