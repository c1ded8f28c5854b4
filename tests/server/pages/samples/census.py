"""Distributions of census fields, now and at training."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

import numpy as np
from tests.server.pages.samples.common import est, judged

from seawall.server.pages import views
from seawall.server.pages.views import Distribution


def _shares(counts) -> tuple[float, ...]:
    counts = np.asarray(counts, dtype=float)
    return tuple(float(v) for v in counts / counts.sum())


def _ages(rng, shift: float) -> np.ndarray:
    ages = np.concatenate([rng.normal(34, 16, 6000), rng.normal(58, 14, 5000)]) - shift
    return ages[(ages > 0) & (ages < 95)]


def age() -> Distribution:
    rng = np.random.default_rng(1)
    edges = np.arange(0, 96, 3)
    base, now = _ages(rng, 0), _ages(rng, 9)
    return Distribution(
        edges=tuple(float(e) for e in edges),
        baseline=_shares(np.histogram(base, edges)[0]),
        present=_shares(np.histogram(now, edges)[0]),
        baseline_rows=68_785,
        present_rows=41_207,
    )


def scores() -> Distribution:
    rng = np.random.default_rng(2)
    edges = np.linspace(0, 1, 31)
    base = np.concatenate([rng.beta(1.2, 6, 6000), rng.beta(6, 1.6, 5200)])
    now = np.concatenate([rng.beta(1.3, 5, 3400), rng.beta(5.5, 1.7, 3300)])
    return Distribution(
        edges=tuple(float(e) for e in edges),
        baseline=_shares(np.histogram(base, edges)[0]),
        present=_shares(np.histogram(now, edges)[0]),
        baseline_rows=68_785,
        present_rows=41_207,
    )


def categories(labels, baseline, present) -> Distribution:
    return Distribution(
        labels=labels, baseline=_shares(baseline), present=_shares(present),
        baseline_rows=68_785, present_rows=41_207,
    )  # fmt: skip


def features() -> tuple[views.Feature, ...]:
    def one(name, meaning, d, moved, half, kind="share moved"):
        return views.Feature(
            name=name, meaning=meaning, distribution=d,
            drift=judged(kind, est(moved, half, 41_207), high=0.10, unit="%"),
        )  # fmt: skip

    yes = ("yes", "no")
    return (
        one("AGEP", "age in years", age(), 0.182, 0.017),
        one("SCHL", "schooling", categories(
            tuple(str(i) for i in range(1, 25)),
            [3, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 22, 4, 6, 12, 9, 24, 14, 4, 3],
            [3, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 23, 4, 7, 13, 9, 23, 13, 4, 3]), 0.031, 0.014),
        one("MAR", "marital status", categories(
            ("married", "widowed", "divorced", "separated", "never"),
            [43, 5, 9, 2, 41], [36, 4, 8, 2, 50]), 0.094, 0.015),
        one("RELP", "relationship", categories(
            tuple(str(i) for i in range(18)),
            [41, 19, 26, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 3],
            [40, 18, 27, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 3]), 0.022, 0.012),
        one("DIS", "disability", categories(yes, [14, 86], [13, 87]), 0.008, 0.010),
        one("ESP", "employment of parents", categories(
            tuple(str(i) for i in range(9)), [80, 9, 4, 1, 1, 2, 1, 1, 1], [77, 10, 5, 1, 1, 3, 1, 1, 1]),
            0.034, 0.011),
        one("CIT", "citizenship", categories(
            ("born", "territory", "abroad", "naturalised", "no"), [82, 2, 1, 9, 6], [80, 2, 1, 9, 8]),
            0.019, 0.012),
        one("MIG", "moved house", categories(("no", "abroad", "yes"), [87, 1, 12], [85, 1, 14]), 0.021, 0.012),
        one("MIL", "military service", categories(
            ("never served", "trained", "past", "now", "n/a"), [75, 2, 6, 1, 16], [76, 2, 5, 1, 16]), 0.012, 0.011),
        one("ANC", "ancestry", categories(("single", "multiple", "unclear", "none"), [44, 30, 18, 8],
                                          [43, 30, 18, 9]), 0.009, 0.011),
        one("SEX", "sex", categories(("male", "female"), [48, 52], [48.4, 51.6]), 0.004, 0.010),
    )  # fmt: skip
