"""A validation report as a document."""

from __future__ import annotations

from seawall.kernel import Estimate, Outcome
from seawall.report.charts import ReliabilityPoint, dot_and_whisker, reliability
from seawall.report.document import (
    Block,
    Column,
    Document,
    Judgement,
    Section,
    Sentence,
    Table,
)
from seawall.report.words import count, said
from seawall.validation.evidence import Confusion
from seawall.validation.replay import ReplayEvidence
from seawall.validation.report import ValidationReport

_COMPARED = (
    ("selection_rate", "demographic_parity_difference", "Selection rates"),
    ("accuracy", "accuracy_difference", "Shares of right answers"),
    ("mean_prediction", "mean_prediction_difference", "Mean predictions"),
)
"""What is drawn of groups: their measure, its gap, and both in words."""


def validation_document(report: ValidationReport) -> Document:
    """Conclusion and findings first, then each check, then what it is bound to."""
    sections = [
        Section("Findings", _findings(report)),
        *(
            Section(
                check.check.capitalize(), (Judgement(check.verdict), *_shown(check.check, report))
            )
            for check in report.checks
        ),
        Section("Measures", (_measures(report),)),
        Section("Limitations", _limitations(report)),
        Section("What this report is about", (_about(report),)),
    ]
    title = f"Validation of {report.version}"
    return Document(title, report.conclusion, tuple(sections), report.verdict.outcome)


def _findings(report: ValidationReport) -> tuple[Block, ...]:
    if not report.findings:
        return (Sentence("No findings."),)
    columns = (
        Column("severity"),
        Column("check"),
        Column("finding"),
        Column("owner"),
        Column("due"),
    )
    order = {"high": 0, "medium": 1, "low": 2}
    rows = tuple(
        (f.severity, f.check, f"{f.rule}: {f.message}", f.owner, f"{f.due:%Y-%m-%d}")
        for f in sorted(report.findings, key=lambda f: order[f.severity])
    )
    return (Table(columns, rows),)


def _shown(check: str, report: ValidationReport) -> tuple[Block, ...]:
    if check == "quality" and report.confusion:
        return (_confusion(report.confusion),)
    if check == "champion" and report.champion:
        return (Sentence(f"{report.champion} serves now; both answered the same rows."),)
    if check == "replay" and report.replay:
        return (_replay(report.replay),)
    if check == "calibration" and report.reliability:
        points = [ReliabilityPoint(b.score, b.positive, b.n) for b in report.reliability]
        outside = sum(not p.observed.low <= p.predicted <= p.observed.high for p in points)
        title = f"{count(outside, 'bin')} of {len(points)} off the diagonal".capitalize()
        return (reliability(points, title=title),)
    if check == "fairness":
        compared = dict.fromkeys(tuple(group.by) for group in report.groups)
        return tuple(_by_group(columns, report) for columns in compared)
    return ()


def _confusion(found: Confusion) -> Block:
    columns = (Column("label, then called"), *(Column(c, align="right") for c in found.classes))
    rows = tuple((c, *row) for c, row in zip(found.classes, found.counts, strict=True))
    return Table(columns, rows)


def _replay(found: ReplayEvidence) -> Block:
    return Sentence(
        f"{found.replayed:,} of {count(found.decisions, 'decision')} of {found.endpoint} from "
        f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC, which {found.champion} "
        f"decided under bundle {found.bundle}, were asked again; {found.labelled:,} have an "
        f"outcome. The whole replay is stored as {found.report}."
    )


def _by_group(columns: tuple[str, ...], report: ValidationReport) -> Block:
    parts = [g for g in report.groups if tuple(g.by) == columns]
    measure, gap_name, words = next(m for m in _COMPARED if m[0] in parts[0].measures)
    rows: dict[str, tuple[Estimate, Outcome | None]] = {
        " × ".join(g.by.values()): (g.measures[measure], None) for g in parts
    }
    name = ",".join(columns)
    gap = report.measures.get(f"{gap_name}[{name}]")
    said = f"{words} by {name}"
    title = f"{said} differ by {gap}" if gap else said
    return dot_and_whisker(rows, title=title, measure=measure.replace("_", " "))


def _measures(report: ValidationReport) -> Table:
    columns = (
        Column("measure"),
        Column("estimate", align="right"),
        Column("rows", align="right"),
        Column("method"),
    )
    rows = tuple((said(name), e, e.n, e.method) for name, e in report.measures.items())
    return Table(columns, rows)


def _limitations(report: ValidationReport) -> tuple[Block, ...]:
    return tuple(Sentence(text) for text in report.limitations) or (Sentence("None on record."),)


def _about(report: ValidationReport) -> Table:
    rows = (
        ("version", report.version),
        ("artefact", str(report.artefact)),
        ("plan", str(report.plan)),
        ("data", f"{report.data}, {report.rows:,} rows"),
        ("author", report.author),
        ("validator", report.validator),
        ("time", f"{report.time:%Y-%m-%d %H:%M %Z}"),
        ("report", str(report.digest)),
    )
    return Table((Column(""), Column("")), rows)
