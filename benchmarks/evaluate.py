"""`seawall.evaluate` of a million scores in eight groups, in process, beside scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.measure import Result, Size, beside

ROWS, LIMIT_SECONDS = 1_000_000, 0.25


def run(size: Size) -> Iterator[Result]:
    import numpy as np
    from sklearn import metrics
    from sklearn.calibration import calibration_curve

    import seawall

    rng = np.random.default_rng(8)
    score = rng.beta(2, 3, ROWS)
    label = (rng.random(ROWS) < score).astype(np.int64)
    table = {"score": score, "label": label, "group": rng.integers(0, 8, ROWS)}

    def ours() -> float:
        began = time.perf_counter()
        seawall.evaluate(table, label="label", score="score", groups=["group"])
        return time.perf_counter() - began

    def peer() -> float:
        began = time.perf_counter()
        metrics.roc_auc_score(label, score)
        metrics.log_loss(label, score)
        metrics.brier_score_loss(label, score)
        metrics.average_precision_score(label, score)
        calibration_curve(label, score, n_bins=15)
        return time.perf_counter() - began

    took, theirs = beside(ours, peer, size.rows(3, 7))
    yield Result(
        f"evaluate, {ROWS:,} rows, 8 groups", took, "s", "scikit-learn, no intervals or groups",
        theirs, f"{LIMIT_SECONDS:g} s", took <= LIMIT_SECONDS,
    )  # fmt: skip
