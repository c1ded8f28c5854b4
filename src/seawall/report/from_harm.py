"""What a drift does to errors, as a section of its document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from seawall.kernel import Outcome
from seawall.report.charts import ranked_dots
from seawall.report.document import Block, Cell, Column, Interval, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of
from seawall.report.words import listed, number

Shape: TypeAlias = Mapping[str, Any]
_ALL = "all, by score"


def harm_section(effect: Shape, moved: set[str]) -> Section:
    """The change of the error rate by each column's drift, and the values behind the harmful."""
    tolerance = float(effect["tolerance"])
    told = {_ALL: effect["overall"]} if "overall" in effect else {}
    told |= effect["features"]
    rows = [
        Interval(name, estimate_of(one["change"]), Outcome(one["outcome"]),
                 (-math.inf, tolerance))
        for name, one in told.items()
    ]  # fmt: skip
    chart = ranked_dots(rows, title=_finding(told, moved, tolerance), measure="error rate added")
    blocks: list[Block] = [chart, *_behind(told, moved)]
    blocks.append(
        Sentence(
            "Estimated as if the model erred as often at each value as on the labelled reference: "
            "a change of what values mean is not in it. Rows like none of the reference may be "
            "right or wrong, and widen the interval."
        )
    )
    return Section("What it does to errors", tuple(blocks))


def _finding(told: Shape, moved: set[str], tolerance: float) -> str:
    harmful = [n for n, one in told.items() if one["outcome"] == "fail"]
    benign = [n for n in told if n in moved and told[n]["outcome"] == "pass"]
    unclear = [n for n, one in told.items() if one["outcome"] == "undecided" and n in moved]
    if harmful:
        return f"Harmful: {listed(harmful)}, above {tolerance:g} more errors a decision"
    if unclear:
        return f"Harmful or not is not yet told of {listed(unclear)}"
    if benign:
        return f"{listed(benign)} moved, and that is benign"
    if any(one["outcome"] == "undecided" for one in told.values()):
        return f"No drift is shown to add more than {tolerance:g} errors a decision"
    return f"No drift adds more than {tolerance:g} errors a decision"


def _behind(told: Shape, moved: set[str]) -> list[Block]:
    """The values whose rows became more or fewer, for columns that moved or may do harm."""
    columns = (
        Column("column"), Column("values"), Column("share then", align="right"),
        Column("share now", align="right"), Column("errors there", align="right"),
        Column("adds", align="right"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (name, part["label"], float(part["then"]), float(part["now"]),
         None if part["error_rate"] is None else float(part["error_rate"]),
         float(part["contribution"]))
        for name, one in told.items()
        if name in moved or one["outcome"] != "pass"
        for part in one["parts"]
    ]  # fmt: skip
    unseen = [f"{number(100 * one['unseen'])}% of {name}" for name, one in told.items()
              if one["unseen"] >= 0.01]  # fmt: skip
    found: list[Block] = [Table(columns, tuple(rows), "Values behind it")] if rows else []
    if unseen:
        found.append(Sentence(f"Like no row of the reference: {listed(unseen)}."))
    return found
