"""Rows chosen for labelling: known chances, no bias, narrower than a plain sample."""

import math

import numpy as np
import pytest

from seawall.kernel import BadInput
from seawall.statistics.calls import call_by_threshold
from seawall.statistics.grid import score_grid
from seawall.statistics.label_plan import draw_rows, plan_labels, sampled_ratio
from seawall.statistics.recalibration import calibrate, make_bins
from seawall.statistics.score import summarise_scores

GRID = score_grid((0.5,))


def setting(n=20_000, seed=1):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.4, 0.6, n)
    y = (rng.random(n) < p).astype(int)
    reference = call_by_threshold(summarise_scores(p, y, grid=GRID), 0.5)
    return calibrate(reference, make_bins(reference, 0.5)), reference, p, y


def strata_of(plan, p):
    return plan.at[(p >= 0.5).astype(int), GRID.cell_of(p)]


@pytest.mark.parametrize("budget", [20, 21, 137, 1000, 20_000])
def test_the_whole_budget_is_spent_and_every_stratum_is_looked_at(budget):
    learnt, rows, p, _ = setting()
    plan = plan_labels(learnt, rows, budget)
    assert sum(s.labels for s in plan.strata) == budget
    assert all(min(s.rows, 2) <= s.labels <= s.rows for s in plan.strata)
    stratum = strata_of(plan, p)
    assert np.bincount(stratum).tolist() == [s.rows for s in plan.strata]
    drawn = draw_rows(plan, stratum)
    assert np.bincount(stratum[drawn]).tolist() == [s.labels for s in plan.strata]
    assert np.unique(drawn).size == budget


def test_unsure_scores_are_labelled_more_often_than_sure_ones():
    learnt, rows, _, _ = setting()
    strata = plan_labels(learnt, rows, 500).strata
    chance = {(s.call, s.low): s.labels / s.rows for s in strata}
    assert max(chance, key=lambda k: chance[k])[1] > 0.3
    assert min(chance.values()) < max(chance.values()) / 2


def test_estimates_are_unbiased_cover_and_are_narrower_than_a_plain_sample():
    learnt, rows, p, y = setting()
    call = (p >= 0.5).astype(int)
    right = (call == y).astype(float)
    plan = plan_labels(learnt, rows, 300)
    stratum = strata_of(plan, p)
    sizes = np.array([s.rows for s in plan.strata])
    rng = np.random.default_rng(2)
    found, plain, hits, runs = [], [], 0, 300
    for seed in range(runs):
        at = draw_rows(plan, stratum, seed)
        e = sampled_ratio(right[at], np.ones(at.size), stratum[at], sizes)
        found.append(e.value)
        hits += e.low <= right.mean() <= e.high
        plain.append(right[rng.choice(p.size, 300, replace=False)].mean())
    spread = np.std(found)
    assert abs(np.mean(found) - right.mean()) < 3.5 * spread / math.sqrt(runs)
    assert hits / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert spread < 0.95 * np.std(plain)


def test_labels_of_all_rows_leave_no_doubt():
    e = sampled_ratio(np.array([1.0, 0, 1]), np.ones(3), np.array([0, 0, 1]), np.array([2, 1]))
    assert (e.low, e.value, e.high) == (2 / 3, 2 / 3, 2 / 3)


def test_impossible_budgets_and_unlabelled_strata_are_refused():
    learnt, rows, _, _ = setting(1000)
    with pytest.raises(BadInput, match="above the 1,000 rows"):
        plan_labels(learnt, rows, 1001)
    with pytest.raises(BadInput, match="below two for each"):
        plan_labels(learnt, rows, 3)
    with pytest.raises(BadInput, match="stratum 1 has no label"):
        sampled_ratio(np.ones(2), np.ones(2), np.array([0, 0]), np.array([5, 5]))
