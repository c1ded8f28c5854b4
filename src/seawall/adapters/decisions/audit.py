"""Decisions beside the protected attributes that are kept apart from them, for a fairness audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from seawall.adapters.decisions.apart import value_of
from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.schema import DECISIONS, OUTCOMES, PROTECTED
from seawall.adapters.decisions.tables import literal, select

_SHOWN = ("id", "time", "model", "arm", "score", "threshold", "fallback", "kept_probability")
_TAKEN = {*_SHOWN, "label"}


def fairness_rows(
    table: str,
    endpoint: str,
    *,
    since: datetime,
    until: datetime,
    limit: int,
    apart_keys: Keyring | None = None,
) -> list[dict[str, Any]]:
    """The shipped decisions of a span that have something kept apart, oldest first.

    Each has its attributes by name beside what was decided, and the `label` that was observed last,
    None without one. Raises `BadInput` when the key of the attributes is not given.
    """
    days = f'"day" >= {literal(since.date())} AND "day" <= {literal(until.date())}'
    here = f'"endpoint" = {literal(endpoint)} AND {days}'
    names = ", ".join(f'"{name}"' for name in _SHOWN)
    span = f'"time" >= {literal(since)} AND "time" < {literal(until)}'
    sql = f"SELECT {names} FROM t WHERE {here} AND {span} ORDER BY id"  # noqa: S608 -- quoted
    found = {row["id"]: row | {"label": None} for row in select(table, DECISIONS, sql)}
    sql = f"SELECT decision_id, attribute, content FROM t WHERE {here}"  # noqa: S608 -- quoted
    kept: dict[str, dict[str, Any]] = {}
    for row in select(table, PROTECTED, sql):
        if row["decision_id"] in found:
            value = value_of(row["content"], apart_keys)
            name = row["attribute"]
            name = f"input.{name}" if name in _TAKEN else name
            kept.setdefault(row["decision_id"], {})[name] = value
    rows = {id_: row | kept[id_] for id_, row in found.items() if id_ in kept}
    rows = dict(list(rows.items())[:limit])
    sql = f'SELECT decision_id, label, "class" FROM t WHERE {days} ORDER BY "time", received'  # noqa: S608
    for row in select(table, OUTCOMES, sql):
        if row["decision_id"] in rows:
            named = row["class"]
            rows[row["decision_id"]]["label"] = row["label"] if named is None else named
    return list(rows.values())
