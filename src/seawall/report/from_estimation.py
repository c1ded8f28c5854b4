"""The result of `estimate` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from seawall.kernel import Estimate, Outcome, Verdict
from seawall.report.charts import ChunkPoint, chunks, dot_and_whisker
from seawall.report.document import Block, Cell, Column, Document, Section, Table
from seawall.report.from_verdict import estimate_of, findings, reasons_section, verdict_of
from seawall.report.other import is_estimate, notes_section, other_sections
from seawall.report.words import count, number, rule_text, said

Shape: TypeAlias = Mapping[str, Any]

_KNOWN = frozenset(
    {
        "verdict",
        "chunks",
        "reference",
        "provisional",
        "calibrated",
        "digests",
        "warnings",
        "notes",
        "verified",
    }
)
_LARGER_IS_WORSE = frozenset({"mae", "rmse", "mape", "log_loss", "brier", "mse"})
FEW_REASONS = 4
"""Passing rules that a report may open with."""
MOST_ROWS = 20
"""Rows of a table of chunks before it is told only with every measure."""


def estimation_document(result: Shape) -> Document:
    """Expected quality without labels, by chunk; realised quality beside it where known."""
    verdict = verdict_of(result["verdict"])
    parts: Sequence[Shape] = result["chunks"]
    names = list(parts[0]["measures"]) if parts else []
    drops = _drops(verdict)
    judged = [n for n in names if n in drops]
    rest = [n for n in names if n not in drops]
    reasons = reasons_section(verdict, "What speaks against it")
    many = verdict.outcome is Outcome.PASS and len(verdict.reasons) > FEW_REASONS
    sections = [*([] if many else [reasons]), *notes_section(result)]
    for name in judged or names[:1]:
        heading = f"{said(name)[:1].upper()}{said(name)[1:]}"
        sections.append(Section(heading, tuple(_measure(name, result, drops.get(name)))))
    if rest and judged and len(parts) == 1:
        sections.append(Section("Measures that were not judged", (_table(parts, rest),)))
    sections += [*_verified(result), *other_sections(result, _KNOWN)]
    if many:  # what holds in every chunk is read last
        sections.append(Section(reasons.heading, reasons.blocks, detail=True))
    sections.append(Section("Every chunk and measure", (_table(parts, names),), detail=True))
    sentence = f"{findings(verdict)} {_about(parts, judged or names[:1])}"
    return Document("Estimated quality", sentence, tuple(sections), verdict.outcome)


def _drops(verdict: Verdict) -> dict[str, float]:
    """How much lower each judged measure may be than on the reference."""
    rules = [rule for r in verdict.reasons if (rule := rule_text(r))]
    return {r.measure.removesuffix("_drop"): r.bound for r in rules if r.measure.endswith("_drop")}


def _about(parts: Sequence[Shape], names: Sequence[str]) -> str:
    """How many chunks are only estimated, and how the estimates did where labels came."""
    chunks = count(len(parts), "chunk")
    known = [c for c in parts if c.get("realised")]
    if not known:
        return f"Estimated without labels in {chunks}; a pass is provisional."
    came = f"Labels came for {len(known):,} of {len(parts):,} and decide there"
    if len(known) < len(parts):
        came = f"Estimated without labels in {chunks}; a pass is provisional. {came}"
    held = {n: told for n in names if (told := _held(known, n))}
    if not held:
        return f"{came}."
    worst = min(held, key=lambda n: sum(held[n]) / len(held[n]))
    inside = f"{sum(held[worst]):,}"
    if len(held[worst]) < len(known):
        inside += f" of {len(held[worst]):,}"
    return f"{came}: realised {said(worst)} lies in the estimated interval in {inside}."


def _held(known: Sequence[Shape], name: str) -> list[bool]:
    """For each chunk whose labels define a measure whether its estimate held it."""
    pairs = [(estimate_of(c["measures"][name]), estimate_of(c["realised"][name])) for c in known
             if name in c["realised"]]  # fmt: skip
    return [e.low <= real.value <= e.high for e, real in pairs if not math.isnan(real.value)]


def _verified(result: Shape) -> Iterator[Section]:
    """Each measure's estimates beside what was realised, over the chunks whose labels came."""
    verified = result.get("verified")
    if not verified or not verified["chunks"]:
        return
    off = verified["mean_error"]
    rows: list[tuple[Cell, ...]] = [
        (said(name), estimate_of(held), off.get(name)) for name, held in verified["covered"].items()
    ]
    columns = (Column("measure"), Column("held by the interval", "share", "right"),
               Column("estimated − realised", "mean", "right"))  # fmt: skip
    caption = f"of {count(verified['chunks'], 'chunk')} with all labels"
    yield Section("What labels said", (Table(columns, tuple(rows), caption),))


def _measure(name: str, result: Shape, drop: float | None) -> Iterator[Block]:
    parts: Sequence[Shape] = result["chunks"]
    points = [
        ChunkPoint(c["first"], c["last"], estimate_of(c["measures"][name]), _realised(c, name))
        for c in parts
    ]
    was = result.get("reference", {}).get(name)
    before = estimate_of(was) if was and is_estimate(was) else None
    least = None if before is None or drop is None else before.value - drop
    title = _title(name, points, least)
    if len(points) > 1:
        worse = name in _LARGER_IS_WORSE
        yield chunks(points, title=title, measure=said(name), at_least=None if worse else least)
        return
    rows: dict[str, tuple[Estimate, Outcome | None]] = {}
    if before:
        rows["reference"] = (before, None)
    rows["estimated"] = (points[0].estimated, None)
    if points[0].realised:
        rows["realised"] = (points[0].realised, None)
    band = None if least is None else (least, 1.0)
    yield dot_and_whisker(rows, title=title, measure=said(name), band=band)


def _title(name: str, points: Sequence[ChunkPoint], least: float | None) -> str:
    """The finding: where what is best known lies against the least that is tolerated."""
    what = f"{said(name)[:1].upper()}{said(name)[1:]}"
    best = [p.realised or p.estimated for p in points]
    low, high = number(min(e.value for e in best)), number(max(e.value for e in best))
    verb = "is" if all(p.realised for p in points) else "is estimated"
    span = f"{verb} at {low}" if low == high else f"{verb} between {low} and {high}"
    if least is None:
        return f"{what} {span}"
    below = sum(e.high < least for e in best)
    if below:
        return f"{what} is below {number(least)} in {below:,} of {count(len(points), 'chunk')}"
    return f"{what} {span}; at least {number(least)} is tolerated"


def _table(parts: Sequence[Shape], names: Sequence[str]) -> Table:
    known = [n for n in names if any(n in c.get("realised", {}) for c in parts)]
    columns = [Column("rows"), Column("number", align="right")]
    for name in names:
        columns.append(Column(said(name), align="right"))
        if name in known:
            columns.append(Column(f"{said(name)}, realised", align="right"))
    rows: list[tuple[Cell, ...]] = []
    for c in parts:
        cells: list[Cell] = [f"{c['first']:,} to {c['last']:,}", c["n"]]
        for name in names:
            cells.append(estimate_of(c["measures"][name]))
            if name in known:
                cells.append(_realised(c, name))
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows))


def _realised(chunk: Shape, name: str) -> Estimate | None:
    known = chunk.get("realised", {})
    return estimate_of(known[name]) if name in known else None
