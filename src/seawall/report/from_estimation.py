"""The result of `estimate` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import structs

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import dot_and_whisker
from seawall.report.document import Block, Cell, Column, Document, Section, Table
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of, verdict_sentence
from seawall.report.words import NAMES, count

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""


def estimation_document(result: Shape) -> Document:
    """Expected quality without labels, by chunk; realised quality beside it where known."""
    verdict = verdict_of(result["verdict"])
    chunks: Sequence[Shape] = result["chunks"]
    blocks: list[Block] = []
    for name in chunks[0]["measures"] if chunks else ():
        rows: dict[str, tuple[Estimate, Outcome | None]] = {
            f"rows {c['first']:,} to {c['last']:,}": (estimate_of(c["measures"][name]), None)
            for c in chunks
        }
        table_rows: list[tuple[Cell, ...]] = [
            (label, e, _realised(c, name))
            for (label, (e, _)), c in zip(rows.items(), chunks, strict=True)
        ]
        columns = (
            Column("chunk"),
            Column("estimated", align="right"),
            Column("realised", align="right"),
        )
        said = str(NAMES.get(name, name))
        table = Table(columns, tuple(table_rows), said)
        if 1 < len(rows) <= MOST_ROWS:
            chart = dot_and_whisker(rows, title=f"Estimated {said}", measure=said)
            blocks.append(structs.replace(chart, table=table))
        else:
            blocks.append(table)
    about = f"{count(len(chunks), 'chunk')}, without labels; a pass is provisional."
    sections = (reasons_section(verdict), Section("By chunk", tuple(blocks)))
    sentence = f"{verdict_sentence(verdict)} {about[0].upper()}{about[1:]}"
    return Document("Estimated quality", sentence, sections, verdict.outcome)


def _realised(chunk: Shape, name: str) -> Cell:
    known = chunk.get("realised", {})
    return estimate_of(known[name]) if name in known else None
