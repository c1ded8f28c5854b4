"""`seawall.evaluate` of a million scores in groups, beside scikit-learn and fairlearn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.measure import Result, Size, beside

ROWS, GROUPS, LIMIT_SECONDS = 1_000_000, 8, 0.25


def run(size: Size) -> Iterator[Result]:
    import numpy as np

    import seawall

    rng = np.random.default_rng(8)
    score = rng.beta(2, 3, ROWS)
    table: dict[str, Any] = {"score": score, "label": (rng.random(ROWS) < score).astype(np.int64)}
    names = [f"group{i}" for i in range(4)]
    table |= {name: rng.integers(0, GROUPS, ROWS) for name in names}

    def ours(columns: list[str]) -> Callable[[], float]:
        return lambda: _timed(
            lambda: seawall.evaluate(table, label="label", score="score", groups=columns)
        )

    turns = size.rows(3, 7)
    took, theirs = beside(ours(names[:1]), lambda: _timed(lambda: _sklearn(table)), turns)
    yield Result(
        f"evaluate, {ROWS:,} rows, {GROUPS} groups", took, "s",
        "scikit-learn, no intervals or groups", theirs, f"{LIMIT_SECONDS:g} s",
        took <= LIMIT_SECONDS,
    )  # fmt: skip
    took, theirs = beside(ours(names), lambda: _timed(lambda: _fairlearn(table)), 1)
    yield Result(
        f"evaluate, {ROWS:,} rows, 4 columns of {GROUPS} groups", took, "s",
        "fairlearn, one column, no intervals", theirs, f"{LIMIT_SECONDS:g} s",
        took <= LIMIT_SECONDS,
    )  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _sklearn(table: Mapping[str, Any]) -> None:
    from sklearn import metrics
    from sklearn.calibration import calibration_curve

    label, score = table["label"], table["score"]
    metrics.roc_auc_score(label, score)
    metrics.log_loss(label, score)
    metrics.brier_score_loss(label, score)
    metrics.average_precision_score(label, score)
    calibration_curve(label, score, n_bins=15)


def _fairlearn(table: Mapping[str, Any]) -> None:
    from fairlearn import metrics as fair
    from sklearn.metrics import accuracy_score

    measures = {
        "accuracy": accuracy_score, "selection_rate": fair.selection_rate,
        "recall": fair.true_positive_rate, "false_positive_rate": fair.false_positive_rate,
    }  # fmt: skip
    fair.MetricFrame(
        metrics=measures, y_true=table["label"], y_pred=(table["score"] >= 0.5).astype(int),
        sensitive_features=table["group0"],
    ).difference()  # fmt: skip
