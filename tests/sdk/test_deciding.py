"""Tolerances of an evaluation, and the JSON of its calibration and groups."""

import json

import numpy as np
import pytest

from seawall.kernel import BadInput, Outcome
from seawall.sdk.deciding import deciding
from seawall.sdk.evaluate import evaluate


def table(n=6000, seed=3):
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 2, n)
    sex = np.where(rng.random(n) < 0.5, "f", "m").astype(object)
    return {"score": score, "label": (rng.random(n) < score).astype(int), "sex": sex}


def judged(**tolerances):
    found = deciding(tolerances)
    return {r.measure for r in (*found.overall, *found.groups)}


def test_the_defaults_decide_unless_another_measure_of_their_matter_is_named():
    assert judged() == {
        "ece_debiased", "demographic_parity_difference", "equalized_odds_difference"
    }  # fmt: skip
    assert judged(demographic_parity_ratio=0.8) == {
        "ece_debiased", "demographic_parity_ratio", "equalized_odds_difference"
    }  # fmt: skip
    assert judged(ece_smooth=0.1, equal_opportunity_difference=0.1) == {
        "ece_smooth", "demographic_parity_difference", "equal_opportunity_difference"
    }  # fmt: skip
    assert "predictive_parity_ratio" in judged(predictive_parity_ratio=0.8)


def test_four_fifths_fail_where_the_ratio_is_below():
    data = table()
    # women are selected half as often, at scores that are right all the same
    data["score"] = np.where(data["sex"] == "f", data["score"] * 0.7, data["score"])
    found = evaluate(
        data, label="label", score="score", groups=["sex"],
        tolerances={"demographic_parity_ratio": 0.8},
    )  # fmt: skip
    reasons = {r.rule: r for r in found.verdict.reasons}
    broken = reasons["sex: demographic_parity_ratio at least 0.8"]
    assert broken.outcome is Outcome.FAIL
    assert "in sex=f (n=" in broken.message
    assert not any("demographic_parity_difference" in rule for rule in reasons)


@pytest.mark.parametrize(
    ("tolerances", "said"),
    [
        ({"demographic_parity_rato": 0.8}, "did you mean 'demographic_parity_ratio'"),
        ({"ece_debiased": -1.0}, "is not a size"),
        ({"ece_debiased": float("nan")}, "is not a size"),
    ],
)
def test_a_tolerance_that_cannot_decide_is_told(tolerances, said):
    with pytest.raises(BadInput, match=said):
        evaluate(table(50), label="label", score="score", tolerances=tolerances)


def test_calibration_and_the_groups_behind_a_gap_have_the_documented_shape():
    found = evaluate(table(), label="label", score="score", groups=["sex"]).to_dict()
    diagram = found["calibration"]["reliability"]
    assert set(diagram[0]) == {"low", "high", "n", "score", "positive"}
    assert sum(one["n"] for one in diagram) == 6000
    woman, _ = found["calibration"]["by_group"]["sex"]
    assert woman["by"] == {"sex": "f"}
    assert set(woman["measures"]) == {"ece_debiased", "calibration_bias"}
    assert sum(one["n"] for one in woman["reliability"]) == woman["n"]
    told = found["fairness"]["sex"]
    assert set(told) == {"verdict", "measures", "small", "worst"}
    assert set(told["worst"]["accuracy_difference"]) == {"low", "high"}
    assert {"ece_debiased", "roc_auc", "recall"} <= set(found["groups"][0]["measures"])
    json.dumps(found, allow_nan=False)
