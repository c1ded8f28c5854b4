"""The result of `drift` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.charts import categories, histogram, ranked_dots
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Gallery,
    Interval,
    Section,
    Sentence,
    Table,
)
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.other import is_estimate, other_sections
from seawall.report.words import RuleText, count, listed, number, rule_text, said

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""
_KNOWN = frozenset({"verdict", "features", "rows", "not_compared", "digests"})
_SHARES = ("ks", "total_variation")
_KEY = "Filled: the reference. Outlined: the current rows, red beyond tolerance."
_FIRST = ("missing_difference", "psi", "js", "kl", "wasserstein", "chi2", "hellinger")


class Feature(msgspec.Struct, frozen=True):
    """A column of the result: its verdict, its measures, and the deciding ones furthest first."""

    name: str
    shape: Shape
    verdict: Verdict
    measures: dict[str, Estimate]

    @property
    def outcome(self) -> Outcome:
        """Of all its rules."""
        return self.verdict.outcome

    @property
    def judged(self) -> list[tuple[Reason, RuleText, Estimate]]:
        """The reasons that judge a measure, the furthest against its tolerance first."""
        found = [(r, rule, r.estimate) for r in self.verdict.reasons
                 if (rule := rule_text(r)) and r.estimate]  # fmt: skip
        return sorted(found, key=lambda f: -_against(f[2].value, f[1].bound))

    @property
    def shift(self) -> tuple[str, Estimate] | None:
        """How far the distribution moved: the share of probability, else what decides."""
        for name in _SHARES:
            if name in self.measures:
                return name, self.measures[name]
        return next(((rule.measure, e) for _, rule, e in self.judged), None)

    @property
    def rank(self) -> tuple[float, float]:
        """The larger, the earlier: what fails, what waits, then how far it moved."""
        order = {Outcome.FAIL: 2.0, Outcome.UNDECIDED: 1.0, Outcome.PASS: 0.0}[self.outcome]
        return order, self.shift[1].value if self.shift else 0.0


def drift_document(result: Shape) -> Document:
    """What moved between two tables, the furthest first."""
    verdict = verdict_of(result["verdict"])
    features = sorted(
        (_feature(name, shape) for name, shape in result["features"].items()),
        key=lambda f: (-f.rank[0], -f.rank[1] if f.rank[1] == f.rank[1] else math.inf),
    )
    moved = [f.name for f in features if f.outcome is Outcome.FAIL]
    waiting = [f.name for f in features if f.outcome is Outcome.UNDECIDED]
    sentence = _sentence(moved, waiting, len(features))
    read = result["rows"]
    about = f"{read['current']:,} rows against {read['reference']:,} of the reference."
    sections = [
        reasons_section(_ordered(verdict, features), "What speaks against it"),
        Section("How far each column moved", _ranking(features, moved, waiting)),
    ]
    if charts := _histograms(features):
        sections.append(Section("How they moved", (Gallery(charts, _KEY),)))
    if unseen := _unseen(result["features"]):
        sections.append(Section("Values the reference does not have", (unseen,)))
    sections += other_sections(result, _KNOWN)
    if left_out := result.get("not_compared"):
        sections.append(Section("Not compared", (Sentence(f"{', '.join(left_out)}."),)))
    sections.append(Section("Every column and measure", (_everything(features),), detail=True))
    return Document("Drift", f"{sentence} {about}", tuple(sections), verdict.outcome)


def _feature(name: str, shape: Shape) -> Feature:
    measures = {k: estimate_of(e) for k, e in shape["measures"].items() if is_estimate(e)}
    return Feature(name, shape, verdict_of(shape["verdict"]), measures)


def _sentence(moved: list[str], waiting: list[str], total: int) -> str:
    columns = count(total, "column")
    if moved and waiting:
        also = f"; {len(waiting):,} not yet decided"
        return f"{listed(moved)} moved beyond tolerance, of {columns}{also}."
    if moved:
        return f"{listed(moved)} moved beyond tolerance, of {columns}."
    if waiting:
        return f"No column is shown to have moved; undecided: {listed(waiting)} of {columns}."
    return f"No column of {total} moved beyond its tolerance."


def _ordered(verdict: Verdict, features: Sequence[Feature]) -> Verdict:
    """The reasons in the order of the columns; those that are of no column stay in front."""
    ranked = [(r, rule) for f in features for r, rule, _ in f.judged]
    known = {r.rule for r, _ in ranked}
    others = [r for r in verdict.reasons if r.rule not in known]
    furthest = sorted(
        ((r, rule) for r, rule in ranked if r.estimate),
        key=lambda f: -_against(f[0].estimate.value if f[0].estimate else 0.0, f[1].bound),
    )
    return Verdict(verdict.outcome, (*others, *(r for r, _ in furthest)))


def _ranking(
    features: Sequence[Feature], moved: list[str], waiting: list[str]
) -> tuple[Block, ...]:
    """The furthest as a chart; each judged measure that does not hold has its own row."""
    shares = all(f.shift and f.shift[0] in _SHARES for f in features)
    rows = [row for f in features for row in _rows(f, shares)]
    title = f"{listed(moved)} moved" if moved else "No column moved beyond tolerance"
    if waiting and not moved:
        title = f"Too few rows to decide about {listed(waiting)}"
    measure = "share of probability that moved" if shares else "multiple of what is tolerated"
    chart = ranked_dots(rows[:MOST_ROWS], title=title, measure=measure)
    left = len(features) - MOST_ROWS
    note = (Sentence(f"{left:,} more columns moved less; the last table has all."),)
    return (chart, *(note if left > 0 else ()))


def _rows(feature: Feature, shares: bool) -> list[Interval]:
    found: list[Interval] = []
    for reason, rule, e in feature.judged:
        share = rule.measure in _SHARES
        if not share and reason.outcome is Outcome.PASS and feature.shift:
            continue
        name = feature.name if share else f"{feature.name}, {said(rule.measure)}"
        low, high = rule.tolerated
        low = max(low, 0.0) if e.low >= 0 else low  # a distance has no negative side
        if not shares and rule.bound:
            e, low, high = _scaled(e, rule.bound), low / rule.bound, high / rule.bound
        found.append(Interval(name, e, reason.outcome, (low, high)))
    if not found and feature.shift and shares:
        found.append(Interval(feature.name, feature.shift[1], feature.outcome))
    return found


def _scaled(e: Estimate, unit: float) -> Estimate:
    return Estimate(
        e.value / unit, e.low / unit, e.high / unit, e.confidence, e.n, e.method, e.validity
    )


def _histograms(features: Sequence[Feature]) -> tuple[Chart, ...]:
    return tuple(_histogram(f) for f in features if "histogram" in f.shape)[:MOST_ROWS]


def _histogram(feature: Feature) -> Chart:
    shape = feature.shape["histogram"]
    moved = feature.shift
    title = f"{feature.name} moved by {number(moved[1].value)}" if moved else feature.name
    draw = {"title": title, "variable": feature.name, "baseline": shape["reference"],
            "outcome": feature.outcome}  # fmt: skip
    if "categories" in shape:
        return categories(shape["categories"], shape["current"], **draw)
    return histogram(shape["edges"], shape["current"], **draw)


def _everything(features: Sequence[Feature]) -> Table:
    every = dict.fromkeys(name for f in features for name in f.measures if name not in _SHARES)
    names = [n for n in _FIRST if n in every] + [n for n in every if n not in _FIRST]
    columns = (
        Column("column"),
        Column("outcome"),
        Column("moved", align="right"),
        Column("kind"),
        *(Column(said(name), align="right") for name in names),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            f.name,
            f.outcome,
            f.shift[1] if f.shift else None,
            str(f.shape["kind"]),
            *(f.measures.get(name) for name in names),
        )
        for f in features
    ]
    caption = "“moved” is the KS distance of numbers and the total variation of categories."
    return Table(columns, tuple(rows), caption)


def _unseen(features: Shape) -> Table | None:
    rows = tuple(
        (name, value, n)
        for name, feature in features.items()
        for value, n in feature.get("new_values", {}).items()
    )
    columns = (Column("column"), Column("value"), Column("rows", align="right"))
    return Table(columns, rows) if rows else None


def _against(value: float, bound: float) -> float:
    """How far a value is against its bound; an undefined one is told first."""
    if math.isnan(value):
        return math.inf
    return abs(value) / bound if bound else math.inf
