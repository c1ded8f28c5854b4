"""A sender in another language, written from docs/summary-format.md alone."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from seawall.statistics.counting import summarise
from seawall.statistics.distinct import Distinct
from seawall.statistics.grid import latency_grid, make_grid, score_grid
from seawall.statistics.hashing import hash_values
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.statistics.summary import ColumnSummary

rng = np.random.default_rng(20261125)
NASTY = np.array([
    np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, -5e-324, 2.2e-308, 1.7e308, -1.7e308, 1e-9, 0.5,
    2.5, 3.5, -2.5, 2**53 + 2.0, np.nextafter(0.3, 1), np.nextafter(0.3, 0), 0.3, 1.0, -1.0,
])  # fmt: skip
NUMBERS = np.concatenate([rng.normal(3, 2, 900), np.full(60, 0.0), NASTY])
TIES = make_grid(np.array([0.0, 1024.0, 2048.0, 3072.0]))
WIDE = rng.integers(-(2**63), 2**63 - 1, 500, endpoint=True)
HUGE = np.concatenate([WIDE, [2**63 - 1, -(2**63), 2**62, 2**61, 2**53 + 1, 0, -1]])
STAMPS = np.datetime64("2026-01-01", "us") + rng.integers(0, 10**13, 400)
WORDS = np.array([*"aabbbcdé", "Ж", "𝒳", None, *(f"value {i}" for i in range(200))] * 2, object)
UNIT = np.concatenate([rng.random(800), rng.beta(0.05, 0.05, 200), np.clip(NASTY, 0, 1)])
COLUMNS = {
    "numeric": (make_grid(NUMBERS), NUMBERS),
    "numbers far from the grid": (
        make_grid(NUMBERS),
        np.concatenate([rng.normal(0, 1e12, 300), NASTY]),
    ),
    "half-even ties": (TIES, (rng.integers(-99, 99, 400) + 0.5) * TIES.scale + TIES.centre),
    "latency": (latency_grid(), np.abs(NUMBERS)),
    "score": (score_grid((0.3,)), UNIT),
    "small integers": (make_grid(np.arange(40)), np.arange(-50, 99)),
    "huge integers": (make_grid(WIDE), HUGE),
    "floats on integers": (make_grid(np.arange(40)), NUMBERS),
    "datetime": (make_grid(STAMPS), np.concatenate([STAMPS, [np.datetime64("NaT")]])),
    "categorical": (make_grid(np.array(["a", "b", "é"], object)), WORDS),
    "boolean": (make_grid(np.array([True])), rng.random(50) < 0.3),
}


def said(values):
    """Rows as JSON that loses nothing."""
    if values.dtype.kind == "M":
        micros = values.astype("datetime64[us]")
        return [None if np.isnat(v) else {"i": str(v.astype(int))} for v in micros]
    if values.dtype.kind == "f":
        return [{"f": repr(float(v))} for v in values]
    if values.dtype.kind == "i":
        return [{"i": str(v)} for v in values]
    return [v if v is None or isinstance(v, str) else str(v).lower() for v in values.tolist()]


def written(requests):
    lines = "\n".join(json.dumps(r) for r in requests)
    done = subprocess.run(
        ["node", Path(__file__).with_name("summary_writer.mjs")],
        input=lines, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return [bytes.fromhex(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def answers():
    """Everything that is asked of the sender, in one run."""
    asked, names = [], []
    for name, (grid, values) in COLUMNS.items():
        for make in ("column", "distinct"):
            asked.append({"make": make, "grid": grid.to_bytes().hex(), "rows": said(values)})
            names.append((make, name))
    return dict(zip(names, written(asked), strict=True))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_sender_in_javascript_writes_the_bytes_that_python_writes(answers, name):
    grid, values = COLUMNS[name]
    assert answers["column", name] == summarise(values, grid).to_bytes()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_senders_summary_merges_with_ours_as_if_one_had_counted_all(answers, name):
    grid, values = COLUMNS[name]
    merged = ColumnSummary.from_bytes(answers["column", name]).merge(summarise(values[:40], grid))
    whole = summarise(np.concatenate([values[:40], values]), grid)
    assert merged.to_bytes() == whole.to_bytes()
    assert (merged.counts == whole.counts).all()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_sender_in_javascript_counts_distinct_values_in_the_same_registers(answers, name):
    grid, values = COLUMNS[name]
    hashes, there = hash_values(values, grid.kind)
    assert answers["distinct", name] == Distinct.of(hashes[there]).to_bytes()


def test_a_sender_in_javascript_writes_scores_by_label_and_group():
    grid = score_grid((0.5,))
    scores = np.concatenate([rng.random(300), [np.nan, 0.0, 1.0, -0.0, 0.5, 5e-324]])
    labels = rng.choice([0.0, 1.0, np.nan], scores.size)
    sex, race = rng.choice(["f", "m", None], scores.size), rng.choice([*"xyz"], scores.size)
    rows = [
        [{"f": repr(float(s))}, None if y != y else int(y), a, b]
        for s, y, a, b in zip(scores, labels, sex.tolist(), race.tolist(), strict=True)
    ]
    (found,) = written([
        {"make": "scores", "grid": grid.to_bytes().hex(), "rows": rows, "groups": ["sex", "race"]}
    ])  # fmt: skip
    ours = summarise_scores(scores, labels, {"sex": sex, "race": race.astype(object)}, grid=grid)
    assert found == ours.to_bytes()
    assert ScoreSummary.from_bytes(found) == ours
