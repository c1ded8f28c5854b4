import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput, to_json
from seawall.rollout.evidence import (
    BEYOND,
    MEASURES,
    ArmEvidence,
    PairEvidence,
    measure,
)

SPLIT = (0.75, 0.25)


def arm(n, errors=0, wrong=0, arrived=None, **more):
    arrived = n if arrived is None else arrived
    return ArmEvidence(decisions=n, errors=errors, matured=n, arrived=arrived, wrong=wrong, **more)


@st.composite
def arms(draw):
    n = draw(st.integers(0, 2000))
    matured = draw(st.integers(0, n))
    arrived = draw(st.integers(0, matured))
    return ArmEvidence(
        decisions=n,
        errors=draw(st.integers(0, n)),
        slow=draw(st.integers(0, n)),
        scores=draw(st.sampled_from([(), (1, 2), (3, 4)])),
        matured=matured,
        arrived=arrived,
        wrong=draw(st.integers(0, arrived)),
    )


@given(arms(), arms(), arms())
def test_counts_add_in_any_order_and_grouping(a, b, c):
    assert a.plus(b).plus(c) == c.plus(b.plus(a))
    assert a.plus(ArmEvidence()) == a


def test_counts_on_different_bins_refuse_to_add():
    with pytest.raises(BadInput, match="2 and 3 bins"):
        ArmEvidence(scores=(1, 2)).plus(ArmEvidence(scores=(1, 2, 3)))
    with pytest.raises(BadInput, match="1 and 2 bins"):
        PairEvidence(((1,),)).plus(PairEvidence(((1, 0), (0, 1))))


def test_pairs_add():
    one = PairEvidence(((1, 2), (3, 4)))
    assert one.plus(one).units == 20
    assert one.plus(PairEvidence()) == one == PairEvidence().plus(one)


@pytest.mark.parametrize(
    "counts", [{"errors": 1}, {"decisions": 1, "wrong": 1}, {"decisions": 1, "matured": 2}]
)
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="wrong <= arrived"):
        ArmEvidence(**counts)


def test_a_measure_without_data_is_absent():
    assert measure(ArmEvidence(), ArmEvidence(), None, SPLIT, 0.05) == {}
    alone = measure(ArmEvidence(), arm(10), None, SPLIT, 0.05)
    assert set(alone) == {"error_rate", "slow_rate", "wrong_rate", "sample_ratio"}


def test_every_measure_is_there_with_data_and_fits_the_wire():
    control = arm(3000, 5, 500, scores=(1500, 1500))
    candidate = arm(1000, 5, 150, scores=(500, 500))
    found = measure(control, candidate, None, SPLIT, 0.05, 5)
    assert set(found) == set(MEASURES)
    to_json(found)
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.validity == "anytime"
        assert estimate.confidence == 0.99
        assert estimate.method.endswith("alpha 0.05 split over 5 guards of the plan")


def test_a_larger_family_makes_every_interval_wider():
    control, candidate = arm(3000, 9, 500), arm(1000, 9, 190)
    one = measure(control, candidate, None, SPLIT, 0.05)
    ten = measure(control, candidate, None, SPLIT, 0.05, 10)
    for name, estimate in one.items():
        assert ten[name].low <= estimate.low
        assert ten[name].high >= estimate.high


def test_a_mirrored_step_has_no_split_to_check_and_allows_for_dependent_arms():
    control, candidate = arm(1000, 9, 170), arm(1000, 9, 190)
    mirrored = measure(control, candidate, None, (1.0, 1.0), 0.05)
    split = measure(control, candidate, None, (0.5, 0.5), 0.05)
    assert "sample_ratio" not in mirrored
    assert "error_ratio" not in mirrored
    assert mirrored["wrong_difference"].low < split["wrong_difference"].low
    assert mirrored["wrong_difference"].value == split["wrong_difference"].value


def test_a_wrong_split_is_shown_relative_to_the_plan():
    half = measure(arm(9500), arm(500), None, (0.9, 0.1), 0.05)["sample_ratio"]
    assert half.value == pytest.approx(-0.5)
    assert half.high < -0.1
    right = measure(arm(9000), arm(1000), None, (0.9, 0.1), 0.05)["sample_ratio"]
    assert right.low < 0 < right.high


def test_pairs_show_a_smaller_shift_than_two_samples_of_the_same_size_can():
    n = 2000
    scores = np.full(20, n // 20)
    joint = np.diag(scores)
    joint[3, 3] -= 20
    joint[3, 9] += 20
    control, candidate = (arm(n, scores=tuple(map(int, j))) for j in (joint.sum(1), joint.sum(0)))
    pair = PairEvidence(tuple(tuple(map(int, row)) for row in joint))
    paired = measure(control, candidate, pair, (1, 1), 0.05)["prediction_shift"]
    two = measure(control, candidate, None, (1, 1), 0.05)["prediction_shift"]
    assert paired.value == pytest.approx(two.value)
    assert paired.value == pytest.approx(0.01)
    assert paired.high < two.high / 2


def test_errors_of_the_candidate_alone_have_a_ratio_beyond_all_bounds():
    found = measure(arm(1000), arm(1000, 50), None, (0.5, 0.5), 0.05)["error_ratio"]
    assert found.value == BEYOND
    assert 3 < found.low < BEYOND


def test_labels_that_come_in_one_arm_only_widen_the_difference_in_wrong_answers():
    slow, quick = arm(5000, wrong=500, arrived=2500), arm(5000, wrong=1000, arrived=5000)
    found = measure(slow, quick, None, (0.5, 0.5), 0.05)
    assert found["label_arrival_difference"].low > 0.4
    assert found["wrong_difference"].low < 0
    assert "label arrival" in found["wrong_difference"].method
    even = measure(arm(5000, wrong=500), quick, None, (0.5, 0.5), 0.05)["wrong_difference"]
    assert even.low > 0.05


def test_unlabelled_decisions_may_all_be_wrong():
    found = measure(ArmEvidence(), arm(1000, wrong=100, arrived=500), None, SPLIT, 0.05)
    assert found["wrong_rate"].value == 0.1
    assert found["wrong_rate"].high > 0.6
