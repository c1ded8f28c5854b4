"""A document as one HTML file that opens offline: no script, no font, no link to elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files

from seawall.adapters.rendering.drawing import NARROW, SMALL, WIDE, elastic, svg
from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Gallery,
    Judgement,
    Section,
    Sentence,
    Table,
)
from seawall.report.printable import printable
from seawall.report.words import (
    MARKS,
    by_urgency,
    cell_text,
    number,
    reason_text,
    told_reasons,
)

MOST_REASONS = 25
"""Reasons that are read at once; the others are folded away."""


def html(document: Document) -> str:
    """The whole page. Charts are drawn when the extra `charts` is there, else their table shows."""
    document = printable(document)
    title = escape(document.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            f"<title>{title}</title>",
            f"<style>\n{_style()}</style>",
            "</head>",
            '<body class="seawall page">',
            '<a class="skip" href="#main">Skip to the report</a>',
            "<header>",
            f"<h1>{title}</h1>",
            _opening(document),
            _contents(document),
            "</header>",
            '<main id="main" tabindex="-1">',
            *_sections(document, 2),
            "</main>",
            _footer(document),
            "</body>",
            "</html>",
            "",
        ]
    )


def fragment(document: Document) -> str:
    """The document without the page around it, its style kept to itself, for a notebook."""
    document = printable(document)
    return "\n".join(
        [
            f'<div class="seawall"><style>{_style()}</style>',
            f"<h3>{escape(document.title)}</h3>",
            _opening(document),
            *_sections(document, 4),
            _footer(document),
            "</div>",
        ]
    )


def _style() -> str:
    return files("seawall.adapters.rendering").joinpath("report.css").read_text("utf-8")


def _opening(document: Document) -> str:
    return f'<p class="sentence">{_badge(document.outcome)}{escape(document.sentence)}</p>'


def _contents(document: Document) -> str:
    """Where to go in a long report."""
    if len(document.sections) < 4:
        return ""
    links = "\n".join(
        f'<a href="#{_anchor(at, s)}">{escape(s.heading)}</a>'
        for at, s in enumerate(document.sections)
    )
    return f'<nav aria-label="Contents">\n{links}\n</nav>'


def _anchor(at: int, section: Section) -> str:
    """The section's words as an id; its number keeps two alike apart."""
    words = re.sub(r"[^a-z0-9]+", "-", section.heading.lower()).strip("-")
    return f"{at + 1}-{words}".rstrip("-")


def _sections(document: Document, level: int) -> Iterator[str]:
    for at, section in enumerate(document.sections):
        anchor = _anchor(at, section)
        kind = ' class="detail"' if section.detail else ""
        yield f'<section{kind} aria-labelledby="{anchor}">'
        yield f'<h{level} id="{anchor}">{escape(section.heading)}</h{level}>'
        for block in section.blocks:
            yield _block(block)
        yield "</section>"


def _footer(document: Document) -> str:
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(cell_text(cell))}</dd></div>"
        for name, cell in document.facts
    )
    return f"<footer><dl>{rows}</dl></footer>" if rows else ""


def _block(block: Block) -> str:
    if isinstance(block, Sentence):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Judgement):
        return _verdict(block.verdict)
    if isinstance(block, Gallery):
        key = f'<p class="summary">{escape(block.key)}</p>' if block.key else ""
        return f'{key}<div class="gallery">{"".join(_chart(c, SMALL) for c in block.charts)}</div>'
    return _chart(block)


def _chart(chart: Chart, width: int = WIDE) -> str:
    """The picture with its finding, its words, and the table behind it folded away."""
    table = _table(Table(chart.table.columns, chart.table.rows))
    title, summary = escape(chart.title), escape(chart.summary)
    caption = f"<figcaption>{title}</figcaption>"
    stretches = elastic(chart.spec)
    drawn = svg({**chart.spec, "width": width} if stretches else chart.spec)
    if drawn is None:
        return f'<figure>{caption}<p class="summary">{summary}</p>{table}</figure>'
    pictures = drawn
    if stretches and width > SMALL:
        small = svg({**chart.spec, "width": NARROW})
        pictures = f'<div class="wide">{drawn}</div><div class="narrow">{small}</div>'
    picture = f'<div class="chart" role="img" aria-label="{summary}">{pictures}</div>'
    behind = f"<details><summary>Table</summary>{table}</details>"
    return f"<figure>{caption}{picture}{behind}</figure>"


def _table(table: Table) -> str:
    heads = "".join(_head(column) for column in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(_data(c, cell, first=at == 0) for at, (c, cell) in enumerate(
            zip(table.columns, row, strict=True)))
        + "</tr>"
        for row in table.rows
    )  # fmt: skip
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    inside = f"<thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody>"
    name = escape(table.caption or ", ".join(column.name for column in table.columns))
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">'
        f"<table>{caption}{inside}</table></div>"
    )


def _head(column: Column) -> str:
    unit = f' <span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    return f'<th scope="col" class="{column.align}">{escape(column.name)}{unit}</th>'


def _data(column: Column, cell: Cell, *, first: bool) -> str:
    if first:
        return f'<th scope="row" class="{column.align}">{_cell(cell)}</th>'
    return f'<td class="{column.align}">{_cell(cell)}</td>'


def _verdict(verdict: Verdict) -> str:
    """The reasons to read, the worst first; the others are folded away."""
    shown, rest = told_reasons(verdict, MOST_REASONS)
    if not shown:
        return f"<p>{_badge(verdict.outcome)}</p>"
    others = by_urgency(verdict)[len(shown) :]
    more = f"<details><summary>{rest}</summary>{_reasons(others)}</details>" if rest else ""
    return f"{_reasons(shown)}{more}"


def _reasons(reasons: Sequence[Reason]) -> str:
    items = "\n".join(
        f"<li>{_badge(r.outcome)}<span>{escape(reason_text(r))}</span></li>" for r in reasons
    )
    return f'<ul class="reasons">\n{items}</ul>'


def _cell(cell: Cell) -> str:
    if isinstance(cell, Outcome):
        return _badge(cell)
    if isinstance(cell, Estimate):
        span = f"[{number(cell.low)}, {number(cell.high)}]"
        return f'{number(cell.value)} <span class="span">{span}</span>'
    told = escape(cell_text(cell))
    return f'<span class="when">{told}</span>' if isinstance(cell, datetime) else told


def _badge(outcome: Outcome | None) -> str:
    """A shape, a word and a colour together."""
    if outcome is None:
        return ""
    mark = f'<span aria-hidden="true">{MARKS[outcome]}</span>'
    return f'<span class="outcome {outcome.value}">{mark} {outcome.value}</span> '
