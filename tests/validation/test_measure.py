import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from seawall.kernel import BadInput, Rule, from_json, to_json
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.validation.measure import POOLED, Measured, measure
from seawall.validation.plan import GroupPlan, ValidationPlan


def plan(*groups: GroupPlan, **changes) -> ValidationPlan:
    rules = {"fairness": (Rule("demographic_parity_difference", within=0.1),)} if groups else {}
    return ValidationPlan(
        name="p",
        label="y",
        owner="mara",
        quality=(Rule("roc_auc", at_least=0.7),),
        groups=groups,
        **(rules | changes),
    )


def sample(seed: int = 0, sizes=(900, 700)):
    random = np.random.default_rng(seed)
    group = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    n = len(group)
    y = random.integers(0, 2, n)
    scores = np.clip(0.25 + 0.4 * y + random.normal(0, 0.2, n) + 0.05 * (group == "g1"), 0, 1)
    return scores, y, group


def counted(scores, y, group) -> ScoreSummary:
    return summarise_scores(scores, y, {"G": group, "H": group[::-1].copy()})


def test_estimates_agree_with_scikit_learn_and_fairlearn() -> None:
    scores, y, group = sample()
    calls = scores >= 0.5
    found = measure(counted(scores, y, group), plan(GroupPlan(columns=("G",)))).estimates
    expected = {
        "accuracy": accuracy_score(y, calls),
        "roc_auc": roc_auc_score(y, scores),
        "demographic_parity_difference[G]": demographic_parity_difference(
            y, calls, sensitive_features=group
        ),
        "equalized_odds_difference[G]": equalized_odds_difference(
            y, calls, sensitive_features=group
        ),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=2e-3), name
        assert found[name].low <= value <= found[name].high


def test_correction_widens_when_the_plan_judges_more_than_one_group_column() -> None:
    summary = counted(*sample())
    one = measure(summary, plan(GroupPlan(columns=("G",))))
    both = measure(summary, plan(GroupPlan(columns=("G",)), GroupPlan(columns=("H",))))
    name = "demographic_parity_difference[G]"
    assert one.corrected == {}
    assert both.estimates[name] == one.estimates[name]
    assert both.corrected[name].high > both.estimates[name].high
    assert both.corrected[name].confidence == pytest.approx(1 - 0.05 / 2)


def test_small_groups_are_pooled_until_the_pool_is_large_enough() -> None:
    scores, y, group = sample(sizes=(900, 700, 60, 30, 120))
    by = plan(GroupPlan(columns=("G",), minimum_group=100))
    found = measure(counted(scores, y, group), by)
    (pooled,) = found.small
    assert (pooled.by, pooled.groups, pooled.rows) == ("G", ("g2", "g3", "g4"), 210)
    assert (POOLED,) in [tuple(g.by.values()) for g in found.groups]
    relabelled = np.where(np.isin(group, pooled.groups), "other", group)
    value = demographic_parity_difference(y, scores >= 0.5, sensitive_features=relabelled)
    estimate = found.estimates["demographic_parity_difference[G]"]
    assert estimate.value == pytest.approx(value, abs=2e-3)
    assert estimate.n == len(y)


def test_a_lone_small_group_is_pooled_with_the_next_smallest() -> None:
    scores, y, group = sample(sizes=(900, 700, 40))
    found = measure(counted(scores, y, group), plan(GroupPlan(columns=("G",))))
    assert found.small[0].groups == ("g1", "g2")
    assert found.small[0].rows == 740


def test_waived_small_groups_are_left_out_of_the_gap_with_their_reason() -> None:
    scores, y, group = sample(sizes=(900, 700, 40))
    waiving = GroupPlan(columns=("G",), small_groups="waive", reason="too few to say")
    found = measure(counted(scores, y, group), plan(waiving))
    assert [(s.groups, s.rows, s.reason) for s in found.small] == [(("g2",), 40, "too few to say")]
    keep = group != "g2"
    value = demographic_parity_difference(
        y[keep], scores[keep] >= 0.5, sensitive_features=group[keep]
    )
    estimate = found.estimates["demographic_parity_difference[G]"]
    assert estimate.value == pytest.approx(value, abs=2e-3)
    assert estimate.high < 1


def test_when_everything_falls_into_one_pool_no_gap_is_measured() -> None:
    scores, y, group = sample(sizes=(30, 20))
    found = measure(counted(scores, y, group), plan(GroupPlan(columns=("G",))))
    assert "demographic_parity_difference[G]" not in found.estimates


def test_groups_that_were_not_counted_are_refused() -> None:
    with pytest.raises(BadInput, match="no groups by AGE"):
        measure(counted(*sample()), plan(GroupPlan(columns=("AGE",))))


def test_an_intersection_is_named_by_its_columns() -> None:
    scores, y, group = sample()
    summary = summarise_scores(
        scores, y, {"G": group, "H": group[::-1].copy()}, intersections=[("G", "H")]
    )
    both = plan(GroupPlan(columns=("G", "H")))
    assert "demographic_parity_difference[G,H]" in measure(summary, both).estimates


def test_what_is_measured_has_a_wire_form() -> None:
    found = measure(counted(*sample()), plan(GroupPlan(columns=("G",))))
    assert from_json(to_json(found), Measured) == found


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=8), st.integers(1, 200))
def test_pooling_keeps_every_row_and_leaves_no_small_group_if_it_can(sizes, minimum) -> None:
    scores, y, group = sample(sizes=sizes)
    by = plan(GroupPlan(columns=("G",), minimum_group=minimum))
    found = measure(summarise_scores(scores, y, {"G": group}), by)
    assert sum(g.n for g in found.groups) == len(y)
    if len(y) >= minimum:
        assert all(g.n >= minimum for g in found.groups)
