"""What was learned from an incident, and who does what about it by when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from seawall.kernel import BadInput, Conflict, NotFound, nearest

QUESTIONS = {
    "cause": "Was it the model or the operation?",
    "objectives": "Were the SLIs and SLOs useful?",
    "telemetry": "Was the telemetry enough?",
    "actions": "Are the actions tracked?",
    "governance": "Which gaps of governance showed?",
}


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done, by an owner, by a date; open until `done`."""

    id: str
    text: str
    owner: str
    due: date
    done: datetime | None = None

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.owner.strip():
            raise ValueError("an action item says what is to be done and who owns it")

    def overdue(self, today: date) -> bool:
        """Whether it is open past its date."""
        return self.done is None and today > self.due


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to the five questions by name, and the actions that follow."""

    summary: str
    answers: dict[str, str] = {}
    actions: tuple[ActionItem, ...] = ()

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The questions without an answer, as asked."""
        return tuple(q for k, q in QUESTIONS.items() if not self.answers.get(k, "").strip())

    @property
    def complete(self) -> bool:
        """Whether every question is answered and at least one action item follows."""
        return not self.unanswered and bool(self.actions)

    @property
    def closed(self) -> bool:
        """Whether it is complete and all its actions are done."""
        return self.complete and all(a.done for a in self.actions)


def draft(title: str, facts: Iterable[str]) -> Postmortem:
    """A postmortem that states the facts known and answers nothing: people do that."""
    return Postmortem(summary="\n".join([title, *(f"- {fact}" for fact in facts)]))


def answer(postmortem: Postmortem, question: str, text: str) -> Postmortem:
    """The postmortem with one question answered, by its name in `QUESTIONS`."""
    if question not in QUESTIONS:
        raise BadInput(f"no question is called {question!r}", remedy=nearest(question, QUESTIONS))
    return msgspec.structs.replace(postmortem, answers={**postmortem.answers, question: text})


def add_action(postmortem: Postmortem, item: ActionItem) -> Postmortem:
    """The postmortem with one more action item; ids are unique within it."""
    if any(a.id == item.id for a in postmortem.actions):
        raise Conflict(f"action item {item.id!r} exists already")
    return msgspec.structs.replace(postmortem, actions=(*postmortem.actions, item))


def finish_action(postmortem: Postmortem, item_id: str, now: datetime) -> Postmortem:
    """The postmortem with an action done; raises `NotFound`, or `Conflict` if it was already."""
    known = {a.id: a for a in postmortem.actions}
    if item_id not in known:
        raise NotFound(f"no action item {item_id!r}", remedy=nearest(item_id, known))
    if known[item_id].done:
        raise Conflict(f"action item {item_id!r} was done on {known[item_id].done:%Y-%m-%d}")
    known[item_id] = msgspec.structs.replace(known[item_id], done=now)
    return msgspec.structs.replace(postmortem, actions=tuple(known.values()))
