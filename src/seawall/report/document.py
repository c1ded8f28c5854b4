"""A document: one sentence first, then the reasons, then the evidence.

It says what is shown, not how; `adapters.rendering` writes it as Markdown, HTML, PDF or terminal
text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from seawall.kernel import Estimate, Outcome, Verdict

Cell: TypeAlias = str | int | float | bool | datetime | Estimate | Outcome | None


class Sentence(msgspec.Struct, frozen=True, tag="sentence"):
    """A sentence or a short paragraph of plain text."""

    text: str


class Column(msgspec.Struct, frozen=True):
    """A table's column; `unit` is shown in its head. The most important columns come first."""

    name: str
    unit: str = ""
    align: Literal["left", "right"] = "left"


class Table(msgspec.Struct, frozen=True, tag="table"):
    """Rows under columns; numbers are written to three significant digits, with their interval."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.caption!r} has a row of another width")


class Interval(msgspec.Struct, frozen=True):
    """One estimate of a chart with the span of values that its rule tolerates, if one judged it.

    `beside` is what came true where the estimate was made in advance.
    """

    name: str
    estimate: Estimate
    outcome: Outcome | None = None
    tolerated: tuple[float, float] | None = None
    beside: Estimate | None = None


class Chart(msgspec.Struct, frozen=True, tag="chart"):
    """A Vega-Lite specification, with what it shows in words and the table behind it.

    `title` says the finding; `summary` is read to those who cannot see it. `intervals` is what a
    chart of intervals draws, for where only text can be drawn.
    """

    title: str
    spec: dict[str, Any]
    summary: str
    table: Table
    intervals: tuple[Interval, ...] = ()


class Gallery(msgspec.Struct, frozen=True, tag="gallery"):
    """Small charts of one kind, side by side as far as there is room.

    `key` says how to read them.
    """

    charts: tuple[Chart, ...]
    key: str = ""


class Judgement(msgspec.Struct, frozen=True, tag="judgement"):
    """A verdict, shown with a line for each reason."""

    verdict: Verdict


Block: TypeAlias = Sentence | Table | Chart | Gallery | Judgement


class Section(msgspec.Struct, frozen=True):
    """A heading and what stands under it; `detail` is read last and left out of a terminal."""

    heading: str
    blocks: tuple[Block, ...]
    detail: bool = False


class Document(msgspec.Struct, frozen=True):
    """A title, the judgement in one sentence, and the sections that support it.

    `facts` say what the document is about: its inputs, their digests, when it was made.
    """

    title: str
    sentence: str
    sections: tuple[Section, ...] = ()
    outcome: Outcome | None = None
    facts: tuple[tuple[str, Cell], ...] = ()
