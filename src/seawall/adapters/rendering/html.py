"""A document as one HTML file that opens offline: no script, no font, no link to elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from seawall.adapters.rendering.drawing import svg
from seawall.kernel import Digest, Outcome, Verdict, to_json
from seawall.report.document import Block, Cell, Chart, Document, Judgement, Sentence, Table
from seawall.report.words import MARKS, by_urgency, cell_text, reason_text


def html(document: Document) -> str:
    """The whole page. Charts are drawn when the extra `charts` is there, else their table shows."""
    style = files("seawall.adapters.rendering").joinpath("report.css").read_text("utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(document.title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{escape(document.title)}</h1>",
            f'<p class="sentence">{_badge(document.outcome)}{escape(document.sentence)}</p>',
            *_sections(document),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def body(document: Document) -> str:
    """The document without the page around it, for a notebook's output."""
    sentence = f"<p>{_badge(document.outcome)}{escape(document.sentence)}</p>"
    return "\n".join([f"<h3>{escape(document.title)}</h3>", sentence, *_sections(document)])


def _sections(document: Document) -> Iterator[str]:
    for section in document.sections:
        yield "<section>"
        yield f"<h2>{escape(section.heading)}</h2>"
        for block in section.blocks:
            yield _block(block)
        yield "</section>"


def _block(block: Block) -> str:
    if isinstance(block, Sentence):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Judgement):
        return _verdict(block.verdict)
    return _chart(block)


def _chart(chart: Chart) -> str:
    """The picture with its finding, its words, and the table behind it folded away."""
    table = Table(chart.table.columns, chart.table.rows)
    title, summary = escape(chart.title), escape(chart.summary)
    caption = f"<figcaption><strong>{title}</strong><br>{summary}</figcaption>"
    drawn = svg(chart.spec, prefix=Digest.of(to_json(chart.spec)).short)
    if drawn is None:
        return f"<figure>{caption}{_table(table)}</figure>"
    picture = f'<div class="chart" role="img" aria-label="{escape(chart.summary)}">{drawn}</div>'
    behind = f"<details><summary>Table</summary>{_table(table)}</details>"
    return f"<figure>{caption}{picture}{behind}</figure>"


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col" class="{c.align}">{escape(c.name)}'
        + (f' <span class="unit">{escape(c.unit)}</span>' if c.unit else "")
        + "</th>"
        for c in table.columns
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<td class="{c.align}">{_cell(cell)}</td>'
            for c, cell in zip(table.columns, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    inside = f"<thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody>"
    return f'<div class="scroll"><table>{caption}{inside}</table></div>'


def _verdict(verdict: Verdict) -> str:
    items = "\n".join(
        f"<li>{_badge(r.outcome)}{escape(reason_text(r))}</li>" for r in by_urgency(verdict)
    )
    return f'<ul class="reasons">\n{items}</ul>' if items else f"<p>{_badge(verdict.outcome)}</p>"


def _cell(cell: Cell) -> str:
    return _badge(cell) if isinstance(cell, Outcome) else escape(cell_text(cell))


def _badge(outcome: Outcome | None) -> str:
    """A shape, a word and a colour together."""
    if outcome is None:
        return ""
    return f'<span class="outcome {outcome.value}">{MARKS[outcome]} {outcome.value}</span> '
