"""Columns that come in another unit as a section, from the JSON shape of `Rescaled`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.report.document import Block, Cell, Column, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of


def rescaled_section(found: Sequence[Mapping[str, Any]]) -> Section:
    """What each looks like and what to do, and the numbers behind it."""
    told: list[Block] = [Sentence(f"{one['sentence']} To do: {one['remedy']}.") for one in found]
    columns = (
        Column("column"),
        Column("times the reference", align="right"),
        Column("of the rows", align="right"),
        Column("moved as it came", align="right"),
        Column("after conversion", align="right"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one["name"], *(estimate_of(one[k]) for k in ("factor", "share", "raw", "matched")))
        for one in found
    )
    return Section("Columns that may come in another unit", (*told, Table(columns, rows)))
