"""A document on a terminal: sentence, reasons, evidence in text, within its width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seawall.adapters.rendering.bars import Axis, sparkline
from seawall.kernel import Outcome, Verdict
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Document,
    Gallery,
    Judgement,
    Section,
    Sentence,
    Table,
)
from seawall.report.printable import printable
from seawall.report.words import MARKS, cell_text, count, reason_text, told_reasons

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.UNDECIDED: "yellow"}

MOST_REASONS = 10
"""Reasons that are read on a terminal before the rest is counted."""
MOST_ROWS = 20
"""Rows of a table or a chart before the rest is counted."""
MOST_WIDE = 40
"""Characters of a drawn interval: enough to see, few enough to follow."""
ELSEWHERE = "--html FILE or --json"
INDENT = 2


def terminal(document: Document, console: Console) -> None:
    """Print the document; Rich leaves colour out when the console or NO_COLOR says so."""
    from rich.padding import Padding
    from rich.text import Text

    document = printable(document)
    console.print(_headline(document))
    for section in document.sections:
        if section.detail:
            continue
        console.print()
        console.print(Text(section.heading, style="bold"))
        for part in _parts(section, console.width - INDENT):
            console.print(Padding(part, (0, 0, 0, INDENT), expand=False))
    if left := [s.heading for s in document.sections if s.detail]:
        console.print()
        names = "; ".join(f"{h[:1].lower()}{h[1:]}" for h in left[:3])
        console.print(Text(f"Also there with {ELSEWHERE}: {names}.", style="dim"))


def _headline(document: Document) -> RenderableType:
    from rich.text import Text

    line = Text()
    if document.outcome:
        line.append(cell_text(document.outcome), style=STYLES[document.outcome])
        line.append("  ")
    line.append(document.sentence)
    return line


def _parts(section: Section, width: int) -> Iterator[RenderableType]:
    for block in section.blocks:
        yield from _block(block, width)


def _block(block: Block, width: int) -> Iterator[RenderableType]:
    from rich.text import Text

    if isinstance(block, Sentence):
        yield Text(block.text)
    elif isinstance(block, Table):
        yield from _table(block, width)
    elif isinstance(block, Judgement):
        yield from _verdict(block.verdict)
    elif isinstance(block, Gallery):
        yield from _gallery(block, width)
    elif block.intervals:
        yield from _intervals(block, width)
    else:
        yield Text(block.title, style="italic")
        yield from _table(Table(block.table.columns, block.table.rows), width)


def _verdict(verdict: Verdict) -> Iterator[RenderableType]:
    """Failing reasons first, then undecided; the others are counted."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    shown, rest = told_reasons(verdict, MOST_REASONS)
    for reason in shown:
        mark = Text(MARKS[reason.outcome], style=STYLES[reason.outcome])
        grid.add_row(mark, Text(reason_text(reason)))
    if rest:
        grid.add_row("", Text(f"{rest}.", style="dim"))
    if not shown:
        grid.add_row(Text(MARKS[verdict.outcome]), Text(verdict.outcome.value))
    yield grid


def _intervals(chart: Chart, width: int) -> Iterator[RenderableType]:
    """Name, outcome, estimate and the interval drawn against what is tolerated."""
    from rich.text import Text

    rows = chart.intervals[:MOST_ROWS]
    judged = any(r.outcome for r in rows)
    beside = any(r.beside for r in rows)
    told = [cell_text(r.estimate) for r in rows]
    names = min(max(len(r.name) for r in rows), max(12, width // 3))
    numbers = max(len(t) for t in told)
    before = names + numbers + 4 + (2 if judged else 0)
    axis = Axis(rows, max(8, min(MOST_WIDE, width - before)))
    yield Text(chart.title, style="italic")
    for row, estimate in zip(rows, told, strict=True):
        style = STYLES[row.outcome] if row.outcome else ""
        line = Text(no_wrap=True, overflow="crop")
        if judged:
            line.append(f"{MARKS[row.outcome] if row.outcome else ' '} ", style=style)
        line.append(f"{_cut(row.name, names):<{names}}  {estimate:>{numbers}}  ")
        for character, interval in axis.cells(row):
            line.append(character, style=style if interval else "dim")
        yield line
    legend = ["░ tolerated"] if any(r.tolerated for r in rows) else []
    legend += ["○ estimated", "◆ realised"] if beside else []
    for text in (axis.scale, "  ".join(legend)):
        if text:
            left = " " * max(0, min(before, width - len(text)))
            yield Text(f"{left}{text}", style="dim", no_wrap=True, overflow="crop")
    if left := len(chart.intervals) - len(rows):
        yield _more(left, "row")


def _gallery(gallery: Gallery, width: int) -> Iterator[RenderableType]:
    """Charts of intervals as far as there is room; histograms as a line of characters each."""
    from rich.text import Text

    dots = [c for c in gallery.charts if c.intervals]
    room = MOST_ROWS
    shown = 0
    for chart in dots:
        if shown and len(chart.intervals) > room:
            break
        yield from _intervals(chart, width)
        room -= len(chart.intervals)
        shown += 1
    if left := len(dots) - shown:
        yield _more(left, "chart")
    others = [c for c in gallery.charts if not c.intervals and c.table.rows]
    shapes = [c for c in others if _is_shape(c)]
    if shapes:
        yield from _shapes(shapes)
    yield from (Text(c.title) for c in others if c not in shapes)


def _is_shape(chart: Chart) -> bool:
    """Whether a chart is of shares by bin, so that characters can draw it."""
    rows = chart.table.rows
    return len(rows) <= MOST_WIDE and all(isinstance(v, float) for r in rows for v in r[1:])


def _shapes(charts: Sequence[Chart]) -> Iterator[RenderableType]:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    for _ in charts[0].table.columns[1:]:
        grid.add_column(no_wrap=True)
    grid.add_row("", *(Text(c.name, style="dim") for c in charts[0].table.columns[1:]))
    for chart in charts[:MOST_ROWS]:
        parts = [[float(v) for v in values if isinstance(v, (int, float))]
                 for values in list(zip(*chart.table.rows, strict=True))[1:]]  # fmt: skip
        most = max((max(part, default=0.0) for part in parts), default=0.0)
        name = chart.table.columns[0].name
        grid.add_row(Text(name), *(Text(sparkline(part, most)) for part in parts))
    yield grid
    if len(charts) > MOST_ROWS:
        yield _more(len(charts) - MOST_ROWS, "column")


def _table(table: Table, width: int) -> Iterator[RenderableType]:
    """The leading columns that fit, the leading rows; what is left out is counted."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    rows = [[cell_text(cell) for cell in row] for row in table.rows[:MOST_ROWS]]
    heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in table.columns]
    shown = _fitting(heads, rows, width)
    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=Text(table.caption, style="italic") if table.caption else None,
        title_justify="left",
    )
    for column, head in list(zip(table.columns, heads, strict=True))[:shown]:
        grid.add_column(Text(head), justify=column.align, overflow="fold")
    for cells, texts in zip(table.rows, rows, strict=False):
        styled = [Text(t, style=_style(c)) for c, t in zip(cells, texts, strict=True)]
        grid.add_row(*styled[:shown])
    yield grid
    if shown < len(heads):
        names = ", ".join(heads[shown:])
        yield Text(f"Wider with {ELSEWHERE}: {names}.", style="dim")
    if left := len(table.rows) - len(rows):
        yield _more(left, "row")


def _fitting(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many leading columns fit side by side; two at least, whose text is then folded."""
    used = 0
    for at, head in enumerate(heads):
        used += max([len(head), *(len(row[at]) for row in rows)]) + (2 if at else 0)
        if used > width:
            return max(2, at) if at else len(heads)
    return len(heads)


def _more(left: int, what: str) -> Text:
    from rich.text import Text

    return Text(f"{count(left, f'more {what}')}; {ELSEWHERE} has all.", style="dim")


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _style(cell: Cell) -> str:
    if isinstance(cell, Outcome):
        return STYLES[cell]
    return "dim" if isinstance(cell, float) and math.isnan(cell) else ""
