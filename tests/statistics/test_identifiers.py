"""Identifiers are told from quantities by counts alone."""

import numpy as np
import pytest

from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.identifiers import identifiers
from seawall.statistics.summary import TableSummary

rng = np.random.default_rng(11)


def told(name, old, new=None):
    """Whether a column is taken as an identifier."""
    new = old if new is None else new
    grid = make_grid(old)
    tables = [TableSummary(len(v), {name: summarise(v, grid)}) for v in (old, new)]
    return name in identifiers(*tables)


def words(values):
    return np.array([str(v) for v in values], object)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(300),
        np.arange(5_000_000, 5_040_000),
        rng.permutation(200_000)[:80_000],
        np.sort(rng.choice(40_000, 20_000, replace=False)) + 10**9 * 7,
        rng.integers(-(2**62), 2**62, 500),
        np.int64(1_750_000_000) + rng.integers(0, 86_400, 2000),
        np.int64(1_750_000_000_000) + rng.integers(0, 86_400_000, 2000),
        words(rng.integers(0, 2**60, 3000)),
        words(range(200)),
    ],
    ids=["rows", "long", "half", "sorted", "hashes", "seconds", "milliseconds", "texts", "few"],
)
def test_a_key_or_a_moment_is_an_identifier_whatever_it_is_called(values):
    assert told("k", values)


@pytest.mark.parametrize(
    "values",
    [
        rng.normal(0, 1, 5000),
        rng.uniform(0, 1, 100_000),
        np.arange(5000) / 7,
        rng.integers(0, 10**6, 1000),
        rng.integers(0, 20_000, 20_000),
        np.rint(rng.lognormal(10, 1, 20_000) * 100).astype(np.int64),
        np.rint(rng.lognormal(10, 1, 20_000)).astype(np.int64) // 100 * 100,
        np.rint(rng.normal(40_000, 9000, 50_000)).astype(np.int64),
        rng.poisson(40, 10_000),
        np.tile(np.arange(24), 400),
        np.tile(np.arange(1440), 30),
        rng.integers(18, 90, 300),
        rng.integers(0, 2, 5000),
        np.full(500, 7),
        words(rng.integers(0, 500, 3000)),
        words(np.tile(np.arange(50), 10)),
    ],
    ids=["normal", "uniform", "rising", "wide", "dense", "cents", "rounded", "income", "poisson",
         "hours", "minutes", "ages", "flags", "constant", "codes", "cities"],
)  # fmt: skip
def test_a_quantity_or_a_category_is_no_identifier(values):
    assert not told("k", values)


def test_random_whole_numbers_are_taken_as_consecutive_ones_in_none_of_many_draws():
    found = 0
    for n in (100, 300, 1000, 5000):
        for span in (n // 2, n, 10 * n, 1000 * n):
            found += sum(told("k", rng.integers(0, span, n)) for _ in range(20))
    assert found == 0


@pytest.mark.parametrize(
    ("name", "taken"),
    [("id", True), ("customer_id", True), ("customerId", True), ("ID", True), ("grid", False),
     ("paid", False), ("amount", False), ("PAID", False)],
)  # fmt: skip
def test_sparse_keys_are_known_by_their_name(name, taken):
    values = rng.choice(10**6, 1000, replace=False)
    assert told(name, values) is taken


def test_a_repeated_key_is_compared_for_it_may_be_a_category():
    assert not told("shop_id", rng.integers(0, 40, 5000))


@pytest.mark.parametrize(
    ("name", "old", "new", "taken"),
    [
        ("x", 2015, 2018, True),
        ("x", 201507, 201508, True),
        ("batch", 1, 2, True),
        ("x", "2015-07", "2015-08", True),
        ("year", 2015, 2015, False),
        ("flag", 0, 1, False),
        ("country", "DE", "FR", False),
    ],
)
def test_a_period_is_one_value_in_each_table_and_a_constant_that_flips_is_not(
    name, old, new, taken
):
    kind = object if isinstance(old, str) else None
    assert told(name, np.full(60, old, kind), np.full(50, new, kind)) is taken
