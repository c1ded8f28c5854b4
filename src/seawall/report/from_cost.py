"""What decisions are worth, as a section of an evaluation's document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from seawall.report.document import Block, Column, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of
from seawall.report.words import cell_text, number

Shape: TypeAlias = Mapping[str, Any]
_KINDS = {"tp": "true positive", "fp": "false positive", "fn": "false negative",
          "tn": "true negative"}  # fmt: skip


def cost_section(cost: Shape, best: Shape | None) -> Section:
    """The mean and total value, the threshold that would be worth most, and the cost matrix."""
    mean, total = (cell_text(estimate_of(cost[k])) for k in ("mean", "total"))
    blocks: list[Block] = [
        Sentence(f"A decision is worth {mean} on average, all of them {total}."),
    ]
    if best:
        value, gain = (cell_text(estimate_of(best[k])) for k in ("value", "gain"))
        span = f"{number(best['low'])} to {number(best['high'])}"
        blocks.append(
            Sentence(
                f"The best threshold is {number(best['threshold'])} (as good: {span}), worth "
                f"{value} on average, {gain} more than now; its bounds allow for the search."
            )
        )
    rows = tuple((_KINDS[k], float(v)) for k, v in cost["values"].items())
    blocks.append(Table((Column("decision"), Column("worth", align="right")), rows))
    return Section("What decisions are worth", tuple(blocks))
