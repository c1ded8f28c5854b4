"""The result of `drift` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import structs

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import ranked_dots
from seawall.report.document import Cell, Column, Document, Section, Table
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.words import count, listed

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""


def drift_document(result: Shape, tolerance: float | None = None) -> Document:
    """What moved between two tables, the furthest first.

    `tolerance` of the distributions, where all columns share one, is shaded in the chart.
    """
    verdict = verdict_of(result["verdict"])
    features = {
        name: (verdict_of(f["verdict"]).outcome, _deciding(f["measures"]), f)
        for name, f in result["features"].items()
    }
    moved = [name for name, (o, _, _) in features.items() if o is Outcome.FAIL]
    waiting = [name for name, (o, _, _) in features.items() if o is Outcome.UNDECIDED]
    total = count(len(features), "column")
    if moved:
        sentence = f"{listed(moved)} moved beyond tolerance, of {total}."
    elif waiting:
        sentence = f"No column is shown to have moved; undecided: {listed(waiting)} of {total}."
    else:
        sentence = f"No column of {len(features)} moved beyond its tolerance."
    order = sorted(features, key=lambda name: -features[name][1][1].value)
    dots = {name: (features[name][1][1], features[name][0]) for name in order[:MOST_ROWS]}
    title = f"{listed(moved)} moved" if moved else "No column moved beyond tolerance"
    chart = ranked_dots(
        dots,
        title=title,
        measure="share of probability that moved",
        tolerance=tolerance,
    )
    rows: list[tuple[Cell, ...]] = [
        (name, f["kind"], *deciding, outcome)
        for name in order
        for outcome, deciding, f in [features[name]]
    ]
    table = Table(
        (
            Column("column"),
            Column("kind"),
            Column("measure"),
            Column("moved", align="right"),
            Column("outcome"),
        ),
        tuple(rows),
    )
    read = result["rows"]
    about = f"{read['current']:,} rows against {read['reference']:,} of the reference."
    # The table has more than the chart, so it is the one behind it.
    blocks = (structs.replace(chart, table=table),)
    sections = [reasons_section(verdict), Section("By column", blocks)]
    if unseen := _unseen(result["features"]):
        sections.append(Section("Values the reference does not have", (unseen,)))
    return Document("Drift", f"{sentence} {about}", tuple(sections), verdict.outcome)


def _deciding(measures: Shape) -> tuple[str, Estimate]:
    name = "ks" if "ks" in measures else "total_variation"
    return name.replace("_", " ").replace("ks", "KS"), estimate_of(measures[name])


def _unseen(features: Shape) -> Table | None:
    rows = tuple(
        (name, value, n)
        for name, feature in features.items()
        for value, n in feature.get("new_values", {}).items()
    )
    columns = (Column("column"), Column("value"), Column("rows", align="right"))
    return Table(columns, rows) if rows else None
