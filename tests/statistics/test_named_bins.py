from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.named_bins import named_bins

RNG = np.random.default_rng(7)
COLUMNS = {
    "normal": RNG.normal(size=3_000),
    "heavy atom": np.where(RNG.random(3_000) < 0.5, 0.0, RNG.lognormal(size=3_000)),
    "integer": RNG.integers(-3, 40, 3_000),
    "category": np.array([f"c{i}" for i in RNG.zipf(1.6, 3_000).clip(max=60)], object),
    "gaps": np.where(RNG.random(3_000) < 0.2, np.nan, RNG.normal(size=3_000)),
}


@given(st.sampled_from(sorted(COLUMNS)), st.integers(1, 40))
def test_rows_are_coded_as_their_summary_counts_them(name, bins):
    values = COLUMNS[name]
    summary = summarise(values, make_grid(values))
    code = named_bins(summary, bins)
    counted = np.bincount(code.codes(values), minlength=len(code.labels))
    assert counted.tolist() == code.counts(summary).tolist()
    assert not counted[code.unseen].any()
    assert len(set(code.labels)) == len(code.labels)


@pytest.mark.parametrize("narrow", ["i1", "i2", "i4", "u1", "u8", "f4"])
def test_numbers_in_few_bytes_are_coded_as_the_same_numbers_in_many(narrow):
    base = RNG.integers(0, 100, 3_000)
    code = named_bins(summarise(base, make_grid(base)))
    assert code.codes(base.astype(narrow)).tolist() == code.codes(base).tolist()


@given(arrays.arrays(float, st.integers(1, 50), elements=st.floats(width=32)))
def test_any_number_has_a_bin(values):
    base = COLUMNS["normal"]
    code = named_bins(summarise(base, make_grid(base)))
    found = code.codes(values)
    assert (found >= 0).all()
    assert (found < len(code.labels)).all()


def test_what_the_reference_never_held_is_in_bins_of_its_own():
    for name, values in {"integer": [-500, 500], "category": ["new", "other"]}.items():
        base = COLUMNS[name]
        code = named_bins(summarise(base, make_grid(base)), 100)
        assert code.unseen[code.codes(np.array(values, base.dtype))].all()


def test_bins_of_whole_numbers_are_named_by_the_numbers_in_them():
    base = np.arange(100)
    code = named_bins(summarise(base, make_grid(base)), 4)
    assert code.labels == (
        "below 0", "0 to 24", "25 to 49", "50 to 74", "75 to 99", "above 99", "(missing)"
    )  # fmt: skip
