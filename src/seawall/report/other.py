"""Parts of a result that no document knows by name, shown by their shape.

Results grow, and what was added is never hidden: an estimate is a row of a table, a mapping of
estimates is a table of measures, a list of alike records is a table, words are sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from seawall.kernel import Estimate, Outcome
from seawall.report.document import Block, Cell, Column, Judgement, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of, verdict_of
from seawall.report.words import said

Shape = Mapping[str, Any]
_ESTIMATE = frozenset({"value", "low", "high", "confidence", "n"})
DEEPEST = 6
"""Nesting beyond this is told as words."""


def other_sections(result: Shape, known: frozenset[str]) -> tuple[Section, ...]:
    """A section for each key of a result that is not `known` and holds something."""
    found = ((name, tuple(blocks_of(name, part))) for name, part in result.items()
             if name not in known)  # fmt: skip
    return tuple(Section(heading(name), blocks) for name, blocks in found if blocks)


def notes_section(result: Shape) -> tuple[Section, ...]:
    """What a reader must know before the numbers: the result's own warnings and notes."""
    texts = [str(text) for key in ("warnings", "notes") for text in result.get(key) or ()]
    return (Section("To know first", tuple(Sentence(t) for t in texts)),) if texts else ()


def heading(name: str) -> str:
    """A key as a heading."""
    words = said(name)
    return words[:1].upper() + words[1:]


def is_estimate(part: Any) -> TypeGuard[Shape]:
    """Whether a part of a result is the JSON shape of an estimate."""
    return isinstance(part, Mapping) and part.keys() >= _ESTIMATE


def measure_table(measures: Shape, caption: str = "") -> Table:
    """Measures by name with their intervals and rows."""
    estimates = [(name, estimate_of(e)) for name, e in measures.items() if is_estimate(e)]
    columns = (Column("measure"), Column("estimate", align="right"), Column("rows", align="right"))
    return Table(columns, tuple((said(name), e, e.n) for name, e in estimates), caption)


def blocks_of(name: str, part: Any, depth: int = 0) -> Iterator[Block]:
    """A part of a result as blocks, by its shape."""
    if part is None or part in ({}, [], ""):
        return
    if is_estimate(part):
        yield measure_table({name: part})
    elif isinstance(part, Mapping):
        yield from _mapping(part, depth)
    elif isinstance(part, (list, tuple)):
        yield from _list(part)
    else:
        yield Sentence(f"{heading(name)}: {said_value(part)}.")


def _mapping(part: Shape, depth: int) -> Iterator[Block]:
    if "outcome" in part and "reasons" in part:
        yield Judgement(verdict_of(part))
        return
    plain = {key: v for key, v in part.items() if not isinstance(v, (Mapping, list, tuple))}
    estimates = {key: v for key, v in part.items() if is_estimate(v)}
    if estimates:
        yield measure_table(estimates)
    if plain:
        cells = tuple((said(key), as_cell(value)) for key, value in plain.items())
        yield Table((Column("what"), Column("value", align="right")), cells)
    nested = {key: v for key, v in part.items() if key not in plain and key not in estimates}
    if len(nested) > 1 and all(isinstance(v, Mapping) and _flat(v) for v in nested.values()):
        yield _records([{"name": key, **v} for key, v in nested.items()])
        return
    for key, value in nested.items():
        if depth >= DEEPEST:
            yield Sentence(f"{heading(key)}: {said_value(value)}")
            continue
        if not (isinstance(value, Mapping) and "reasons" in value):
            yield Sentence(f"{heading(key)}:")
        yield from blocks_of(key, value, depth + 1)


def _list(part: Sequence[Any]) -> Iterator[Block]:
    if all(isinstance(row, Mapping) for row in part):
        yield _records(part)
    elif any(isinstance(row, str) and " " in row for row in part):
        yield from (Sentence(str(row)) for row in part)
    else:
        yield Sentence(", ".join(said_value(row) for row in part))


def _records(rows: Sequence[Shape]) -> Table:
    """Alike records as a table of every field that any of them has."""
    flat = [dict(_fields(row)) for row in rows]
    names = list(dict.fromkeys(key for row in flat for key in row))
    right = {
        key for key in names
        if all(row.get(key) is None or isinstance(row[key], (int, float, Estimate)) for row in flat)
    }  # fmt: skip
    columns = tuple(Column(said(key), align="right" if key in right else "left") for key in names)
    return Table(columns, tuple(tuple(row.get(key) for key in names) for row in flat))


def _fields(row: Shape, before: str = "") -> Iterator[tuple[str, Cell]]:
    for key, value in row.items():
        name = f"{before}{said(key)}"
        if isinstance(value, Mapping) and "outcome" in value:
            yield "outcome", Outcome(value["outcome"])
        elif isinstance(value, Mapping) and not is_estimate(value):
            inner = "" if key in ("measures", "by") else f"{name} "
            yield from _fields(value, inner)
        else:
            yield name, as_cell(value)


def _flat(part: Shape) -> bool:
    """Whether a mapping fits into one row."""
    return all(
        not isinstance(v, (list, tuple)) and (not isinstance(v, Mapping) or is_estimate(v))
        for v in part.values()
    )


def as_cell(value: Any) -> Cell:
    """A part of a result as a cell."""
    if is_estimate(value):
        return estimate_of(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str) and value in list(Outcome):
        return Outcome(value)
    return said_value(value)


def said_value(value: Any) -> str:
    """A value as words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {said_value(v)}" for key, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(said_value(v) for v in value)
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
