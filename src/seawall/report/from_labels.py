"""The result of `labels` as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from seawall.kernel import Outcome
from seawall.report.charts import dot_and_whisker
from seawall.report.document import Block, Cell, Column, Document, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of, findings, reasons_section, verdict_of
from seawall.report.words import count

Shape: TypeAlias = Mapping[str, Any]
_ODD = {
    "without_decision": "outcomes without a decision",
    "repeated": "repeated outcomes",
    "conflicting": "decisions with conflicting labels",
    "before_decision": "labels from before their decision",
    "repeated_decisions": "repeated decisions",
}
_SHARES = ("wrong", "right", "not_arrived")


def labels_document(result: Shape) -> Document:
    """How labels come by age, then what cohorts of one age say, then what does not join."""
    verdict = verdict_of(result["verdict"])
    join = result["join"]
    share = join["labelled"] / join["decisions"] if join["decisions"] else 0.0
    sentence = f"{join['labelled']:,} of {join['decisions']:,} decisions ({share:.0%}) have a label"
    if result["settled_age_days"] is not None:
        sentence += f"; nine in ten come within {age(result['settled_age_days'])}"
    if result["staleness_days"] is not None:
        sentence += f"; the newest came {age(result['staleness_days'])} ago"
    sections = [reasons_section(verdict, "What speaks against it"), labels_by_age(result["curve"])]
    if result["age_days"] is not None:
        sections.append(_cohorts(result))
    if result["groups"]:
        sections.append(Section("By group, at the same age", tuple(_groups(result["groups"]))))
    if result["proxies"]:
        sections.append(_proxies(result["proxies"]))
    sections.append(_join(join))
    if unlike := join.get("unlike"):
        sentence = (
            f"No outcome has the id of a decision: an id is {unlike['decisions']!r} among "
            f"decisions, {unlike['outcomes']!r} among outcomes; write both alike"
        )
    told = f"{findings(verdict)} {sentence}."
    return Document("Labels", told, tuple(sections), verdict.outcome)


def age(days: float) -> str:
    """A span of days in words: "5 min", "6 h", "7 d"."""
    if 0 < days < 1 / 24:
        return f"{days * 1440:.2g} min"
    return f"{days * 24:.3g} h" if days < 1 else f"{days:.3g} d"


def labels_by_age(points: Sequence[Shape]) -> Section:
    """How many labels have come, by the age of the decision."""
    rows: dict[str, tuple[Any, Outcome | None]] = {
        f"by {age(p['age_days'])}": (estimate_of(p["share"]), None) for p in points
    }
    if not rows:
        return Section("Labels by age", (Sentence("No cohort is old enough to tell."),))
    last = points[-1]
    share = last["share"]["value"]
    # all is said of all alone: 99.7% is not 100%
    told = "nearly all" if 0.995 <= share < 1 else f"{share:.0%}"
    title = f"{told.capitalize()} are labelled by the age of {age(last['age_days'])}"
    chart = dot_and_whisker(rows, title=title, measure="share of decisions with a label")
    return Section("Labels by age", (chart,))


def _cohorts(result: Shape) -> Section:
    shown = [k for k in _SHARES if any(k in c for c in result["cohorts"])]
    columns = (
        Column("decided from"), Column("decisions", align="right"),
        *(Column(k.replace("_", " "), align="right") for k in shown),
    )  # fmt: skip
    old = [c for c in result["cohorts"] if not c["provisional"]]
    rows: list[tuple[Cell, ...]] = [
        (c["from"][:10], c["decisions"], *(estimate_of(c[k]) if k in c else None for k in shown))
        for c in old
    ]
    young = sum(c["decisions"] for c in result["cohorts"] if c["provisional"])
    blocks: list[Block] = [Table(columns, tuple(rows))] if rows else []
    if young:
        blocks.append(
            Sentence(f"{young:,} younger decisions are provisional and not in the table.")
        )
    return Section(f"Cohorts at the age of {age(result['age_days'])}", tuple(blocks))


def _groups(groups: Sequence[Shape]) -> Iterator[Block]:
    for key in (k for k in _SHARES if any(k in g for g in groups)):
        rows: dict[str, tuple[Any, Outcome | None]] = {
            " and ".join(f"{k} {v}" for k, v in g["by"].items()): (estimate_of(g[key]), None)
            for g in groups
            if key in g
        }
        said = key.replace("_", " ")
        yield dot_and_whisker(rows, title=f"{said.capitalize()} by group", measure=f"share {said}")


def _proxies(proxies: Shape) -> Section:
    columns = (
        Column("known at once"), Column("rate", align="right"),
        Column("wrong where 1", align="right"), Column("wrong where 0", align="right"),
    )  # fmt: skip
    rows = tuple(
        (name, *(estimate_of(p[k]) for k in ("rate", "wrong_where_1", "wrong_where_0")))
        for name, p in proxies.items()
    )
    return Section("Proxies", (Table(columns, rows),))


def _join(join: Shape) -> Section:
    if not join["outcomes"]:
        return Section("How decisions and outcomes join", (Sentence("No outcome has come."),))
    odd = [f"{count(join[k], what.rstrip('s'), what)}" for k, what in _ODD.items() if join[k]]
    text = f"Not joined as they should be: {', '.join(odd)}." if odd else (
        "Every outcome has its decision, and each decision one label at most."
    )  # fmt: skip
    return Section("How decisions and outcomes join", (Sentence(text),))
