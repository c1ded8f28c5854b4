"""`seawall.estimate` of a million scores in 100 chunks, in process, beside scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.measure import Result, Size, beside

ROWS, CHUNK, LIMIT_SECONDS = 1_000_000, 10_000, 0.7


def run(size: Size) -> Iterator[Result]:
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    import seawall

    rng = np.random.default_rng(8)
    score = rng.beta(2, 3, ROWS)
    label = (rng.random(ROWS) < score).astype(np.int64)
    now = rng.beta(2, 3, ROWS)
    reference, current = {"score": score, "label": label}, {"score": now}

    def ours() -> float:
        began = time.perf_counter()
        seawall.estimate(reference, current, label="label", score="score", chunk_size=CHUNK)
        return time.perf_counter() - began

    def peer() -> float:
        began = time.perf_counter()
        right = IsotonicRegression(out_of_bounds="clip").fit(score, label).predict(now)
        for start in range(0, ROWS, CHUNK):
            p, call = right[start : start + CHUNK], now[start : start + CHUNK] >= 0.5
            np.where(call, p, 1 - p).mean()
        return time.perf_counter() - began

    ours()
    took, theirs = beside(ours, peer, size.rows(3, 7))
    yield Result(
        f"estimate, {ROWS:,} rows, {ROWS // CHUNK} chunks", took, "s",
        "scikit-learn isotonic, accuracy alone, no intervals", theirs, f"{LIMIT_SECONDS:g} s",
        took <= LIMIT_SECONDS,
    )  # fmt: skip
