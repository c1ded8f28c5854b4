"""A document as a PDF, set by Typst in this process with the fonts that it carries."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from seawall.adapters.rendering.drawing import SMALL, elastic, svg
from seawall.kernel import BadInput, Outcome, Verdict, to_json
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Document,
    Gallery,
    Judgement,
    Sentence,
    Table,
)
from seawall.report.printable import printable
from seawall.report.words import MARKS, cell_text, reason_text, told_reasons

FONT = "Libertinus Serif"
"""The face of the text (SIL Open Font Licence); it comes with Typst."""
MOST_REASONS = 25
STEP = 17
"""Pixels between the rows of a chart of dots: forty fit on a page."""
WIDEST = 6
"""Columns of a table that fit on a page upright; a wider one is told in several."""
_INK, _FAMILY = "#1e2124", re.compile(r'font-family="[^"]*"')
Said = dict[str, Any]


def pdf(document: Document) -> bytes:
    """The whole file. Text is handed over as data, so nothing in it is read as markup.

    Charts are drawn when the extra `charts` is there, else their table shows. Raises `BadInput`
    when the extra `pdf` is not installed.
    """
    document = printable(document)
    need_typst()
    import typst

    template = files("seawall.adapters.rendering").joinpath("report.typ").read_bytes()
    data = to_json(_document(document)).decode()
    made: Any = typst.compile(template, sys_inputs={"document": data})
    return bytes(made)


def need_typst() -> None:
    """Raise `BadInput` that says what to install, when Typst is not there."""
    from importlib.util import find_spec

    if find_spec("typst") is None:
        raise BadInput("a PDF needs Typst", remedy="pip install 'seawall[pdf]'")


def _document(document: Document) -> Said:
    return {
        "title": document.title,
        "sentence": document.sentence,
        "outcome": _outcome(document.outcome),
        "font": FONT,
        "facts": [[name, cell_text(cell)] for name, cell in document.facts],
        "sections": [
            {"heading": s.heading, "blocks": [part for b in s.blocks for part in _block(b)]}
            for s in document.sections
        ],
    }


def _block(block: Block) -> list[Said]:
    if isinstance(block, Sentence):
        return [{"kind": "sentence", "text": block.text}]
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Judgement):
        return [_verdict(block.verdict)]
    if isinstance(block, Gallery):
        charts = [_chart(c, SMALL) for c in block.charts]
        if any(c["svg"] is None for c in charts):
            return [part for c in block.charts for part in _behind(c)]
        return [{"kind": "gallery", "charts": charts, "columns": 3, "key": block.key}]
    told = _chart(block)
    return [told] if told["svg"] else _behind(block)


def _chart(chart: Chart, width: int = 0) -> Said:
    spec = dict(chart.spec)
    if width and elastic(spec):
        spec["width"] = width
    if isinstance(spec.get("height"), dict):
        spec["height"] = {"step": STEP}
    drawn = svg(spec)
    if drawn is not None:
        drawn = _FAMILY.sub(f'font-family="{FONT}"', drawn.replace("currentColor", _INK))
    return {"kind": "chart", "title": chart.title, "summary": chart.summary, "svg": drawn}


def _behind(chart: Chart) -> list[Said]:
    """The words and the table of a chart that cannot be drawn."""
    table = Table(chart.table.columns, chart.table.rows, chart.title)
    return [{"kind": "sentence", "text": chart.summary}, *_table(table)]


def _table(table: Table) -> list[Said]:
    """One table, or several that repeat the first column where one page is not wide enough."""
    rest = list(range(1, len(table.columns)))
    size = WIDEST - 1
    groups = [rest[at : at + size] for at in range(0, len(rest), size)] or [[]]
    return [
        {
            "kind": "table",
            "caption": table.caption if at == 0 else "",
            "heads": [_head(table, i) for i in (0, *group)],
            "right": [table.columns[i].align == "right" for i in (0, *group)],
            "rows": [[_cell(row[i]) for i in (0, *group)] for row in table.rows],
        }
        for at, group in enumerate(groups)
    ]


def _head(table: Table, at: int) -> str:
    column = table.columns[at]
    return f"{column.name} ({column.unit})" if column.unit else column.name


def _verdict(verdict: Verdict) -> Said:
    shown, rest = told_reasons(verdict, MOST_REASONS)
    told = [[_outcome(r.outcome), reason_text(r)] for r in shown]
    return {
        "kind": "reasons",
        "reasons": told or [[_outcome(verdict.outcome), ""]],
        "more": f"{rest}." if rest else "",
    }


def _outcome(outcome: Outcome | None) -> list[str]:
    return [outcome.value, MARKS[outcome]] if outcome else ["", ""]


def _cell(cell: Cell) -> Said:
    if isinstance(cell, Outcome):
        return {"outcome": _outcome(cell)}
    return {"text": cell_text(cell)}
