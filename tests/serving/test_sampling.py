"""Sampling: probabilities that hold, choices that anybody can repeat, weights that add up."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seawall.kernel import BadInput, Ids, SystemClock
from seawall.serving.sampling import Facts, Sampling, Stratum, position

IDS = [Ids(SystemClock())() for _ in range(20_000)]
rates = st.floats(0.0, 1.0)
facts = st.builds(
    Facts,
    st.sampled_from(IDS),
    arm=st.sampled_from([None, "champion", "canary"]),
    score=st.none() | st.floats(0.0, 1.0),
    label=st.sampled_from([None, 0, 1, "spam"]),
)
acted = st.fixed_dictionaries({"guarded": st.booleans(), "fallback": st.booleans()})


def test_places_of_ids_are_uniform():
    places = [position(i) for i in IDS]
    assert all(0.0 <= p < 1.0 for p in places)
    assert stats.kstest(places, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.9])
def test_of_many_decisions_the_share_kept_is_the_rate(rate):
    policy = Sampling(rate=rate, strata=())
    kept = sum(policy.keep(Facts(i)) is not None for i in IDS)
    assert stats.binomtest(kept, len(IDS), rate).pvalue > 1e-6


@given(facts, rates, rates)
def test_what_a_lower_rate_keeps_a_higher_one_keeps_too(one, low, high):
    low, high = sorted((low, high))
    if Sampling(rate=low, strata=()).keep(one) is not None:
        assert Sampling(rate=high, strata=()).keep(one) == high


@given(facts, rates, acted, st.lists(rates, max_size=2))
def test_everything_a_guard_or_a_fallback_had_a_part_in_is_kept(one, rate, part, others):
    policy = Sampling(rate=rate, strata=tuple(Stratum(r) for r in others))
    one = msgspec.structs.replace(one, **part)
    if one.guarded or one.fallback:
        assert policy.keep(one) == 1.0
    else:
        assert policy.probability(one) == max(others, default=rate)


@given(facts)
def test_a_policy_that_keeps_all_keeps_all_and_one_that_keeps_none_none(one):
    assert Sampling().keep(one) == 1.0
    assert Sampling(rate=0.0, strata=()).keep(one) is None


@given(facts, st.lists(st.tuples(rates, st.sampled_from(["champion", "canary"])), max_size=4))
def test_of_several_strata_the_highest_rate_counts_and_outside_of_all_the_general_one(one, given_):
    policy = Sampling(rate=0.5, strata=tuple(Stratum(r, arm=a) for r, a in given_))
    mine = [r for r, a in given_ if a == one.arm]
    assert policy.probability(one) == (max(mine) if mine else 0.5)


@pytest.mark.parametrize(
    ("stratum", "inside", "outside"),
    [
        (Stratum(score=(0.4, 0.6)), {"score": 0.4}, {"score": 0.61}),
        (Stratum(score=(0.4, 0.6)), {"score": 0.6}, {"score": None}),
        (Stratum(label="spam"), {"label": "spam"}, {"label": "ham"}),
        (Stratum(label=1), {"label": 1}, {"label": 0}),
        (Stratum(arm="canary"), {"arm": "canary"}, {"arm": "champion"}),
    ],
)
def test_a_stratum_is_what_its_conditions_say(stratum, inside, outside):
    policy = Sampling(rate=0.0, strata=(stratum,))
    assert policy.keep(Facts(IDS[0], **inside)) == 1.0
    assert policy.keep(Facts(IDS[0], **outside)) is None


def test_weights_of_what_was_kept_add_up_to_all_and_are_unbiased_for_a_mean():
    policy = Sampling(rate=0.05, strata=(Stratum(score=(0.9, 1.0)), Stratum(0.3, label=1)))
    scores = np.random.default_rng(3).random(len(IDS)).tolist()
    all_ = [Facts(i, score=s, label=int(s > 0.5)) for i, s in zip(IDS, scores, strict=True)]
    kept = [(f.score, p) for f in all_ if (p := policy.keep(f)) is not None]
    probabilities = [policy.probability(f) for f in all_]
    for of in (lambda s: 1.0, lambda s: s):
        told = sum(of(s) / p for s, p in kept)
        true = sum(of(s) for s in scores)
        variance = sum(of(s) ** 2 * (1 - p) / p for s, p in zip(scores, probabilities, strict=True))
        assert abs(told - true) < 5 * math.sqrt(variance)


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 1.5}, {"rate": -0.1}, {"strata": [{"score": [0.9, 0.1]}]}, {"strata": [{"arms": 1}]}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Sampling)


def test_an_id_that_is_none_is_refused():
    with pytest.raises(BadInput, match="not a Seawall id"):
        position("0198c0de")
