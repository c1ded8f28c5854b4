"""A document on a terminal: sentence, reasons, tables, within its width."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.kernel import Outcome, Verdict
from seawall.report.document import Block, Cell, Document, Judgement, Sentence, Table
from seawall.report.words import MARKS, by_urgency, cell_text, reason_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.UNDECIDED: "yellow"}

MOST_REASONS = 12


def terminal(document: Document, console: Console) -> None:
    """Print the document; Rich leaves colour out when the console or NO_COLOR says so."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(_headline(document))
    for section in document.sections:
        console.print()
        console.print(Text(section.heading, style="bold"))
        for block in section.blocks:
            for part in _block(block):
                console.print(Padding(part, (0, 0, 0, 2), expand=False))


def _headline(document: Document) -> RenderableType:
    from rich.text import Text

    line = Text(document.title, style="bold")
    if document.outcome:
        line.append("  ")
        line.append(cell_text(document.outcome), style=STYLES[document.outcome])
    line.append(f"\n{document.sentence}", style="not bold")
    return line


def _block(block: Block) -> Iterator[RenderableType]:
    from rich.text import Text

    if isinstance(block, Sentence):
        yield Text(block.text)
    elif isinstance(block, Table):
        yield _table(block, block.caption)
    elif isinstance(block, Judgement):
        yield _verdict(block.verdict)
    else:
        yield Text(block.title, style="italic")
        yield _table(block.table, "")


def _verdict(verdict: Verdict) -> RenderableType:
    """Failing reasons first, then undecided; of those that pass, a few and the number of others."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    reasons = by_urgency(verdict)
    open_ = sum(r.outcome is not Outcome.PASS for r in reasons)
    shown = reasons[: max(open_, MOST_REASONS)]
    for reason in shown:
        mark = Text(MARKS[reason.outcome], style=STYLES[reason.outcome])
        grid.add_row(mark, Text(reason_text(reason)))
    if left := len(reasons) - len(shown):
        grid.add_row(Text(MARKS[Outcome.PASS], style=STYLES[Outcome.PASS]), f"{left:,} more hold")
    if not reasons:
        grid.add_row(Text(MARKS[verdict.outcome]), Text(verdict.outcome.value))
    return grid


def _table(table: Table, caption: str) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=Text(caption, style="italic") if caption else None,
        title_justify="left",
    )
    for column in table.columns:
        head = f"{column.name} ({column.unit})" if column.unit else column.name
        grid.add_column(Text(head), justify=column.align, overflow="fold")
    for row in table.rows:
        grid.add_row(*(_cell(cell) for cell in row))
    return grid


def _cell(cell: Cell) -> RenderableType:
    from rich.text import Text

    style = STYLES[cell] if isinstance(cell, Outcome) else ""
    if isinstance(cell, float) and math.isnan(cell):
        style = "dim"
    return Text(cell_text(cell), style=style)
