from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from seawall.sdk.histograms import counts
from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid


@pytest.mark.parametrize("far", [math.inf, -math.inf, 1.7e308])
@pytest.mark.parametrize("rows", [1, 3, 300])
def test_a_value_without_end_is_drawn_beside_any_other_sample(far: float, rows: int) -> None:
    values = np.array([0.5] * rows + [far])
    grid = make_grid(values)
    old, none = summarise(values, grid), summarise(np.array([]), grid)
    drawn: Any = counts(old, none)
    assert (sum(drawn["reference"]), sum(drawn["current"])) == (rows + 1, 0)
    assert np.isfinite(drawn["edges"]).all()
    assert sorted(drawn["edges"]) == drawn["edges"]


def test_a_float_beyond_all_integers_is_drawn_beside_them() -> None:
    whole, far = np.arange(10), np.array([math.inf, 1e300, -math.inf])
    grid = make_grid(whole)
    drawn: Any = counts(summarise(whole, grid), summarise(far, grid))
    assert (sum(drawn["reference"]), sum(drawn["current"])) == (10, 3)
    assert np.isfinite(drawn["edges"]).all()
