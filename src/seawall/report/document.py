"""A document: one sentence first, then the reasons, then the evidence.

It says what is shown, not how; `adapters.rendering` writes it as Markdown, HTML or terminal text.
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
    """A table's column; `unit` is shown in its head."""

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


class Chart(msgspec.Struct, frozen=True, tag="chart"):
    """A Vega-Lite specification, with what it shows in words and the table behind it.

    `title` says the finding; `summary` is read to those who cannot see it.
    """

    title: str
    spec: dict[str, Any]
    summary: str
    table: Table


class Judgement(msgspec.Struct, frozen=True, tag="judgement"):
    """A verdict, shown with a line for each reason."""

    verdict: Verdict


Block: TypeAlias = Sentence | Table | Chart | Judgement


class Section(msgspec.Struct, frozen=True):
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


class Document(msgspec.Struct, frozen=True):
    """A title, the judgement in one sentence, and the sections that support it."""

    title: str
    sentence: str
    sections: tuple[Section, ...] = ()
    outcome: Outcome | None = None
