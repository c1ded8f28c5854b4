"""The result of `evaluate` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import ReliabilityPoint, curve, dot_and_whisker, reliability
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Gallery,
    Judgement,
    Section,
    Sentence,
    Table,
)
from seawall.report.from_cost import cost_section
from seawall.report.from_verdict import estimate_of, findings, reasons_section, verdict_of
from seawall.report.other import blocks_of, measure_table, notes_section, other_sections
from seawall.report.words import RuleText, count, number, rule_text, said

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""
_KNOWN = frozenset(
    {"verdict", "task", "measures", "groups", "fairness", "rows", "calibration", "curves", "cost",
     "against", "clipped", "confusion", "digests", "warnings", "notes"}
)  # fmt: skip
_SIDE, MOST_DIAGRAMS = 170, 12
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
    sections = [reasons_section(verdict, "What speaks against it"), *notes_section(result)]
    sections += [
        Section(f"Fairness by {name}", tuple(_fairness(name, told, result["groups"], tolerances)))
        for name, told in result.get("fairness", {}).items()
    ]
    if blocks := tuple(_calibration(result.get("calibration") or {})):
        sections.append(Section("Calibration", blocks))
    sections.append(Section("Quality", (measure_table(result["measures"]),)))
    if confusion := result.get("confusion"):
        sections.append(Section("Which classes are taken for which", (_confusion(confusion),)))
    if charts := tuple(_curves(result.get("curves") or {})):
        sections.append(Section("Over all thresholds", (Gallery(charts),)))
    if cost := result.get("cost"):
        sections.append(cost_section(cost, result.get("curves", {}).get("best")))
    if other := result.get("against"):
        sections.insert(1, Section("Against the other model", tuple(_against(other))))
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
    small: Sequence[Shape] = told.get("small", ())
    charts: list[Chart] = []
    for rate in _RATES:
        rows = {_name(g): (estimate_of(g["measures"][rate]), _judged(g, small))
                for g in mine if rate in g["measures"]}  # fmt: skip
        if not rows:
            continue
        gap = gaps.get(_GAP_OF[rate])
        rule = rules.get((name, _GAP_OF[rate])) or rules.get((name, "equalized_odds_difference"))
        charts.append(_rate(rate, name, dict(list(rows.items())[:MOST_ROWS]), gap, rule))
    if charts:
        yield Gallery(tuple(charts))
    if len(mine) > MOST_ROWS:
        yield from blocks_of(
            "groups drawn", f"{MOST_ROWS} of {len(mine):,}; the last tables have all"
        )
    if gaps:
        yield _gaps(gaps, told.get("worst", {}))
    for key, part in told.items():
        if key not in ("verdict", "measures", "small", "worst"):
            yield from blocks_of(key, part)


def _gaps(gaps: Shape, extremes: Shape) -> Table:
    """Every gap, and the groups that it lies between."""
    table = measure_table(gaps, "Largest gaps between groups")
    ends = [extremes.get(name, {}) for name in gaps]
    if not any(ends):
        return table
    between = [tuple(" × ".join(map(str, e[end].values())) if end in e else None
                     for end in ("low", "high")) for e in ends]  # fmt: skip
    rows = tuple((*row, *pair) for row, pair in zip(table.rows, between, strict=True))
    return Table((*table.columns, Column("lowest"), Column("highest")), rows, table.caption)


def _judged(group: Shape, small: Sequence[Shape]) -> Outcome | None:
    """A group with too few rows to judge is undecided; the others are judged by their gaps."""
    return Outcome.UNDECIDED if group["by"] in small else None


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
    apart = None if gap is None else estimate_of(gap)
    if apart and math.isnan(apart.value):
        title = f"{what}: {'one group only' if len(rows) == 1 else 'too few rows to compare'}"
    elif apart and rate != "false_positive_rate":  # its own gap is not among the measures
        differ = "differ" if rate.endswith("rate") else "differs"
        title = f"{what} {differ} by {number(apart.value)}"
    elif values:
        title = f"{what}: {number(min(values))} to {number(max(values))}"
    if rule and values:
        middle = (min(values) + max(values)) / 2
        band = (middle - rule.bound / 2, middle + rule.bound / 2)
    return dot_and_whisker(rows, title=title, measure=said(rate), band=band)


def _calibration(told: Shape) -> Iterator[Block]:
    """The reliability diagram of all rows, then those of groups."""
    if bins := told.get("reliability"):
        yield _reliability(bins, "")
    for name, groups in told.get("by_group", {}).items():
        drawn = [_reliability(g["reliability"], f"{name} {_name(g)}: ", _SIDE)
                 for g in groups if g.get("reliability")]  # fmt: skip
        if drawn:
            yield Gallery(tuple(drawn[:MOST_DIAGRAMS]))


def _reliability(bins: Sequence[Shape], whose: str, side: int = 0) -> Chart:
    points = [ReliabilityPoint(b["score"], estimate_of(b["positive"]), b["n"]) for b in bins]
    outside = sum(not p.observed.low <= p.predicted <= p.observed.high for p in points)
    title = f"{whose}{count(outside, 'bin')} of {len(points)} off the diagonal"
    title = f"{title[:1].upper()}{title[1:]}" if not whose else title
    return reliability(points, title=title, **({"side": side} if side else {}))


def _curves(told: Shape) -> Iterator[Chart]:
    """Each measure over the thresholds; `best` is told beside."""
    thresholds = told.get("thresholds", ())
    for name, part in told.items():
        if not isinstance(part, Mapping) or not isinstance(part.get("value"), list):
            continue
        known = [v for v in part["value"] if v is not None]
        what = f"{said(name)[:1].upper()}{said(name)[1:]}"
        span = f"{what} from {number(min(known))} to {number(max(known))}" if known else what
        yield curve(thresholds, part["value"], part["low"], part["high"], title=span, measure=what)


def _against(told: Shape) -> Iterator[Block]:
    """The verdict on the other model, both models' measures and their differences."""
    yield Judgement(verdict_of(told["verdict"]))
    columns = (
        Column("measure"),
        Column("difference", align="right"),
        Column("this model", align="right"),
        Column("the other", align="right"),
        Column("better"),
    )
    rows: list[tuple[Cell, ...]] = [
        (said(name), estimate_of(c["difference"]), c["model"], c["other"], str(c["better"]))
        for name, c in told["measures"].items()
    ]
    yield Table(columns, tuple(rows), f"On the same {told['n']:,} rows")
    for note in told.get("notes", ()):
        yield Sentence(str(note))


def _confusion(told: Shape) -> Table:
    """Rows are what is so, columns what was called."""
    labels = [str(label) for label in told["labels"]]
    columns = (Column("label"), *(Column(f"called {name}", align="right") for name in labels))
    rows = tuple((name, *counts) for name, counts in zip(labels, told["counts"], strict=True))
    return Table(columns, rows)


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
