"""The classifier finds what no column shows alone, and is silent where nothing moved."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from seawall.kernel import BadInput, Outcome
from seawall.statistics.domain import _placed, domain


def table(rng, n, correlation):
    x = rng.normal(size=(n, 6))
    x[:, 1] = correlation * x[:, 0] + math.sqrt(1 - correlation**2) * x[:, 1]
    columns = {f"x{i}": x[:, i] for i in range(6)}
    columns["x2"] = np.where(rng.random(n) < 0.1, np.nan, np.exp(columns["x2"]))
    words = np.array(list("abcd"), object)
    return columns | {"c": rng.choice(words, n, p=[0.5, 0.3, 0.15, 0.05])}


def test_a_correlation_that_turned_is_found_and_both_columns_are_named():
    rng = np.random.default_rng(1)
    for _ in range(5):
        found = domain(table(rng, 2500, 0.5), table(rng, 2000, -0.5))
        assert found.verdict.outcome is Outcome.FAIL
        assert set(found.named) == {"x0", "x1"}
        assert "x0" in found.verdict.reasons[0].message


def test_a_number_that_depends_on_a_category_otherwise_than_before_is_found():
    rng = np.random.default_rng(2)

    def rows(sign):
        flag = rng.random(4000) < 0.5
        x = rng.normal(size=4000) + np.where(flag, 1.0, -1.0) * sign
        return {"flag": flag, "x": x, "other": rng.normal(size=4000)}

    found = domain(rows(1), rows(-1))
    assert found.verdict.outcome is Outcome.FAIL
    assert set(found.named) == {"flag", "x"}


def test_where_nothing_moved_it_is_silent_and_its_interval_covers_one_half():
    rng = np.random.default_rng(3)
    runs = 80
    found = [domain(table(rng, 400, 0.5), table(rng, 700, 0.5)) for _ in range(runs)]
    missed = sum(not f.auc.low <= 0.5 <= f.auc.high for f in found) / runs
    assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert sum(f.verdict.outcome is Outcome.FAIL for f in found) == 0
    assert sum(bool(f.named) for f in found) / runs <= 0.05


def test_places_average_to_the_area_of_scikit_learn():
    rng = np.random.default_rng(4)
    score, label = np.round(rng.normal(size=500), 1), rng.random(500) < 0.4
    score = score + label
    placed = _placed(score, label)
    area = roc_auc_score(label, score)
    assert placed.current.mean() == pytest.approx(area)
    assert placed.reference.mean() == pytest.approx(area)


def test_a_column_that_tells_all_rows_apart_hides_none_of_the_others():
    rng = np.random.default_rng(7)
    old, new = table(rng, 3000, 0.5), table(rng, 3000, 0.5)
    new["x3"] = new["x3"] + 0.5
    key = np.arange(6000)
    found = domain(old | {"key": key[:3000]}, new | {"key": key[3000:]})
    assert found.hiding == ("key",)
    assert found.named == ("key", "x3")
    assert "by key, x3, of which key alone tells nearly all rows apart" in (
        found.verdict.reasons[0].message
    )
    for e in (*found.importance.values(), *found.alone.values()):
        assert e.low < e.high
    mine = roc_auc_score(np.repeat([0, 1], 3000), np.concatenate([old["x3"], new["x3"]]))
    assert found.alone["x3"].low <= mine <= found.alone["x3"].high
    assert found.alone["x0"].low <= 0.5 <= found.alone["x0"].high


def test_redundant_columns_that_moved_are_both_named():
    rng = np.random.default_rng(8)
    old, new = table(rng, 3000, 0.5), table(rng, 3000, 0.5)
    new["x3"] = new["x3"] + 0.5
    found = domain(old | {"copy": 2 * old["x3"]}, new | {"copy": 2 * new["x3"]})
    assert set(found.named) == {"x3", "copy"}
    assert found.hiding == ()


def test_a_plain_shift_is_named_alone():
    rng = np.random.default_rng(9)
    old, new = table(rng, 3000, 0.5), table(rng, 3000, 0.5)
    new["x4"] = new["x4"] + 0.4
    found = domain(old, new)
    assert found.named == ("x4",)
    assert next(iter(found.importance)) == "x4"


def test_few_rows_are_undecided():
    rng = np.random.default_rng(5)
    found = domain(table(rng, 40, 0.5), table(rng, 500, -0.5))
    assert found.verdict.outcome is Outcome.UNDECIDED
    assert (found.auc.low, found.auc.high) == (0.0, 1.0)


def test_tables_told_apart_without_an_error_have_an_interval_below_one():
    rng = np.random.default_rng(6)
    x = rng.normal(size=200)
    found = domain({"x": x}, {"x": x + 100})
    assert found.auc.value == 1.0
    assert 0.9 < found.auc.low < 1.0


def test_unequal_columns_are_named():
    with pytest.raises(BadInput, match="columns b"):
        domain({"a": np.zeros(9)}, {"a": np.zeros(9), "b": np.zeros(9)})
