"""The result of `evaluate` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import dot_and_whisker
from seawall.report.document import Block, Column, Document, Section, Table
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of, verdict_sentence
from seawall.report.words import NAMES

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""

_GAPS = ("demographic_parity_difference", "equalized_odds_difference")
_RATES = {"selection_rate": "selection rate", "false_positive_rate": "false positive rate"}


def evaluation_document(result: Shape) -> Document:
    """Quality, calibration and fairness on labelled rows."""
    verdict = verdict_of(result["verdict"])
    measures = {name: estimate_of(e) for name, e in result["measures"].items()}
    sections = [
        reasons_section(verdict),
        Section("Quality", (_measures(measures),)),
        *(
            Section(f"Fairness by {name}", _fairness(name, told, result["groups"]))
            for name, told in result["fairness"].items()
        ),
    ]
    name = next(m for m in ("roc_auc", "mae", "accuracy") if m in measures)
    main = measures[name]
    said = NAMES.get(name, name)
    headline = f"{said[0].upper()}{said[1:]} is {main} on {main.n:,} labelled rows."
    sentence = f"{verdict_sentence(verdict)} {headline}"
    return Document("Evaluation", sentence, tuple(sections), verdict.outcome)


def _measures(measures: Mapping[str, Estimate]) -> Table:
    rows = tuple((NAMES.get(name, name.replace("_", " ")), e, e.n) for name, e in measures.items())
    columns = (Column("measure"), Column("estimate", align="right"), Column("rows", align="right"))
    return Table(columns, rows)


def _fairness(name: str, told: Shape, groups: Sequence[Shape]) -> tuple[Block, ...]:
    mine = [g for g in groups if "×".join(g["by"]) == name]
    if _GAPS[0] not in told["measures"]:
        return (_measures({key: estimate_of(e) for key, e in told["measures"].items()}),)
    gap = estimate_of(told["measures"][_GAPS[0]])
    charts: list[Block] = []
    for rate in ("selection_rate", "recall", "false_positive_rate"):
        rows: dict[str, tuple[Estimate, Outcome | None]] = {
            " × ".join(str(v) for v in g["by"].values()): (estimate_of(g["measures"][rate]), None)
            for g in mine
        }
        said = _RATES.get(rate, rate)
        title = f"{said.capitalize()} by {name}"
        if rate == "selection_rate":
            title = f"Selection rates by {name} differ by {gap}"
        charts.append(dot_and_whisker(rows, title=title, measure=said))
    return tuple(charts)
