"""The results of `drift`, `evaluate` and `estimate` as documents, from their JSON shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import structs

from seawall.kernel import Estimate, Outcome, Verdict
from seawall.report.charts import dot_and_whisker, ranked_dots
from seawall.report.document import Block, Cell, Column, Document, Judgement, Section, Table
from seawall.report.from_verdict import estimate_of, verdict_of, verdict_sentence
from seawall.report.words import count, listed

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""
NAMES = {
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
    "ece_debiased": "calibration error, debiased",
    "f1": "F1",
}
_GAPS = ("demographic_parity_difference", "equalized_odds_difference")
_RATES = {"selection_rate": "selection rate", "false_positive_rate": "false positive rate"}


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
    sections = [_reasons(verdict), Section("By column", blocks)]
    if unseen := _unseen(result["features"]):
        sections.append(Section("Values the reference does not have", (unseen,)))
    return Document("Drift", f"{sentence} {about}", tuple(sections), verdict.outcome)


def evaluation_document(result: Shape) -> Document:
    """Quality, calibration and fairness on labelled rows."""
    verdict = verdict_of(result["verdict"])
    measures = {name: estimate_of(e) for name, e in result["measures"].items()}
    sections = [
        _reasons(verdict),
        Section("Quality", (_measures(measures),)),
        *(
            Section(f"Fairness by {name}", _fairness(name, told, result["groups"]))
            for name, told in result["fairness"].items()
        ),
    ]
    auc = measures["roc_auc"]
    sentence = f"{verdict_sentence(verdict)} ROC AUC is {auc} on {auc.n:,} labelled rows."
    return Document("Evaluation", sentence, tuple(sections), verdict.outcome)


def estimation_document(result: Shape) -> Document:
    """Expected quality without labels, by chunk; realised quality beside it where known."""
    verdict = verdict_of(result["verdict"])
    chunks: Sequence[Shape] = result["chunks"]
    blocks: list[Block] = []
    for name in chunks[0]["measures"] if chunks else ():
        rows: dict[str, tuple[Estimate, Outcome | None]] = {
            f"rows {c['first']:,} to {c['last']:,}": (estimate_of(c["measures"][name]), None)
            for c in chunks
        }
        table_rows: list[tuple[Cell, ...]] = [
            (label, e, _realised(c, name))
            for (label, (e, _)), c in zip(rows.items(), chunks, strict=True)
        ]
        columns = (
            Column("chunk"),
            Column("estimated", align="right"),
            Column("realised", align="right"),
        )
        said = str(NAMES.get(name, name))
        table = Table(columns, tuple(table_rows), said)
        if 1 < len(rows) <= MOST_ROWS:
            chart = dot_and_whisker(rows, title=f"Estimated {said}", measure=said)
            blocks.append(structs.replace(chart, table=table))
        else:
            blocks.append(table)
    about = f"{count(len(chunks), 'chunk')}, without labels; a pass is provisional."
    sections = (_reasons(verdict), Section("By chunk", tuple(blocks)))
    sentence = f"{verdict_sentence(verdict)} {about[0].upper()}{about[1:]}"
    return Document("Estimated quality", sentence, sections, verdict.outcome)


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


def _measures(measures: Mapping[str, Estimate]) -> Table:
    rows = tuple((NAMES.get(name, name.replace("_", " ")), e, e.n) for name, e in measures.items())
    columns = (Column("measure"), Column("estimate", align="right"), Column("rows", align="right"))
    return Table(columns, rows)


def _fairness(name: str, told: Shape, groups: Sequence[Shape]) -> tuple[Block, ...]:
    mine = [g for g in groups if "×".join(g["by"]) == name]
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


def _realised(chunk: Shape, name: str) -> Cell:
    known = chunk.get("realised", {})
    return estimate_of(known[name]) if name in known else None


def _reasons(verdict: Verdict) -> Section:
    return Section("Reasons", (Judgement(verdict),))
