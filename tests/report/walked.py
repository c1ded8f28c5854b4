"""What a document says, block by block."""

from __future__ import annotations

from collections.abc import Iterator

from seawall.report.document import Chart, Document, Gallery, Judgement, Sentence, Table
from seawall.report.words import reason_text


def tables(document: Document) -> Iterator[Table]:
    """Every table, those behind charts too."""
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                yield block
            elif isinstance(block, Chart):
                yield block.table
            elif isinstance(block, Gallery):
                yield from (chart.table for chart in block.charts)


def plain_numbers(document: Document) -> set[str]:
    """The columns that hold a fraction with no interval."""
    return {
        column.name
        for table in tables(document)
        for at, column in enumerate(table.columns)
        if any(isinstance(row[at], float) for row in table.rows)
    }


def said(document: Document, heading: str) -> str:
    """The words of one section: its sentences, its reasons and the findings of its charts."""
    [section] = [s for s in document.sections if s.heading == heading]
    words: list[str] = []
    for block in section.blocks:
        if isinstance(block, Sentence):
            words.append(block.text)
        elif isinstance(block, Chart):
            words.append(block.title)
        elif isinstance(block, Judgement):
            words += [reason_text(reason) for reason in block.verdict.reasons]
    return "\n".join(words)


def headings(document: Document) -> list[str]:
    """The sections in their order."""
    return [section.heading for section in document.sections]
