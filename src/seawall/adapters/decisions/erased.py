"""What was told of a decision, without its text once the person was erased.

An erased decision says no more whose it was, so its id is written down in a table of its own: by it
what is shipped later, or told only then, is known to be about somebody who was erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec

from seawall.adapters.decisions.replacing import delete_replaced, replace
from seawall.adapters.decisions.schema import (
    ACTIONS,
    COLUMNS,
    ERASED,
    EVENTS,
    OVERRIDES,
    day_of,
    schema,
)
from seawall.adapters.decisions.tables import append_once, is_in, select
from seawall.adapters.decisions.told import (
    ReceivedAction,
    ReceivedEvent,
    ReceivedOverride,
    Told,
    from_row,
    told_row,
)

WORDED = (ACTIONS, OVERRIDES, EVENTS)
"""The kinds that have text of people's own choice."""
GONE = "(erased)"


def mark(root: str, days: Mapping[str, date]) -> None:
    """Write down that these decisions, by their day, are of somebody who was erased."""
    import pyarrow as pa

    if days:
        rows = [{"decision_id": id_, "day": day} for id_, day in sorted(days.items())]
        data = pa.Table.from_pylist(rows, schema=schema(ERASED))
        append_once(root, ERASED, data, log=uuid4().hex, number=1)  # twice does no harm


def marked(root: str, decision_ids: Iterable[str]) -> set[str]:
    """Which of these decisions are of somebody who was erased."""
    wanted = set(decision_ids)
    if not wanted:
        return wanted
    days = is_in("day", sorted(set(map(day_of, wanted))))
    sql = f"SELECT decision_id FROM t WHERE {days}"  # noqa: S608 -- dates
    return wanted & {row["decision_id"] for row in select(root, ERASED, sql)}


def wordless(told: Told) -> Told:
    """What was told, without text: that it was, when, its numbers and who said so stay.

    A name or an action may be anybody's free text too, so it goes as well.
    """
    change = partial(msgspec.structs.replace, told)
    match told:
        case ReceivedAction():
            return change(action=GONE, reason=None)
        case ReceivedOverride():
            return change(output=_without_text(told.output), reason=GONE)
        case ReceivedEvent():
            return change(name=GONE, id=None)
        case _:
            return told


def _without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_text(one) for one in value]
    return GONE if isinstance(value, str) else value


def forget_words(root: str, days: Mapping[str, date]) -> int:
    """Erase the text of what the tables say was told of decisions, by day.

    Returns of how many, by kind added up; the files that had the text are deleted.
    """
    count = sum(replace(root, k, days, COLUMNS[k], partial(_wordless_rows, k)) for k in WORDED)
    if count:
        delete_replaced(root, WORDED)
    return count


def _wordless_rows(kind: str, rows: Sequence[dict[str, Any]]) -> tuple[list[str], Any]:
    import pyarrow as pa

    last: dict[Any, dict[str, Any]] = {}
    for place, row in enumerate(sorted(rows, key=lambda row: row["received"])):
        # without their ids, an event and its correction would be two
        corrected = kind == EVENTS and row["id"] is not None
        last[(row["decision_id"], row["name"], row["id"]) if corrected else place] = row
    kept = [(row, from_row(kind, row)) for row in last.values()]
    changed = {told.decision_id for _, told in kept if wordless(told) != told}
    data = [
        told_row(wordless(told), row["segment"], row["position"])
        for row, told in kept
        if told.decision_id in changed
    ]
    return sorted(changed), pa.Table.from_pylist(data, schema=schema(kind))
