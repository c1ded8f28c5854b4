"""A document as GitHub-flavoured Markdown; charts become their summary and table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seawall.kernel import Verdict
from seawall.report.document import Block, Chart, Document, Judgement, Sentence, Table
from seawall.report.words import by_urgency, cell_text, reason_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_OPENING = re.compile(r"^(\d*)([-+=.)])")


def markdown(document: Document) -> str:
    """The whole document, ending in a newline."""
    lines = [f"# {escape(document.title)}", ""]
    mark = f"**{cell_text(document.outcome)}**: " if document.outcome else ""
    lines += [f"{mark}{escape(document.sentence)}", ""]
    for section in document.sections:
        lines += [f"## {escape(section.heading)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _OPENING.sub(r"\1\\\2", line)  # what would begin a list or underline a heading


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Sentence):
        yield escape(block.text)
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Judgement):
        yield from _verdict(block.verdict)
    else:
        yield from _chart(block)


def _chart(chart: Chart) -> Iterator[str]:
    yield f"**{escape(chart.title)}**"
    yield ""
    yield escape(chart.summary)
    yield ""
    yield from _table(Table(chart.table.columns, chart.table.rows))


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"**{escape(table.caption)}**"
        yield ""
    heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in table.columns]
    yield f"| {' | '.join(map(escape, heads))} |"
    yield f"| {' | '.join('---:' if c.align == 'right' else '---' for c in table.columns)} |"
    for row in table.rows:
        yield f"| {' | '.join(escape(cell_text(cell)) for cell in row)} |"


def _verdict(verdict: Verdict) -> Iterator[str]:
    for reason in by_urgency(verdict):
        yield f"- {cell_text(reason.outcome)}: {escape(reason_text(reason))}"
    if not verdict.reasons:
        yield f"- {cell_text(verdict.outcome)}"
