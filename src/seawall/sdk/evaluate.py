"""Quality, calibration and fairness of a table of labelled rows, with no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput, Digest, Outcome, Reason, Rule, Verdict, all_of
from seawall.report.document import Document
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.sdk.scores import count_scores
from seawall.statistics.calibration import calibration
from seawall.statistics.column import numbers
from seawall.statistics.drift import judge_in_family
from seawall.statistics.fairness import TOLERANCES, Fairness, Group, fairness
from seawall.statistics.grid import heavy, score_grid
from seawall.statistics.performance import performance
from seawall.statistics.score import ScoreSummary

CALIBRATION = Rule("ece_debiased", at_most=0.05)
"""Default tolerance of calibration."""
By = str | tuple[str, ...]


class EvaluationReport(Report, frozen=True):
    """What `evaluate` found."""

    subject = "evaluation"

    def _document(self) -> Document:
        from seawall.report.from_evaluation import evaluation_document

        return evaluation_document(self.to_dict())


def evaluate(
    data: Table,
    *,
    label: str,
    score: str,
    prediction: str | None = None,
    groups: Sequence[By] = (),
    threshold: float = 0.5,
) -> EvaluationReport:
    """Quality, calibration and fairness of a binary model on labelled rows.

    `label` holds 0/1 (or missing), `score` the probability of 1. With `prediction` (0/1) the
    measures of calls and the groups' gaps are of those calls, else of scores ≥ `threshold`.
    `groups` are columns; a tuple of columns is their intersection. Decides on debiased ECE ≤
    0.05 and gaps ≤ 0.10 in selection and error rates. Raises `BadInput` on unusable data.
    """
    chosen = [(by,) if isinstance(by, str) else tuple(by) for by in groups]
    columns: list[str] = list(dict.fromkeys([label, score, *([prediction] if prediction else []),
                                  *(c for by in chosen for c in by)]))  # fmt: skip
    table = read_columns(data, columns)
    grid = score_grid((*heavy(numbers(table[score])[0]), threshold))
    scored = count_scores(table, score, label, chosen, grid)
    calls, cut = scored, threshold
    if prediction:
        calls, cut = count_scores(table, prediction, label, chosen, score_grid((0.0, 1.0))), 0.5
        _only_calls(calls, prediction)
    measures = performance(scored, threshold, CONFIDENCE)
    if prediction:
        by_call = performance(calls, cut, CONFIDENCE)
        ranked = ("roc_auc", "average_precision", "log_loss", "brier")
        measures = by_call | {name: measures[name] for name in ranked}
    measures |= calibration(scored, CONFIDENCE)
    family = 1 - (1 - CONFIDENCE) / (1 + len(chosen) * len(TOLERANCES))
    strict = calibration(scored, family)["ece_debiased"]
    verdicts = [judge_in_family(CALIBRATION, measures["ece_debiased"], strict, "all rows")]
    told: dict[str, Any] = {}
    members: list[Group] = []
    for by in chosen:
        name = "×".join(by)
        gaps = fairness(calls, by, cut, confidence=CONFIDENCE)
        verdict = _judge_gaps(name, gaps, fairness(calls, by, cut, confidence=family))
        verdicts.append(verdict)
        members += [*gaps.groups, *gaps.small]
        told[name] = {
            "verdict": verdict.to_dict(),
            "measures": {key: e.to_dict() for key, e in gaps.measures.items()},
            "small": [g.by for g in gaps.small],
        }
    body = {
        "measures": {name: e.to_dict() for name, e in measures.items()},
        "groups": [g.to_dict() for g in members],
        "fairness": told,
        "rows": {
            "scored": scored.n, "labelled": scored.labelled, "without_score": scored.missing,
        },
        "digests": {"data": str(Digest.of(scored.to_bytes()))},
    }  # fmt: skip
    return EvaluationReport(all_of(verdicts), body, named(data=data))


def _only_calls(calls: ScoreSummary, prediction: str) -> None:
    if int(calls.counts[:, ~calls.grid.exact].sum()):
        raise BadInput(
            f"prediction {prediction} has values other than 0 and 1",
            remedy="give scores as --score and calls as --prediction",
        )


def _judge_gaps(name: str, own: Fairness, corrected: Fairness) -> Verdict:
    parts = [
        judge_in_family(
            Rule(measure, at_most=tolerance, by=(name,)),
            own.measures[measure], corrected.measures[measure], name,
        )
        for measure, tolerance in TOLERANCES.items()
    ]  # fmt: skip
    if own.small:
        who = ", ".join(f"{' '.join(g.by.values())} ({g.n})" for g in own.small)
        reason = Reason(f"{name}: every group large enough", f"too few rows to judge: {who}",
                        Outcome.UNDECIDED)  # fmt: skip
        parts.append(Verdict(Outcome.UNDECIDED, (reason,)))
    return all_of(parts)
