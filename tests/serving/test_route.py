from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seawall.serving.route import Route, position, unit_hash

SALT = b"0123456789abcdef"
PLACES = [position(unit_hash(f"person {i}", SALT)) for i in range(20_000)]


def arms(canary: float, holdout: float = 0.0) -> list[str]:
    route = Route({"champion": 1 - canary - holdout, "canary": canary, "holdout": holdout})
    return [route.arms[route(p)] for p in PLACES]


def test_shares_are_the_weights():
    found = arms(0.25, 0.1)
    for arm, share in {"canary": 0.25, "holdout": 0.1, "champion": 0.65}.items():
        # five standard deviations of a binomial share
        assert abs(found.count(arm) / 20_000 - share) < 5 * (share * (1 - share) / 20_000) ** 0.5


@given(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 0.2))
def test_a_unit_in_the_canary_stays_in_it_while_its_weight_grows(
    weight: float, more: float, holdout: float
):
    before, after = arms(weight, holdout), arms(weight + more, holdout)
    assert all(b == "canary" for a, b in zip(before, after, strict=True) if a == "canary")
    assert all(b == "holdout" for a, b in zip(before, after, strict=True) if a == "holdout")


def test_another_salt_sends_a_unit_to_another_place():
    other = [position(unit_hash(f"person {i}", b"another secret 16")) for i in range(100)]
    assert len({*other, *PLACES[:100]}) == 200


def test_arms_without_weight_get_nobody():
    assert set(arms(0.0)) == {"champion"}
    assert set(arms(1.0)) == {"canary"}
