"""The one-file HTML reports in a real browser, as wide as a telephone and as wide as a desk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.server.pages.browser import Browser
from tests.server.pages.test_browser import OVERFLOWING

from seawall import drift, estimate, evaluate, segments

pytestmark = pytest.mark.browser

NAMELESS = """
[...document.querySelectorAll('[tabindex="0"], [role=img]')]
  .filter(e => !e.getAttribute('aria-label')).map(e => e.outerHTML.slice(0, 120))"""
LONG = "installment_rate_in_percentage_of_disposable_income_after_all_obligations"


@cache
def table(seed: int, moved: float = 0.0) -> pa.Table:
    rng, n = np.random.default_rng(seed), 1_500
    age, score = rng.normal(40 + 30 * moved, 10, n), rng.random(n)
    label = (rng.random(n) < score).astype(np.int64)
    columns = {LONG: age, "score": score, "other": rng.random(n), "label": label}
    names = np.array(["a" * 60, "female", "née, d’ailleurs"])
    return pa.table({**columns, "group": rng.choice(names, n)})


MADE: dict[str, Callable[[], object]] = {
    "drift": lambda: drift(table(0), table(1, 0.5), label="label", score="score"),
    "binary": lambda: evaluate(
        table(0), label="label", score="score", against="other", groups=["group"]
    ),
    "regression": lambda: evaluate(table(0), label=LONG, prediction="other", task="regression"),
    "estimate": lambda: estimate(table(0), table(1, 0.5), label="label", score="score"),
    "segments": lambda: segments(table(0), label="label", score="score"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_report_fits_every_window_and_names_what_the_keyboard_reaches(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    path = tmp_path / f"{name}.html"
    MADE[name]().save(path)  # type: ignore[attr-defined]
    for width in (360, 768, 2560):
        browser.look(width, 900, dark=width == 768)
        browser.open(path.as_uri())
        assert browser.run(OVERFLOWING) == []
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert browser.run(NAMELESS) == []
    assert browser.complaints() == []
