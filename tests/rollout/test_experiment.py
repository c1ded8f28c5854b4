from __future__ import annotations

from typing import Any

import pytest

from seawall.kernel import Rule
from seawall.rollout.experiment import Experiment, Variant


def experiment(**given: Any) -> Experiment:
    defaults: dict[str, Any] = {
        "name": "ab", "endpoint": "income", "variants": {"b": Variant("income@2", 0.2)},
    }  # fmt: skip
    return Experiment(**(defaults | given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"variants": {}}, "names no variant"),
        ({"variants": {"canary": Variant("m@2", 0.2)}}, "'canary' is no name for a variant"),
        ({"variants": {"B": Variant("m@2", 0.2)}}, "'B' is no name for a variant"),
        ({"variants": {"b": Variant("m@2", 0.0)}}, "share of b, 0, must lie in"),
        ({"variants": {"b": Variant("m@2", 0.6), "c": Variant("m@3", 0.4)}}, "take 1 of the units"),
        ({"guards": (Rule("eror_difference", at_most=1),)}, "no measure is called"),
        ({"guards": (Rule("error_difference", at_most=1, by="sex"),)}, "not measured by group"),
        ({"alpha": 1.0}, "alpha in"),
    ],
)
def test_what_cannot_be_run_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        experiment(**given)


def test_guards_share_alpha_over_all_variants() -> None:
    both = {"b": Variant("m@2", 0.2), "holdout": Variant("m@1", 0.05)}
    found = experiment(variants=both)
    assert found.family == 2 * len(found.guards)
    assert found.share == pytest.approx(0.25)
