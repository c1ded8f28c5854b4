"""The result of `segments` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from seawall.kernel import Outcome, Rule
from seawall.report.charts import dot_and_whisker
from seawall.report.document import Column, Document, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.words import cell_text, count, number

Shape: TypeAlias = Mapping[str, Any]
_HEADS = {
    "share_change": ("share of rows", "in the reference", "change of the share of rows"),
    "error_rate_excess": ("error rate", "elsewhere", "error rate above that of all other rows"),
    "absolute_error_excess": (
        "mean absolute error", "elsewhere", "mean absolute error above that of all other rows",
    ),
}  # fmt: skip


def segments_document(result: Shape) -> Document:
    """The slices that stand out, the surest first, and how many were searched for them."""
    verdict = verdict_of(result["verdict"])
    own, other, measure = _HEADS[result["measure"]]
    found, searched = result["segments"], result["searched"]
    among = f"{searched['slices']:,} slices of {count(len(searched['columns']), 'column')}"
    if not found:
        sentence = f"No slice stands out among {among}."
        if not searched["slices"]:
            sentence = "No slice has enough rows to be searched."
        return Document("Worst segments", sentence, (reasons_section(verdict),), verdict.outcome)
    worst = found[0]
    sentence = (
        f"{named(worst)} stands out most of {among}: {own} {number(worst['own'])}, "
        f"{number(worst['elsewhere'])} {other}, in {worst['n']:,} rows; "
        f"the difference is {cell_text(estimate_of(worst['excess']))}."
    )
    # in the table's order: the surest is not always the largest
    chart = dot_and_whisker(
        {named(one): (estimate_of(one["excess"]), _outcome(one, result)) for one in found},
        title=f"{named(worst)} stands out most", measure=measure, band=_band(result),
    )  # fmt: skip
    columns = (
        Column("slice"), Column("difference", align="right"), Column(own, align="right"),
        Column(other, align="right"), Column("rows", align="right"),
    )  # fmt: skip
    rows = tuple(
        (named(one), estimate_of(one["excess"]), float(one["own"]), float(one["elsewhere"]),
         int(one["n"]))
        for one in found
    )  # fmt: skip
    note = Sentence(
        f"Intervals hold for all {searched['slices']:,} slices at once, so they allow for the "
        "search. A crossing is told only where it is worse than either column's slice alone."
    )
    sections = (
        reasons_section(verdict, "What speaks against it"),
        Section("Slices that stand out", (chart, Table(columns, rows), note)),
    )
    return Document("Worst segments", sentence, sections, verdict.outcome)


def named(segment: Shape) -> str:
    """A slice in words: "AGEP 43 to 50 and SCHL 16"."""
    return " and ".join(f"{name} {value}" for name, value in segment["by"].items())


def _outcome(segment: Shape, result: Shape) -> Outcome | None:
    if result["measure"] == "absolute_error_excess":
        return None
    rule = Rule(result["measure"], within=float(result["tolerance"]))
    return rule.judge(estimate_of(segment["excess"])).outcome


def _band(result: Shape) -> tuple[float, float] | None:
    if result["measure"] == "absolute_error_excess":
        return None
    tolerance = float(result["tolerance"])
    below = any(estimate_of(one["excess"]).low < 0 for one in result["segments"])
    return (-tolerance if below else 0.0, tolerance)
