"""What is told of decisions later, as it is kept: in the log, as rows, and read back in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from seawall.adapters.decisions.schema import ACTIONS, EVENTS, OUTCOMES, OVERRIDES, day_of
from seawall.adapters.decisions.shadows import SHADOWS, ShadowScore
from seawall.kernel import BadInput, id_time
from seawall.serving.followup import ActionTaken, BusinessEvent, FollowUp, Override
from seawall.serving.outcome import Outcome


class ReceivedOutcome(msgspec.Struct, frozen=True):
    """An outcome as it is kept: its label, when it was observed and when it was received."""

    decision_id: str
    label: int | float | str
    time: datetime
    received: datetime


class ReceivedAction(ActionTaken, frozen=True, kw_only=True):
    """An action with the time it was received."""

    received: datetime


class ReceivedOverride(Override, frozen=True, kw_only=True):
    """An override with the time it was received."""

    received: datetime


class ReceivedEvent(BusinessEvent, frozen=True, kw_only=True):
    """A business event with the time it was received."""

    received: datetime


Told = ReceivedOutcome | ReceivedAction | ReceivedOverride | ReceivedEvent
T = TypeVar("T", ReceivedOutcome, ReceivedAction, ReceivedOverride, ReceivedEvent)

KINDS: dict[str, type[Any]] = {
    OUTCOMES: ReceivedOutcome,
    ACTIONS: ReceivedAction,
    OVERRIDES: ReceivedOverride,
    EVENTS: ReceivedEvent,
}
"""How each table's rows are kept; every kind has a folder of its name in the log."""
_KIND_OF: dict[type[Any], str] = {
    Outcome: OUTCOMES,
    ActionTaken: ACTIONS,
    Override: OVERRIDES,
    BusinessEvent: EVENTS,
}
DECODERS = {
    kind: msgspec.msgpack.Decoder(type_).decode
    for kind, type_ in (KINDS | {SHADOWS: ShadowScore}).items()
}
_LONGEST = 64


def check_told(told: Outcome | FollowUp) -> None:
    """Raise `BadInput` for an id that is no decision's, or a label that cannot be kept."""
    id_time(told.decision_id)
    if isinstance(told, Outcome):
        _check_label(told.label, told.decision_id)


def received(told: Outcome | FollowUp, at: datetime) -> tuple[str, Told]:
    """The kind of what was told, and how it is kept; without a time of its own it was observed now.

    Raises as `check_told` does.
    """
    check_told(told)
    kind = _KIND_OF[type(told)]
    given = msgspec.structs.asdict(told)
    return kind, KINDS[kind](**given | {"time": told.time or at, "received": at})


def _check_label(label: float | str, decision_id: str) -> None:
    if isinstance(label, str) and not 0 < len(label) <= _LONGEST:
        raise BadInput(
            "the name of a class has 1 to 64 characters", where=f"outcome of {decision_id}"
        )
    if not isinstance(label, str) and not abs(float(label)) < float("inf"):
        raise BadInput("a label is a finite number", where=f"outcome of {decision_id}")


def told_row(told: Told | ShadowScore, segment: str, position: int) -> dict[str, Any]:
    """A row of the kind's table."""
    row = msgspec.structs.asdict(told)
    row |= {"segment": segment, "position": position, "day": day_of(told.decision_id)}
    if isinstance(told, ReceivedOutcome):
        text = isinstance(told.label, str)
        row |= {"label": None if text else told.label, "class": told.label if text else None}
    if isinstance(told, ReceivedOverride):
        row["output"] = msgspec.json.encode(told.output).decode()
    return row


def from_row(kind: str, row: Mapping[str, Any]) -> Any:
    """What was told, from a row of its table."""
    type_ = KINDS[kind]
    given = {name: row[name] for name in type_.__struct_fields__}
    if kind == OUTCOMES and row["class"] is not None:
        given["label"] = row["class"]
    if kind == OVERRIDES:
        given["output"] = msgspec.json.decode(row["output"])
    return type_(**given)


def in_order(told: Iterable[T]) -> list[T]:
    """What was told, each thing once, by the time it happened and then as it was received.

    The same told again is dropped, whenever it was received; of events with one id the last that
    was received stands. What came without a time of its own happened on arrival: told again before
    anything else was, it is dropped too. What happened and was received at the same moment stays
    as it was given.
    """
    distinct: dict[Any, T] = {}
    for one in sorted(told, key=lambda t: t.received):
        key: Any = msgspec.msgpack.encode(msgspec.structs.replace(one, received=_NEVER))
        if isinstance(one, ReceivedEvent) and one.id is not None:
            distinct[one.decision_id, one.name, one.id] = one
        else:
            distinct.setdefault(key, one)
    kept: list[T] = []
    for one in sorted(distinct.values(), key=lambda t: (t.time or t.received, t.received)):
        timeless = one.time == one.received
        if not (kept and timeless and _at_no_time(kept[-1]) == _at_no_time(one)):
            kept.append(one)
    return kept


def _at_no_time(told: T) -> T:
    return msgspec.structs.replace(told, time=_NEVER, received=_NEVER)


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def sentence(told: Told) -> str:
    """What was told, as people read it."""
    match told:
        case ReceivedOutcome():
            return f"the outcome was {told.label}"
        case ReceivedAction():
            by, why = f" by {told.by}" if told.by else "", f": {told.reason}" if told.reason else ""
            return f"{told.action}{by}{why}"
        case ReceivedOverride():
            return f"{told.reviewer} made it {told.output}: {told.reason}"
        case ReceivedEvent():
            value = "" if told.value is None else f", {told.value:g}"
            return f"{told.name}{value}"
