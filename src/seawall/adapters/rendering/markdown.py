"""A document as GitHub-flavoured Markdown, for the summary of a CI job.

Intervals are drawn with characters, other charts become their summary and table; what is long is
folded away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seawall.adapters.rendering.bars import Axis
from seawall.kernel import Verdict
from seawall.report.document import Block, Chart, Document, Gallery, Judgement, Sentence, Table
from seawall.report.printable import printable
from seawall.report.words import MARKS, cell_text, count, reason_text, told_reasons

LONG = 20
"""Rows of a table, and reasons, that are read without unfolding."""
BAR = 32

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_OPENING = re.compile(r"^(\d*)([-+=.)])")


def markdown(document: Document) -> str:
    """The whole document, ending in a newline."""
    document = printable(document)
    lines = [f"# {escape(document.title)}", ""]
    mark = f"**{cell_text(document.outcome)}**: " if document.outcome else ""
    lines += [f"{mark}{escape(document.sentence)}", ""]
    for section in document.sections:
        lines += [f"## {escape(section.heading)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    if document.facts:
        facts = (f"{escape(name)}: {escape(cell_text(cell))}" for name, cell in document.facts)
        lines += ["---", "", "  \n".join(facts)]
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
    elif isinstance(block, Gallery):
        for chart in block.charts:
            yield from _chart(chart)
            yield ""
    else:
        yield from _chart(block)


def _chart(chart: Chart) -> Iterator[str]:
    yield f"**{escape(chart.title)}**"
    yield ""
    if chart.intervals:
        yield from _drawn(chart)
    else:
        yield escape(chart.summary)
    yield ""
    yield from _folded(f"Table, {count(len(chart.table.rows), 'row')}", _rows(chart.table))


def _drawn(chart: Chart) -> Iterator[str]:
    """The intervals in a block of code, which no text of theirs can leave."""
    names = [" ".join(r.name.split()) for r in chart.intervals]
    width, axis = max(map(len, names)), Axis(chart.intervals, BAR)
    lines = [
        f"{MARKS[r.outcome] if r.outcome else ' '} {name:<{width}}  {axis.bar(r)}".rstrip()
        for name, r in zip(names, chart.intervals, strict=True)
    ]
    scale = f"{' ' * (width + 4)}{axis.scale}"
    longest = max(map(len, re.findall("`+", "".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", *lines, scale, fence)


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"**{escape(table.caption)}**"
        yield ""
    if len(table.rows) <= LONG:
        yield from _rows(table)
    else:
        yield from _folded(count(len(table.rows), "row"), _rows(table))


def _folded(summary: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"


def _rows(table: Table) -> Iterator[str]:
    heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in table.columns]
    yield f"| {' | '.join(map(escape, heads))} |"
    yield f"| {' | '.join('---:' if c.align == 'right' else '---' for c in table.columns)} |"
    for row in table.rows:
        yield f"| {' | '.join(escape(cell_text(cell)) for cell in row)} |"


def _verdict(verdict: Verdict) -> Iterator[str]:
    """The worst first; the others are counted."""
    shown, rest = told_reasons(verdict, LONG)
    for reason in shown:
        yield f"- {cell_text(reason.outcome)}: {escape(reason_text(reason))}"
    if rest:
        yield f"- {rest}"
    if not shown:
        yield f"- {cell_text(verdict.outcome)}"
