"""Principal reasons of a decision."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seawall.serving.reasons import principal_reasons

NAMES = ("age", "debt", "years", "noise")
WEIGHTS = np.array([0.1, -0.2, 0.05, 0.0])


def _linear(matrix: np.ndarray) -> np.ndarray:
    return 0.5 + matrix.astype(np.float64) @ WEIGHTS


def test_the_field_furthest_from_typical_by_weight_comes_first() -> None:
    found = principal_reasons(NAMES, (1, 2, 1, 9), dict.fromkeys(NAMES, 0.0), _linear, 0.5)
    assert [r.field for r in found] == ["debt"]
    assert np.isclose(found[0].effect, -0.4)


def test_a_field_at_its_typical_value_is_no_reason() -> None:
    typical = {"age": 0.0, "debt": 2.0, "years": 0.0, "noise": 0.0}
    found = principal_reasons(NAMES, (1, 2, 0, 0), typical, _linear, 0.0)
    assert [r.field for r in found] == ["age"]


@given(st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4))
def test_effects_of_a_linear_model_are_its_weights_times_the_distances(row: list[float]) -> None:
    found = principal_reasons(NAMES, row, dict.fromkeys(NAMES, 0.0), _linear, 0.5)
    for reason in found:
        expected = WEIGHTS[NAMES.index(reason.field)] * np.float32(row[NAMES.index(reason.field)])
        assert np.isclose(reason.effect, expected, atol=1e-6)
    assert len({np.sign(r.effect) for r in found}) <= 1


def test_at_most_four_reasons_are_given() -> None:
    names = tuple("abcdefgh")
    found = principal_reasons(
        names, range(1, 9), dict.fromkeys(names, 0.0), lambda m: m.astype(float).sum(axis=1), 0.5
    )
    assert [r.field for r in found] == list("hgfe")
