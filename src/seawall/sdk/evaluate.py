"""Quality, calibration and fairness of a table of labelled rows, with no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seawall.kernel import BadInput, Digest, Estimate, Verdict, all_of
from seawall.report.document import Document
from seawall.sdk.against import Against, compare_binary
from seawall.sdk.deciding import Deciding, deciding
from seawall.sdk.groups import compare_groups
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.sdk.rows import By, Rows, lacking, read_rows, task_of
from seawall.sdk.scores import count_scores, repeated
from seawall.sdk.unanswered import unanswered
from seawall.sdk.verdicts import conclude
from seawall.statistics.calibration import calibration, measure
from seawall.statistics.clipped_loss import ClippedLoss, clipped_loss
from seawall.statistics.cost import Cost, cost_of, total_of, value_of
from seawall.statistics.curves import curves
from seawall.statistics.drift import judge_in_family
from seawall.statistics.grid import score_grid
from seawall.statistics.inequality import inequality
from seawall.statistics.losses import LEAST
from seawall.statistics.performance import by_score, by_threshold, confusion
from seawall.statistics.reliability import reliability
from seawall.statistics.score import UNLABELLED, ScoreSummary, label_codes


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
    score: str | None = None,
    prediction: str | None = None,
    class_scores: Mapping[str, str] | None = None,
    groups: Sequence[By] = (),
    threshold: float = 0.5,
    task: str | None = None,
    cost: Mapping[str, float] | None = None,
    quantile: float | None = None,
    against: str | None = None,
    against_prediction: str | None = None,
    against_tolerance: float = 0.01,
    tolerances: Mapping[str, float] | None = None,
) -> EvaluationReport:
    """Quality, calibration and fairness of a model on labelled rows.

    Binary: `label` holds 0/1 (or missing), `score` the probability of 1. With `prediction` (0/1)
    the measures of calls and the groups' gaps are of those calls, else of scores ≥ `threshold`.
    `cost` gives the value of `tp`, `fp`, `fn` and `tn`. Several classes: `class_scores` maps each
    class to its score's column, `prediction` holds class names. Regression: numeric `label` and
    `prediction`; `quantile` adds its pinball loss. `task` (binary, multiclass, regression) is
    found from the columns. `groups` are columns; a tuple of columns is their intersection.
    `against` and `against_prediction` are another model's columns on the same rows.

    `tolerances` decide on other measures of calibration and fairness of a binary model than the
    default ones (`sdk.deciding`): `{"demographic_parity_ratio": 0.8}` is the rule of four fifths.
    Rows that lack an answer or a label are judged beside (`sdk.unanswered`).

    Decides on debiased ECE ≤ 0.05 (each class of several), gaps ≤ 0.10 in selection and error
    rates, for regression on |bias| ≤ 0.05 label deviations and gaps of it ≤ 0.10, and on not
    being worse than the other model by more than `against_tolerance` (ROC AUC, else accuracy, or
    the share of its MAE). Raises `BadInput` on unusable data.
    """
    chosen = dict(class_scores or {})
    rows = read_rows(
        data, (label, score, prediction, *chosen.values(), against, against_prediction), groups,
        label,
    )  # fmt: skip
    inputs = named(data=data)
    kind = task_of(rows, label, score, prediction, chosen, task)
    other = Against(against, against_prediction, against_tolerance)
    _only_where_used(kind, cost, quantile, against, tolerances)
    if kind == "regression":
        from seawall.sdk.regression import evaluate_regression

        assert prediction is not None
        verdict, body = evaluate_regression(rows, label, prediction, quantile, other)
    elif kind == "multiclass":
        from seawall.sdk.multiclass import evaluate_multiclass

        verdict, body = evaluate_multiclass(rows, label, prediction, chosen, other)
    else:
        value = cost_of(dict(cost)) if cost else None
        rules = deciding(tolerances or {})
        verdict, body = _binary(rows, label, score, prediction, threshold, value, other, rules)
    lacking_ = unanswered(rows, label, [*filter(None, (score, prediction)), *chosen.values()])
    return EvaluationReport(all_of([*lacking_, verdict]), body, inputs)


def _only_where_used(
    task: str, cost: Mapping[str, float] | None, quantile: float | None, against: str | None,
    tolerances: Mapping[str, float] | None,
) -> None:  # fmt: skip
    if tolerances and task != "binary":
        raise BadInput(f"tolerances of a {task} model are fixed", remedy="leave them out")
    if cost and task != "binary":
        raise BadInput(f"a cost matrix of tp, fp, fn, tn does not fit a {task} model")
    if quantile is not None and task != "regression":
        raise BadInput(f"the loss of a quantile does not fit a {task} model")
    if quantile is not None and not 0 < quantile < 1:
        raise BadInput(f"quantile {quantile:g} is not between 0 and 1")
    if against and task == "multiclass":
        raise BadInput(
            "models of several classes are compared by their calls",
            remedy="give --against-prediction",
        )


def _binary(
    rows: Rows, label: str, score: str | None, prediction: str | None, threshold: float,
    cost: Cost | None, other: Against, rules: Deciding,
) -> tuple[Verdict, dict[str, Any]]:  # fmt: skip
    scored, calls, cut = _counted(rows, label, score, prediction, threshold)
    measures = by_threshold(calls, cut, CONFIDENCE) | inequality(calls, cut, CONFIDENCE)
    digest = Digest.of((scored or calls).to_bytes())
    body: dict[str, Any] = {"task": "binary", "digests": {"data": str(digest)}}
    compared, judged = compare_binary(rows, label, score, prediction, threshold, cost, other)
    verdicts: list[Verdict] = []
    overall = rules.overall if scored is not None else ()
    members = len(overall) + len(rows.groups) * len(rules.groups) + (judged is not None)
    family = 1 - (1 - CONFIDENCE) / max(1, members)
    if scored is not None:
        measures |= by_score(scored, CONFIDENCE) | calibration(scored, CONFIDENCE)
    for rule in overall:
        assert scored is not None
        strict = measure(rule.measure, scored, family)
        verdicts.append(judge_in_family(rule, measures[rule.measure], strict, "all rows"))
    between = compare_groups(scored, calls, rows.groups, cut, rules.groups, family)
    verdicts += between.verdicts
    if judged is not None:
        verdicts.append(judged(family))
    if cost is not None:
        mean = value_of(confusion(calls, cut), cost, CONFIDENCE)
        body["cost"] = {
            "values": cost.to_dict(), "mean": mean.to_dict(), "total": total_of(mean).to_dict(),
        }  # fmt: skip
    if scored is not None:
        diagram = [one.to_dict() for one in reliability(scored, confidence=CONFIDENCE)]
        body["calibration"] = {"reliability": diagram, "by_group": between.calibration}
        body["curves"] = curves(scored, threshold, cost, CONFIDENCE).to_dict()
    if compared is not None:
        body["against"] = compared
    body |= {
        "measures": {name: e.to_dict() for name, e in measures.items()},
        "groups": between.groups,
        "fairness": between.fairness,
    }
    count, notes = _counts(scored or calls, calls if prediction else None, measures)
    if score and (cut_off := _clipped(rows, label, score)):
        body["clipped"], notes = cut_off.to_dict(), notes + _about_clip(cut_off)
    return conclude(verdicts), body | {"rows": count, "notes": notes}


def _clipped(rows: Rows, label: str, score: str) -> ClippedLoss | None:
    scores = rows.floats(score)
    if not ((scores < LEAST) | (scores > 1 - LEAST)).any():
        return None
    labels = label_codes(rows[label])
    kept = ~np.isnan(scores) & (labels != UNLABELLED)
    return clipped_loss(scores[kept], labels[kept])


def _about_clip(cut: ClippedLoss) -> list[str]:
    rows = "1 row has" if cut.rows == 1 else f"{cut.rows:,} rows have"
    said = [
        f"{rows} a label whose score gives it a probability below 2⁻²⁴, which log loss takes as "
        f"2⁻²⁴ (16.6 nats); clipped at 2⁻⁵², as scikit-learn does, log loss is {cut.log_loss:.3g}."
    ]
    if cut.infinite:
        have = "has" if cut.infinite == 1 else "have"
        said.append(
            f"{cut.infinite:,} of them {have} a score of exactly 0 for label 1 or 1 for label 0: "
            "without any clip, log loss is infinite."
        )
    return said


def _counted(
    rows: Rows, label: str, score: str | None, prediction: str | None, threshold: float
) -> tuple[ScoreSummary | None, ScoreSummary, float]:
    """Scores counted if there are any, calls counted, and where calls are cut."""
    scored = None
    if score:
        grid = score_grid((*repeated(rows[score], score, rows.source), threshold))
        scored = count_scores(rows.columns, score, label, rows.groups, grid, rows.source)
        if not scored.n:
            raise rows.wrong(score, "no row has a score", "name the column of the model's scores")
    if not prediction:
        assert scored is not None
        return scored, scored, threshold
    certain = score_grid((0.0, 1.0))
    try:
        calls = count_scores(rows.columns, prediction, label, rows.groups, certain, rows.source)
    except BadInput as error:
        raise _not_calls(rows, prediction, error.what, error.where) from error
    if int(calls.counts[:, ~certain.exact].sum()) + int(calls.counts[:, _half(calls)].sum()):
        raise _not_calls(rows, prediction, "", "")
    return scored, calls, 0.5


def _half(calls: ScoreSummary) -> Any:
    """Cells that hold one value, which is neither 0 nor 1."""
    low = calls.grid.edges[:-1]
    return calls.grid.exact & (low > 0) & (low < 1)


def _not_calls(rows: Rows, prediction: str, what: str, where: str) -> BadInput:
    if ", label " in where and what.startswith("label"):
        return BadInput(what, where=where, remedy="give a 0/1 label")
    return rows.wrong(
        prediction,
        f"some predictions are neither 0 nor 1{what and ': '}{what}",
        "give scores as --score and calls as --prediction",
    )


def _counts(
    main: ScoreSummary, calls: ScoreSummary | None, measures: Mapping[str, Estimate]
) -> tuple[dict[str, int], list[str]]:
    count = {
        "scored": main.n, "labelled": main.labelled, "without_score": main.missing,
        "without_label": main.n - main.labelled,
    }  # fmt: skip
    notes = lacking(count["without_label"], "label") + lacking(main.missing, "score")
    if calls is not None:
        count["without_prediction"] = calls.missing
        notes += lacking(calls.missing, "prediction") if calls is not main else []
    positive, negative = measures["recall"].n, measures["specificity"].n
    if not positive or not negative:
        only = 1 if positive else 0
        notes.append(f"Every label is {only}: measures that need both labels are undefined.")
    return count, notes
