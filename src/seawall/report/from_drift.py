"""The result of `drift` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.charts import categories, dot_and_whisker, histogram, ranked_dots
from seawall.report.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Gallery,
    Interval,
    Judgement,
    Section,
    Sentence,
    Table,
)
from seawall.report.from_harm import harm_section
from seawall.report.from_rescaled import rescaled_section
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.other import blocks_of, is_estimate, notes_section, other_sections
from seawall.report.words import RuleText, count, listed, number, rule_text, said

Shape: TypeAlias = Mapping[str, Any]

MOST_ROWS = 40
"""Rows that a chart of dots can show legibly; the table has all."""
_KNOWN = frozenset(
    {
        "verdict",
        "features",
        "rows",
        "not_compared",
        "digests",
        "multivariate",
        "harm",
        "rescaled",
        "warnings",
        "notes",
    }
)
_SHARES = ("ks", "total_variation")
_KEY = "Filled: the reference. Outlined: the current rows, red beyond tolerance."
_BESIDE = ("missing_difference", "out_of_range")
"""Shares that are judged beside the distribution."""
_FIRST = ("missing_difference", "psi", "wasserstein", "total_variation", "js", "kl")


class Feature(msgspec.Struct, frozen=True):
    """A column of the result: its verdict and its measures."""

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
    def share(self) -> Estimate | None:
        """The share of probability that moved, whether it decides or not."""
        return next((self.measures[name] for name in _SHARES if name in self.measures), None)

    @property
    def main(self) -> str | None:
        """The measure that decides on the distribution."""
        return next((r.measure for _, r, _ in self.judged if r.measure not in _BESIDE), None)

    @property
    def rank(self) -> tuple[int, float, float]:
        """The larger, the earlier: what fails, what waits, then how far it moved."""
        order = {Outcome.FAIL: 2, Outcome.UNDECIDED: 1, Outcome.PASS: 0}[self.outcome]
        against = max((_against(e.value, r.bound) for _, r, e in self.judged
                       if r.measure == self.main), default=0.0)  # fmt: skip
        share = self.share.value if self.share else 0.0
        return order, against, 0.0 if math.isnan(share) else share


def drift_document(result: Shape) -> Document:
    """What moved between two tables, the furthest first."""
    verdict = verdict_of(result["verdict"])
    features = sorted(
        (_feature(name, shape) for name, shape in result["features"].items()),
        key=lambda f: f.rank,
        reverse=True,
    )
    moved = [f.name for f in features if f.outcome is Outcome.FAIL]
    waiting = [f.name for f in features if f.outcome is Outcome.UNDECIDED]
    sentence = _sentence(moved, waiting, len(features))
    read = result["rows"]
    about = f"{count(read['current'], 'row')} against {read['reference']:,} of the reference."
    sections = [
        reasons_section(_ordered(verdict, features), "What speaks against it"),
        *notes_section(result),
        Section("How far each column moved", _ranking(features, moved, waiting)),
    ]
    if units := result.get("rescaled"):
        sections.insert(0, rescaled_section(units))
    if effect := result.get("harm"):
        sections.append(harm_section(effect, set(moved)))
    if joint := result.get("multivariate"):
        sections.append(Section("Rows as a whole", tuple(_whole_rows(joint))))
    if charts := _histograms(features):
        sections.append(Section("How they moved", (Gallery(charts, _KEY),)))
    if changed := tuple(_changed(result["features"])):
        sections.append(Section("Categories that came, went or were renamed", changed))
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
    shares = all(f.main in _SHARES for f in features)
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
        main = rule.measure == feature.main
        if not main and reason.outcome is Outcome.PASS:
            continue
        name = feature.name if main else f"{feature.name}, {said(rule.measure)}"
        low, high = rule.tolerated
        low = max(low, 0.0) if e.low >= 0 else low  # a distance has no negative side
        if not shares and rule.bound:
            e, low, high = _scaled(e, rule.bound), low / rule.bound, high / rule.bound
        found.append(Interval(name, e, reason.outcome, (low, high)))
    return found


def _scaled(e: Estimate, unit: float) -> Estimate:
    return Estimate(
        e.value / unit, e.low / unit, e.high / unit, e.confidence, e.n, e.method, e.validity
    )


def _histograms(features: Sequence[Feature]) -> tuple[Chart, ...]:
    return tuple(_histogram(f) for f in features if "histogram" in f.shape)[:MOST_ROWS]


def _histogram(feature: Feature) -> Chart:
    shape, moved, name = feature.shape["histogram"], feature.share, feature.name
    title = f"{name} moved by {number(moved.value)}" if moved else name
    draw = partial(categories, shape["categories"]) if "categories" in shape else partial(
        histogram, shape["edges"]
    )  # fmt: skip
    return draw(
        shape["current"], title=title, variable=name, baseline=shape["reference"],
        outcome=feature.outcome,
    )  # fmt: skip


def _everything(features: Sequence[Feature]) -> Table:
    every = dict.fromkeys(name for f in features for name in f.measures if name != "ks")
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
            f.share,
            str(f.shape["kind"]),
            *(f.measures.get(name) for name in names),
        )
        for f in features
    ]
    caption = "“moved” is the KS distance of numbers and the total variation of categories."
    return Table(columns, tuple(rows), caption)


def _whole_rows(joint: Shape) -> Iterator[Block]:
    """Whether a model tells the two tables apart, and by which columns."""
    yield Judgement(verdict_of(joint["verdict"]))
    rows = {name: (estimate_of(e), None) for name, e in list(joint.get("importance", {}).items())}
    named = [str(name) for name in joint.get("named", ())]
    if rows:
        best = sorted(rows, key=lambda name: -rows[name][0].value)[:MOST_ROWS]
        title = f"Told apart by {listed(named)}" if named else "No column tells them apart"
        yield dot_and_whisker(
            {name: rows[name] for name in best}, title=title, measure="loss of AUC without it",
            reference=0.0,
        )  # fmt: skip
    known = {"verdict", "importance", "named"}
    rest = {key: value for key, value in joint.items() if key not in known}
    yield from blocks_of("rows as a whole", rest)


def _changed(features: Shape) -> Iterator[Table]:
    """Renamed, gone and new categories, each where there are any."""
    columns = (
        Column("column"),
        Column("was"),
        Column("is now"),
        Column("probability", align="right"),
    )
    rows: list[tuple[Cell, ...]] = [
        (name, pair["old"], pair["new"], float(pair["probability"]))
        for name, f in features.items()
        for pair in f.get("renamed", ())
    ]
    if rows:
        yield Table(columns, tuple(rows), "Perhaps renamed")
    columns = (Column("column"), Column("value"), Column("share in the reference", align="right"))
    rows = [
        (name, value, estimate_of(e))
        for name, f in features.items()
        for value, e in f.get("vanished", {}).items()
    ]
    if rows:
        yield Table(columns, tuple(rows), "In the reference only")
    columns = (Column("column"), Column("value"), Column("rows", align="right"))
    rows = [
        (name, value, n)
        for name, f in features.items()
        for value, n in f.get("new_values", {}).items()
    ]
    if rows:
        yield Table(columns, tuple(rows), "Not in the reference")


def _against(value: float, bound: float) -> float:
    """How far a value is against its bound; an undefined one is told first."""
    if math.isnan(value):
        return math.inf
    return abs(value) / bound if bound else math.inf
