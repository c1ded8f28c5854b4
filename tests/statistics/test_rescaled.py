from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput
from seawall.statistics.counting import summarise_table
from seawall.statistics.grid import make_grid
from seawall.statistics.implied_factor import by_extremes, by_means
from seawall.statistics.rescaled import Rescaled, rescaled
from seawall.statistics.summary import TableSummary
from seawall.statistics.units import KNOWN, readings

Rng = np.random.Generator
ROWS = 20_000


def tables(base: np.ndarray, now: np.ndarray) -> tuple[TableSummary, TableSummary]:
    grids = {"x": make_grid(base)}
    return summarise_table({"x": base}, grids), summarise_table({"x": now}, grids)


def seen(base: np.ndarray, now: np.ndarray, unit: str = "") -> tuple[Rescaled, ...]:
    return rescaled(*tables(base, now), units={"x": unit})


def money(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.lognormal(8, 0.8, n), 2)


def weight(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.normal(75, 14, n))


def share(rng: Rng, n: int) -> np.ndarray:
    return rng.beta(2, 5, n)


@pytest.mark.parametrize(
    ("draw", "convert", "known", "reading"),
    [
        (money, lambda x: 12 * x, 12, "per month → per year"),
        (money, lambda x: x / 12, 1 / 12, "per year → per month"),
        (money, lambda x: 100 * x, 100, "whole currency → cents"),
        (money, lambda x: x / 1000, 1 / 1000, "ones → thousands"),
        (share, lambda x: 100 * x, 100, "fractions → per cent"),
        (weight, lambda x: np.round(2.204623 * x, 1), 2.204623, "kilograms → pounds"),
        (
            lambda r, n: weight(r, n).astype(int),
            lambda x: np.round(2.204623 * x).astype(int),
            2.204623,
            "kilograms → pounds",
        ),
        (lambda r, n: r.normal(15, 8, n), lambda x: 1.8 * x + 32, 1.8, "Celsius → Fahrenheit"),
        (lambda r, n: r.integers(18, 90, n), lambda x: 12 * x, 12, "years → months"),
    ],
)
def test_a_change_of_unit_is_named_with_the_factor_in_its_interval(
    draw: Callable[[Rng, int], np.ndarray],
    convert: Callable[[np.ndarray], np.ndarray],
    known: float,
    reading: str,
):
    rng = np.random.default_rng(3)
    (found,) = seen(draw(rng, ROWS), convert(draw(rng, 3_000)))
    assert found.known == pytest.approx(known)
    assert reading in found.readings
    assert found.factor.low <= known <= found.factor.high
    assert not found.factor.low <= 1 <= found.factor.high
    assert found.raw.low > 0.10
    assert found.share.value == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (money, money),
        (money, lambda r, n: 1.5 * money(r, n)),
        (money, lambda r, n: 2 * money(r, n)),
        (money, lambda r, n: 5_000 + money(r, n)),
        (money, lambda r, n: r.lognormal(8.3, 1.3, n)),
        (weight, lambda r, n: weight(r, n) + 42),
        (weight, lambda r, n: r.normal(160, 21, n)),
        (weight, lambda r, n: r.normal(30, 9, n)),
        (share, lambda r, n: r.beta(5, 2, n)),
        (lambda r, n: r.integers(18, 90, n), lambda r, n: r.integers(65, 100, n)),
        (lambda r, n: r.integers(1, 3, n), lambda r, n: np.full(n, 2)),
    ],
)
@pytest.mark.parametrize("n", [400, 20_000])
def test_a_population_that_moved_is_not_taken_for_another_unit(
    old: Callable[[Rng, int], np.ndarray], new: Callable[[Rng, int], np.ndarray], n: int
):
    rng = np.random.default_rng(4)
    assert seen(old(rng, ROWS), new(rng, n)) == ()


def test_real_years_of_a_census_show_no_change_of_unit_and_one_that_was_made_is_found():
    columns = read_columns("src/seawall/data/acs_employment_ma.parquet")
    year = np.asarray(columns.pop("year"))
    columns.pop("id")
    grids = {n: make_grid(np.asarray(v)[year == 2015]) for n, v in columns.items()}
    base = summarise_table({n: np.asarray(v)[year == 2015] for n, v in columns.items()}, grids)
    later = {n: np.asarray(v)[year == 2018] for n, v in columns.items()}
    assert rescaled(base, summarise_table(later, grids)) == ()
    later["AGEP"] = later["AGEP"] * 12
    (found,) = rescaled(base, summarise_table(later, grids))
    assert (found.name, found.known) == ("AGEP", 12)


def test_a_part_of_the_callers_is_told_with_its_share():
    rng = np.random.default_rng(5)
    prices = rng.lognormal(3, 0.6, ROWS)
    now = rng.lognormal(3, 0.6, 5_000) * np.where(rng.random(5_000) < 0.3, 100, 1)
    (found,) = seen(prices, now)
    assert found.known == 100
    assert found.share.low <= 0.3 <= found.share.high < 0.5
    assert "30%" in found.sentence or "29%" in found.sentence or "31%" in found.sentence
    assert "which callers" in found.remedy


def test_few_requests_show_nothing():
    rng = np.random.default_rng(6)
    assert seen(money(rng, ROWS), 12 * money(rng, 40)) == ()


def test_a_declared_unit_leaves_only_its_own_conversions():
    rng = np.random.default_rng(7)
    base, now = money(rng, ROWS), 100 * money(rng, 3_000)
    (found,) = seen(base, now, "EUR/month")
    assert found.readings == ("whole currency → cents",)
    assert seen(base, now, "kg") == ()


def test_a_small_factor_that_only_the_unit_suggests_needs_the_unit():
    rng = np.random.default_rng(8)
    base, now = rng.lognormal(3, 1.2, ROWS), 1.609344 * rng.lognormal(3, 1.2, 5_000)
    assert seen(base, now) == ()
    assert [r.known for r in seen(base, now, "miles")] == [pytest.approx(1.609344)]


def test_the_remedy_undone_gives_the_values_back():
    for c in KNOWN:
        value = 37.5
        sent = value * c.factor + c.offset
        assert (sent - c.offset) / c.factor == pytest.approx(value)
        assert sent * c.inverse.factor + c.inverse.offset == pytest.approx(value)


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("EUR/month", "per year"),
        ("kg", "pounds"),
        ("°C", "Fahrenheit"),
        ("%", "fractions"),
        ("mmol/L", "mg/dL of glucose"),
    ],
)
def test_units_in_free_text_are_understood(unit: str, to: str):
    assert to in {c.now for c in readings(unit)}


def test_a_unit_that_says_nothing_leaves_all_conversions():
    assert readings("widgets") == KNOWN == readings("")


def test_summaries_on_other_grids_are_refused():
    rng = np.random.default_rng(9)
    one, other = (tables(v, v)[0] for v in (money(rng, 500), weight(rng, 500)))
    with pytest.raises(BadInput, match="grids"):
        rescaled(one, other)


@pytest.mark.parametrize("factor", [0.01, 7.0, 100.0])
def test_means_imply_the_factor_within_their_interval_nineteen_times_in_twenty(factor: float):
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        old, new = (
            t.columns["x"] for t in tables(rng.gamma(4, 10, 5_000), factor * rng.gamma(4, 10, 400))
        )
        e = by_means(old, new, 5_000, 400, 1.0, 0.95)
        held += e is not None and e.low <= factor <= e.high
    assert held >= 180  # 190 expected; 2.3 in 1,000 true 95% intervals fall below


def test_extremes_imply_the_factor_where_sums_are_clipped():
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        base, now = rng.normal(50, 10, 20_000), 1000 * rng.normal(50, 10, 500)
        old, new = (t.columns["x"] for t in tables(base, now))
        assert by_means(old, new, 20_000, 500, 1.0, 0.95) is None
        e = by_extremes(old, new, 500, 0.95)
        held += e is not None and e.low <= 1000 <= e.high
    assert held >= 90


def odd(rng: Rng, kind: int, n: int) -> np.ndarray:
    values = rng.lognormal(3, 1, n)
    return [
        np.full(n, 3.0),
        values * 1e300,
        values * 1e-300,
        np.where(rng.random(n) < 0.3, np.inf, values),
        np.where(rng.random(n) < 0.3, -np.inf, values),
        np.where(rng.random(n) < 0.9, np.nan, values),
        np.zeros(n),
        -values,
        rng.lognormal(0, 30, n),
    ][kind]


@pytest.mark.parametrize("kind", range(9))
@pytest.mark.parametrize("other", [None, 0, 3, 6])
def test_odd_columns_are_looked_at_without_an_error(kind: int, other: int | None):
    rng = np.random.default_rng(kind)
    base = odd(rng, kind, 1_000)
    now = base[:400] * 100 if other is None and abs(base[0]) < 1e200 else base[:400]
    if other is not None:
        now = odd(rng, other, 400)
    for one in seen(base, now):
        assert one.factor.low <= one.factor.value <= one.factor.high
        assert one.sentence
