from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.control import START, arm, bundle

from seawall.kernel import Corrupt, Digest
from seawall.serving.bundle import Bundle, Conditions
from seawall.serving.condition import Condition
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard

LIMITED = Conditions(traffic_share_max=0.2)
FULL = bundle(
    7,
    arms=(
        arm(weight=0.8),
        arm("canary", "m@2", seed=4, weight=0.2, conditions=LIMITED),
        arm("shadow", "m@3", seed=4),
    ),
    guards=(Guard(name="g", action="flag", where=(Condition("grade", one_of=("low",)),)),),
    fallback=Fallback(label=0, reason="ask a person", arms=("champion",)),
    privacy={"age": "digest", "*": "plain"},
    policy=Digest.of(b"policy"),
    safe=True,
)


def test_bytes_and_back_is_the_same_bundle_with_the_same_digest():
    again = Bundle.from_bytes(FULL.to_bytes())
    assert again == FULL
    assert again.digest == FULL.digest == Digest.of(FULL.to_bytes())


@given(st.binary(max_size=200), st.integers(0, 4000))
def test_bytes_that_are_no_bundle_are_corrupt(noise: bytes, cut: int):
    for data in (noise, FULL.to_bytes()[:cut]):
        if data != FULL.to_bytes():
            with pytest.raises(Corrupt):
                Bundle.from_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        {"arms": ()},
        {"arms": (arm(weight=0.5),)},
        {"arms": (arm(), arm())},
        {"arms": (arm(weight=0.9), arm("shadow", weight=0.1))},
        {"arms": (arm(weight=0.5), arm("canary", weight=0.5, conditions=LIMITED))},
        {"arms": (arm(weight=1.2), arm("canary", weight=-0.2))},
        {"fallback": Fallback(label=0, reason="", arms=("canary",))},
        {"on_invalid": "fallback"},
        {"salt": b"short"},
        {"number": 0},
        {"issued": START.replace(tzinfo=None)},
        {"privacy": {"nofield": "drop"}},
        {"grids": {"nofield": next(iter(bundle().grids.values()))}},
    ],
)  # fmt: skip
def test_a_bundle_that_contradicts_itself_is_none(change: dict[str, Any]):
    with pytest.raises(ValueError):
        msgspec.structs.replace(bundle(), **change)


def test_an_expired_canarys_share_goes_to_the_champion():
    until = Conditions(expires=START + timedelta(days=1))
    found = bundle(arms=(arm(weight=0.7), arm("canary", weight=0.3, conditions=until)))
    assert found.weights(START) == {"canary": 0.3, "champion": 0.7}
    assert found.weights(START + timedelta(days=1)) == {"canary": 0.0, "champion": 1.0}


def test_with_an_expired_champion_nobody_may_answer():
    found = bundle(arms=(arm(conditions=Conditions(expires=START)),))
    assert found.weights(START) == {}
