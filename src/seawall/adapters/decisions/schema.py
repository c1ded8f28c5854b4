"""The tables of the decision log: names, columns, partitions, and what files are skipped by."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from seawall.adapters.decisions.shadows import SHADOWS
from seawall.kernel import id_time

DECISIONS, OUTCOMES, SEGMENTS, SUBJECTS = "decisions", "outcomes", "segments", "subjects"
ACTIONS, OVERRIDES, EVENTS = "actions", "overrides", "events"
ERASURES, ERASED = "erasures", "erased"
PROTECTED = "protected"

_PLACE = {"segment": "string", "position": "int32"}
_TOLD = {"decision_id": "string", "day": "date32", "time": "time", "received": "time", **_PLACE}

# `record` is what is proven; the columns before it repeat what one searches, groups and charts by.
COLUMNS: dict[str, dict[str, str]] = {
    DECISIONS: {
        "id": "string",
        "time": "time",
        "endpoint": "string",
        "day": "date32",
        "segment": "string",
        "position": "int32",
        "subject": "string",
        "unit": "string",
        "caller": "string",
        "purpose": "string",
        "model": "string",
        "version_digest": "string",
        "arm": "string",
        "score": "float64",
        "threshold": "float64",
        "action": "string",
        "fallback": "string",
        "override": "string",
        "reviewer": "string",
        "latency_ms": "float64",
        "kept_probability": "float64",
        "minimal": "bool",
        "input": "string",
        "output": "string",
        "record": "binary",
    },
    # where the decisions of a subject are; `key` is columns.subject_key
    SUBJECTS: {
        "month": "string",
        "key": "int64",
        "id": "string",
        "endpoint": "string",
        "day": "date32",
    },
    # a label is a number or the name of a class
    OUTCOMES: {**_TOLD, "label": "float64", "class": "string"},
    ACTIONS: {**_TOLD, "action": "string", "by": "string", "reason": "string"},
    OVERRIDES: {**_TOLD, "output": "string", "reviewer": "string", "reason": "string"},
    EVENTS: {**_TOLD, "name": "string", "value": "float64", "id": "string"},
    # what a shadow would have said
    SHADOWS: {
        "decision_id": "string",
        "day": "date32",
        "endpoint": "string",
        "version": "string",
        "arm": "string",
        "threshold": "float64",
        "score": "float64",
        **_PLACE,
    },
    # `leaves` are the segment's leaf hashes, one after another: proofs outlive what they are of
    SEGMENTS: {
        "id": "string",
        "gateway": "string",
        "count": "int32",
        "first_id": "string",
        "last_id": "string",
        "root": "string",
        "first_time": "time",
        "last_time": "time",
        "damaged": "int32",
        "shipped": "time",
        "leaves": "binary",
    },
    # protected attributes of a decision that its record does not have; never read but for audits
    PROTECTED: {
        "decision_id": "string",
        "day": "date32",
        "endpoint": "string",
        "attribute": "string",
        "content": "binary",
    },
    # decisions about somebody who was erased, text and all
    ERASED: {"decision_id": "string", "day": "date32"},
    # who it is about is a number; `done` once no file holds the values any more
    ERASURES: {
        "id": "string",
        "keys": "int64s",
        "fields": "strings",
        "time": "time",
        "done": "bool",
    },
}
PARTITIONS: dict[str, list[str]] = {
    DECISIONS: ["endpoint", "day"],
    SUBJECTS: ["month"],
    OUTCOMES: ["day"],
    ACTIONS: ["day"],
    OVERRIDES: ["day"],
    EVENTS: ["day"],
    SHADOWS: ["day"],
    SEGMENTS: [],
    PROTECTED: ["endpoint", "day"],
    ERASED: ["day"],
    ERASURES: [],
}
# no value of a person here: what is skipped by stands in the table's own log, which nobody erases
SEARCHED: dict[str, str] = {
    DECISIONS: "id,time,segment,position",
    SUBJECTS: "key",
    OUTCOMES: "decision_id,received",
    ACTIONS: "decision_id,received",
    OVERRIDES: "decision_id,received",
    EVENTS: "decision_id,received",
    SHADOWS: "decision_id",
    SEGMENTS: "id,first_time,last_time,shipped",
    PROTECTED: "decision_id",
    ERASED: "decision_id",
    ERASURES: "id",
}


def day_of(decision_id: str) -> date:
    """The partition that holds a decision: the day, in UTC, of the time within its id."""
    return id_time(decision_id).date()


@cache
def month_of(day: date) -> str:
    """The partition of the index of subjects: `2026-03`."""
    return day.isoformat()[:7]


@cache
def schema(kind: str) -> Any:
    """The `pyarrow.Schema` of a table. Times are in UTC, to the microsecond."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    lists = {"int64s": pa.list_(pa.int64()), "strings": pa.list_(pa.string()), "time": time}
    types = {n: lists.get(t) or pa.type_for_alias(t) for n, t in COLUMNS[kind].items()}
    return pa.schema(list(types.items()))
