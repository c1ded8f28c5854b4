"""The result of `evaluate` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import ReliabilityPoint, dot_and_whisker, reliability
from seawall.report.document import Block, Cell, Chart, Column, Document, Gallery, Section, Table
from seawall.report.from_verdict import estimate_of, findings, reasons_section, verdict_of
from seawall.report.other import blocks_of, measure_table, other_sections
from seawall.report.words import RuleText, count, number, rule_text, said

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""
_KNOWN = frozenset(
    {"verdict", "measures", "groups", "fairness", "rows", "reliability", "digests"}
)  # fmt: skip
_HEADLINE = ("roc_auc", "accuracy", "r2", "rmse", "mae")
_RATES = ("selection_rate", "recall", "false_positive_rate")
_GAP_OF = {
    "selection_rate": "demographic_parity_difference",
    "recall": "equal_opportunity_difference",
    "false_positive_rate": "equalized_odds_difference",
}
"""The gap that tells how far groups are apart in a rate."""


def evaluation_document(result: Shape) -> Document:
    """Quality, calibration and fairness on labelled rows."""
    verdict = verdict_of(result["verdict"])
    tolerances = {
        (rule.subject, rule.measure): rule for r in verdict.reasons if (rule := rule_text(r))
    }
    sections = [reasons_section(verdict, "What speaks against it")]
    sections += [
        Section(f"Fairness by {name}", tuple(_fairness(name, told, result["groups"], tolerances)))
        for name, told in result.get("fairness", {}).items()
    ]
    if chart := _reliability(result.get("reliability")):
        sections.append(Section("Calibration", (chart,)))
    sections.append(Section("Quality", (measure_table(result["measures"]),)))
    sections += other_sections(result, _KNOWN)
    for by, members in _by_columns(result.get("groups", ())).items():
        sections.append(Section(f"Every measure by {by}", (_members(members),), detail=True))
    sentence = f"{findings(verdict)} {_headline(result)}"
    return Document("Evaluation", sentence, tuple(sections), verdict.outcome)


def _headline(result: Shape) -> str:
    measures = result["measures"]
    named = next((name for name in _HEADLINE if name in measures), None)
    if named is None:
        return ""
    e = estimate_of(measures[named])
    return f"{said(named)[:1].upper()}{said(named)[1:]} is {_span(e)} on {e.n:,} labelled rows."


def _span(e: Estimate) -> str:
    return f"{number(e.value)} [{number(e.low)}, {number(e.high)}]"


def _by_columns(groups: Sequence[Shape]) -> dict[str, list[Shape]]:
    found: dict[str, list[Shape]] = {}
    for group in groups:
        found.setdefault("×".join(group["by"]), []).append(group)
    return found


def _name(group: Shape) -> str:
    return " × ".join(str(value) for value in group["by"].values())


def _fairness(
    name: str, told: Shape, groups: Sequence[Shape], rules: Mapping[tuple[str, str], RuleText]
) -> Iterator[Block]:
    """Each rate by group beside what a gap may be, then every gap."""
    mine = _by_columns(groups).get(name, [])
    gaps = told.get("measures", {})
    charts: list[Chart] = []
    for rate in _RATES:
        rows = {_name(g): (estimate_of(g["measures"][rate]), None)
                for g in mine if rate in g["measures"]}  # fmt: skip
        if not rows:
            continue
        gap = gaps.get(_GAP_OF[rate])
        rule = rules.get((name, _GAP_OF[rate])) or rules.get((name, "equalized_odds_difference"))
        charts.append(_rate(rate, name, dict(list(rows.items())[:MOST_ROWS]), gap, rule))
    if charts:
        yield Gallery(tuple(charts))
    if len(mine) > MOST_ROWS:
        yield from blocks_of("groups drawn", f"{MOST_ROWS} of {len(mine):,}; the last tables have all")
    if gaps:
        yield measure_table(gaps, "Largest gaps between groups")
    for key, part in told.items():
        if key not in ("verdict", "measures", "small"):
            yield from blocks_of(key, part)


def _rate(
    rate: str,
    name: str,
    rows: Mapping[str, tuple[Estimate, Outcome | None]],
    gap: Shape | None,
    rule: RuleText | None,
) -> Chart:
    values = [e.value for e, _ in rows.values() if not math.isnan(e.value)]
    what = f"{said(rate).capitalize()}{'s' if rate.endswith('rate') else ''} by {name}"
    title, band = what, None
    if gap and rate != "false_positive_rate":  # its own gap is not among the measures
        differ = "differ" if rate.endswith("rate") else "differs"
        title = f"{what} {differ} by {number(estimate_of(gap).value)}"
    elif values:
        title = f"{what}: {number(min(values))} to {number(max(values))}"
    if rule and values:
        middle = (min(values) + max(values)) / 2
        band = (middle - rule.bound / 2, middle + rule.bound / 2)
    return dot_and_whisker(rows, title=title, measure=said(rate), band=band)


def _reliability(bins: Sequence[Shape] | None) -> Chart | None:
    if not bins:
        return None
    points = [ReliabilityPoint(b["score"], estimate_of(b["positive"]), b["n"]) for b in bins]
    outside = sum(not p.observed.low <= p.predicted <= p.observed.high for p in points)
    title = f"{count(outside, 'bin')} of {len(points)} off the diagonal"
    return reliability(points, title=f"{title[:1].upper()}{title[1:]}")


def _members(groups: Sequence[Shape]) -> Table:
    names = list(dict.fromkeys(m for g in groups for m in g["measures"]))
    columns = (
        Column("group"),
        Column("rows", align="right"),
        *(Column(said(m), align="right") for m in names),
    )
    rows: list[tuple[Cell, ...]] = [
        (_name(g), g["n"], *(_estimate(g["measures"].get(m)) for m in names)) for g in groups
    ]
    return Table(columns, tuple(rows))


def _estimate(shape: Shape | None) -> Estimate | None:
    return None if shape is None else estimate_of(shape)
