"""What happened, from the audit log, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from seawall.adapters.sql.audit import Logged
from seawall.app.root import App
from seawall.audit.entry import Entry
from seawall.server.pages import paths
from seawall.server.pages.views import HistoryEntry, Status
from seawall.server.queries.words import plain

_VERSION = re.compile(r"([a-z0-9][a-z0-9._-]*)@([1-9][0-9]*)")
QUIET = (
    "rollout:step:hold",
    "registry:artefact:downloaded",
    "monitoring:drift:read",
    "incidents:incident:changed",
)
"""Entries that stay out of histories: they only say that all goes on."""
ROLLOUT_STEPS = tuple(
    f"rollout:step:{act}"
    for act in ("start", "advance", "promote", "roll_back", "abort", "pause", "resume")
)


def told(entry: Entry) -> str:
    """One entry of the audit log in plain words."""
    subject, detail, action = entry.subject, entry.detail, entry.action
    source, _, act = action.split(":")
    match action:
        case "registry:version:registered":
            return f"registered {subject}"
        case "validation:report:recorded":
            findings = detail.get("findings", 0)
            return f"validated {subject}: {detail.get('outcome')}, {findings} findings"
        case "policy:gate:judged":
            return f"gate of {subject} to {detail.get('to')}: {detail.get('outcome')}"
        case "approvals:version:approved":
            return f"approved {subject}"
        case "approvals:version:rejected":
            return f"rejected {subject}: {detail.get('comment')}"
        case "serving:bundle:issued":
            return f"bundle {detail.get('number')} issued: {detail.get('why')}"
        case "incidents:incident:opened":
            return f"incident opened: {detail.get('title')}"
        case "incidents:incident:mitigated" | "incidents:incident:resolved":
            return f"incident {act}: {detail.get('reason')}"
        case "incidents:action:taken":
            return str(detail.get("effect"))
        case "incidents:alert:fired" | "incidents:alert:ended":
            return f"alert {act}: {detail.get('summary')}"
        case "monitoring:drift:read":
            moved = detail.get("moved") or []
            rows = f"{detail.get('rows', 0):,} rows"
            return f"drift: {', '.join(moved)} moved ({rows})" if moved else f"no drift ({rows})"
        case "incidents:incident:changed":
            return f"{detail.get('firing', 0)} of its alerts fire"
        case "incidents:notice:told":
            return f"{detail.get('severity')} told: {detail.get('reason')}"
        case "access:ticket:issued":
            return "a one-time sign-in token was made"
        case "access:ticket:redeemed":
            return "signed in with a one-time token"
        case "access:identity:created":
            return f"identity made: {', '.join(detail.get('roles') or ())}"
        case "access:token:issued":
            return "an API token was made"
        case "registry:artefact:downloaded":
            return "its artefact was downloaded"
        case "decisions:segment:sealed":
            return f"{detail.get('size', 0):,} decisions sealed"
        case _:
            pass
    if source == "rollout":
        return plain(str(detail.get("sentence") or act))
    if source == "retraining":
        return f"retraining {act.replace('_', ' ')}: {detail.get('note') or detail.get('reason')}"
    if source == "declared":
        return f"{act} {subject}"
    said = detail.get("reason") or detail.get("note")
    return f"{action.replace(':', ' ').replace('_', ' ')}{f': {said}' if said else ''}"


def status(entry: Entry) -> Status | None:
    """The mark of an entry that tells good or bad news."""
    act = entry.action.rsplit(":", 1)[1]
    outcome = entry.detail.get("outcome")
    if outcome in ("pass", "fail", "undecided"):
        words = {"pass": "good", "fail": "bad", "undecided": "undecided"}
        return Status(words[outcome], str(outcome))  # pyright: ignore[reportArgumentType] -- a Shape
    if act in ("roll_back", "rejected", "opened", "fired", "failed"):
        return Status("bad", act.replace("_", " "))
    if act in ("promote", "approved", "resolved", "ended"):
        return Status("good", act)
    if act in ("pause", "mitigated", "abort"):
        return Status("warning", act)
    return None


def href(entry: Entry, endpoints: dict[str, str] | None = None) -> str:
    """Where the thing that an entry is about has its page; empty when it has none.

    `endpoints` maps the endpoints that exist to their models.
    """
    subject, (source, kind, _) = entry.subject, entry.action.split(":")
    if found := _VERSION.fullmatch(subject):
        return paths.version(found[1], found[2])
    if found := _VERSION.fullmatch(str(entry.detail.get("version", ""))):
        return paths.version(found[1], found[2])
    if source == "rollout":
        return paths.rollout(subject)
    if source == "incidents" and kind in ("incident", "action"):
        return paths.incident(subject)
    if endpoints and subject in endpoints:
        return paths.model(endpoints[subject])
    if source == "declared" and subject.startswith("Model/"):
        return paths.model(subject.removeprefix("Model/"))
    return ""


def shown(item: Logged) -> HistoryEntry:
    """A logged entry as a line of a history."""
    return HistoryEntry(
        time=item.entry.time,
        actor=item.entry.actor,
        text=told(item.entry),
        href=href(item.entry),
        status=status(item.entry),
        entry=item.index,
    )


def of(
    app: App, subjects: Iterable[str] = (), on: Iterable[tuple[str, str]] = (), limit: int = 15
) -> tuple[HistoryEntry, ...]:
    """The newest of what was done to these subjects, newest first.

    `on` names further (subject, action) pairs, for subjects whose other entries are too many.
    """
    found: dict[str, Logged] = {}
    asked: list[dict[str, Any]] = [{"subject": s} for s in subjects]
    asked += [{"subject": s, "action": a} for s, a in on]
    for query in asked:
        for item in app.store.audit.find(**query, limit=3 * limit):
            if item.entry.action not in QUIET:
                found[item.entry.id] = item
    newest = sorted(found.values(), key=lambda i: i.entry.id, reverse=True)
    return tuple(shown(item) for item in newest[:limit])
