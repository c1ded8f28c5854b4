"""Incidents: the list, and one from its first sign to its postmortem."""

from __future__ import annotations

from datetime import datetime

import msgspec

from seawall.server.pages.views.common import (
    Action,
    Fact,
    Frame,
    HistoryEntry,
    Paging,
    Status,
)


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in the list; `cause` names what is suspected first."""

    key: str
    title: str
    model: str
    severity: str
    status: Status
    opened: datetime
    closed: datetime | None = None
    owner: str = ""
    cause: str = ""


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """The list of incidents; `state` is `open` or `all`, `model` narrows it to one model."""

    frame: Frame
    status: Status
    sentence: str
    incidents: tuple[IncidentRow, ...] = ()
    paging: Paging = Paging()
    state: str = "open"
    model: str = ""


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A possible cause, most likely first: what, and the evidence that points there."""

    title: str
    evidence: str
    status: Status
    href: str = ""
    time: datetime | None = None


class ChecklistItem(msgspec.Struct, frozen=True):
    """A question of the incident checklist, answered from evidence where a fact can decide."""

    question: str
    status: Status
    evidence: str = ""


class RunbookStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the runbook; `command` can be copied; `done` says who did it and when."""

    text: str
    command: str = ""
    done: HistoryEntry | None = None
    action: Action | None = None


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """A follow-up with an owner and a date; it stays open until done."""

    text: str
    owner: str
    status: Status
    due: datetime | None = None


class Answer(msgspec.Struct, frozen=True):
    """A question of the postmortem with its answer; empty while unanswered."""

    question: str
    text: str = ""


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt; `edit` is the form that writes it, None for those who may not."""

    status: Status
    answers: tuple[Answer, ...] = ()
    items: tuple[ActionItem, ...] = ()
    edit: Action | None = None
    add_item: Action | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one incident, with the steps of its runbook."""

    frame: Frame
    key: str
    title: str
    status: Status
    sentence: str
    facts: tuple[Fact, ...] = ()
    actions: tuple[Action, ...] = ()
    timeline: tuple[HistoryEntry, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    runbook_name: str = ""
    runbook: tuple[RunbookStep, ...] = ()
    postmortem: Postmortem | None = None
