from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput, Corrupt
from seawall.serving.telemetry import (
    Body,
    Counters,
    Inputs,
    Labels,
    Shadow,
    decode,
    encode,
    joint,
    merge,
    read,
)
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.grid import latency_grid, make_grid, score_grid
from seawall.statistics.score import summarise_scores

GRIDS = {"age": make_grid(np.arange(100))}


def counters(rng: np.random.Generator) -> Body:
    latency = summarise(rng.uniform(0.1, 20, 30), latency_grid())
    return Counters(
        decisions=30,
        errors=int(rng.integers(9)),
        invalid={str(rng.choice(["age: missing", "*: unknown"])): int(rng.integers(1, 5))},
        guards={"g: flag": 1},
        latency_bytes=latency.to_bytes() if rng.random() < 0.8 else b"",
    )


def inputs(rng: np.random.Generator) -> Body:
    table = summarise_table({"age": rng.integers(0, 100, 20)}, GRIDS)
    return Inputs({str(rng.choice(["a", "b"])): table.to_bytes()})


def scores(rng: np.random.Generator) -> Body:
    return summarise(rng.random(20), score_grid())


def labels(rng: np.random.Generator) -> Body:
    score = summarise_scores(
        rng.random(9), rng.integers(0, 2, 9), {"sex": rng.choice(["f", "m"], 9)}
    )
    key = str(rng.choice(["added", "withdrawn"]))
    return Labels(arrived=9, wrong=int(rng.integers(9)), **{key: {"sex": score.to_bytes()}})  # type: ignore[arg-type]


def shadow(rng: np.random.Generator) -> Body:
    pair = joint(rng.random(30), rng.random(30), thresholds=(0.5, 0.4))
    return Shadow({str(rng.choice(["m@1", "m@2"])): pair})


MAKERS: dict[str, Any] = {
    "counters": counters,
    "inputs": inputs,
    "scores": scores,
    "labels": labels,
    "shadow": shadow,
}


@pytest.mark.parametrize("stream", MAKERS)
@given(seed=st.integers(0, 10_000))
def test_merging_is_the_same_in_any_order_and_grouping(stream: str, seed: int):
    rng = np.random.default_rng(seed)
    a, b, c = (encode(MAKERS[stream](rng)) for _ in range(3))
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, b) == merge(b, a)


@pytest.mark.parametrize("stream", MAKERS)
def test_a_body_is_read_back_as_it_was(stream: str):
    body = MAKERS[stream](np.random.default_rng(1))
    assert read(encode(body)) == body


def test_bodies_of_two_streams_do_not_merge():
    rng = np.random.default_rng(1)
    with pytest.raises(BadInput):
        merge(encode(counters(rng)), encode(shadow(rng)))
    with pytest.raises(Corrupt):
        decode("labels", encode(counters(rng)))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_body_are_corrupt(noise: bytes):
    with pytest.raises(Corrupt):
        read(noise)


def test_the_joint_counts_and_flips_are_numpys():
    rng = np.random.default_rng(2)
    a, b = rng.random(500), rng.random(500)
    found = joint(a, b, thresholds=(0.3, 0.6))
    expected, _, _ = np.histogram2d(a, b, bins=20, range=[[0, 1], [0, 1]])
    assert found.table.tolist() == expected.tolist()
    assert found.flips == np.sum((a >= 0.3) != (b >= 0.6))
    assert found.rows == 500


def test_a_score_of_one_is_in_the_last_bin():
    assert joint(np.ones(1), np.zeros(1), thresholds=(0.5, 0.5)).table[19, 0] == 1


def test_what_is_withdrawn_is_out_of_the_cohort():
    scores_, truth, sex = np.array([0.2, 0.8]), np.array([0, 0]), np.array(["f", "m"])
    all_, wrong = (
        summarise_scores(scores_[k], truth[k], {"sex": sex[k]}) for k in (slice(2), slice(1, 2))
    )
    right = summarise_scores(scores_[1:], np.array([1]), {"sex": sex[1:]})
    first = Labels(arrived=2, added={"sex": all_.to_bytes()})
    second = Labels(
        added={"sex": right.to_bytes()}, withdrawn={"sex": wrong.to_bytes()}, correct=1, wrong=-1
    )
    total = decode("labels", merge(encode(first), encode(second)))
    assert isinstance(total, Labels)
    expected = summarise_scores(scores_, np.array([0, 1]), {"sex": sex})
    assert total.scores == expected
