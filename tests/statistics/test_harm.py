from __future__ import annotations

import numpy as np
import pytest

from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.harm import harm
from seawall.statistics.named_bins import named_bins

BINS = 20
BASE = np.repeat(np.arange(BINS), 50)
CODE = named_bins(summarise(BASE, make_grid(BASE)), BINS)


def drawn(rng, n, m, then, now, wrong):
    """Counts of reference rows, those that were wrong, and current rows, by bin."""
    size = len(CODE.labels)
    rows, current = np.zeros(size, np.int64), np.zeros(size, np.int64)
    rows[1 : BINS + 1] = rng.multinomial(n, then)
    current[1 : BINS + 1] = rng.multinomial(m, now)
    erred = np.zeros(size, np.int64)
    erred[1 : BINS + 1] = rng.binomial(rows[1 : BINS + 1], wrong)
    return rows, erred, current


@pytest.mark.parametrize(("n", "m"), [(2_000, 500), (5_000, 5_000), (10_000, 50_000)])
@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.3])
def test_the_interval_covers_the_change_that_the_shift_brings(n, m, tilt):
    rng = np.random.default_rng([n, m, int(100 * tilt)])
    then = np.full(BINS, 1 / BINS)
    now = np.exp(tilt * np.arange(BINS) / 2)
    now /= now.sum()
    wrong = np.linspace(0.02, 0.4, BINS)
    true = float((now - then) @ wrong)
    runs = 400
    inside = 0
    for _ in range(runs):
        found = harm(*drawn(rng, n, m, then, now, wrong), CODE, 0.95).change
        inside += found.low <= true <= found.high
    assert inside / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)


def test_a_shift_towards_where_the_model_errs_is_harm_and_away_from_it_is_none():
    rng = np.random.default_rng(1)
    flat, wrong = np.full(BINS, 1 / BINS), np.linspace(0.02, 0.4, BINS)
    worse = np.linspace(0, 2, BINS) / BINS
    for now, sign in ((worse, 1), (worse[::-1], -1)):
        found = harm(*drawn(rng, 20_000, 20_000, flat, now, wrong), CODE, 0.95)
        assert sign * found.change.value > 0.04
        assert min(sign * found.change.low, sign * found.change.high) > 0
    assert found.parts[0].contribution >= found.parts[-1].contribution


def test_a_shift_where_errors_do_not_depend_on_the_column_is_shown_to_be_benign():
    rng = np.random.default_rng(2)
    worse = np.linspace(0, 2, BINS) / BINS
    found = harm(
        *drawn(rng, 50_000, 50_000, np.full(BINS, 1 / BINS), worse, np.full(BINS, 0.2)), CODE, 0.95
    )
    assert max(abs(found.change.low), abs(found.change.high)) < 0.01


def test_parts_add_up_to_the_change():
    rng = np.random.default_rng(3)
    worse = np.linspace(0, 2, BINS) / BINS
    found = harm(
        *drawn(rng, 5_000, 5_000, np.full(BINS, 1 / BINS), worse, np.linspace(0, 0.5, BINS)),
        CODE, 0.95,
    )  # fmt: skip
    assert sum(p.contribution for p in found.parts) == pytest.approx(found.change.value)


def test_rows_like_none_of_the_reference_may_all_be_wrong_or_all_right():
    rows, wrong, now = drawn(
        np.random.default_rng(4), 5_000, 5_000, *[np.full(BINS, 1 / BINS)] * 2, np.full(BINS, 0.1)
    )
    seen = harm(rows, wrong, now, CODE, 0.95).change
    now[-2] += 5_000  # beyond the reference's range
    found = harm(rows, wrong, now, CODE, 0.95)
    assert found.unseen == pytest.approx(0.5)
    assert found.change.high > seen.high + 0.4
    assert found.change.low < seen.low - 0.04
