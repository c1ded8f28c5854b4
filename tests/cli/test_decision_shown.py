"""A decision on the terminal reads as lines, not as somebody's data structures."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from seawall.cli.decision_shown import said, show_decision

FOUND = {
    "id": "01522e02-51d0-700e-b8ff-f7e4b17375d5",
    "time": "2016-01-11T00:07:30Z",
    "model": "income@3",
    "version_digest": "sha256:" + "06" * 32,
    "input": {"AGEP": 64, "SCHL": None, "name": "[red]"},
    "output": {"label": 0, "score": 0.49925708770751953},
    "reasons": ["so close that a person should look"],
    "guards": {"borderline": "flag"},
    "principal_reasons": [
        {"field": "AGEP", "value": 64.0, "typical": 42.0, "score_with_typical": 0.73,
         "effect": -0.2368},
    ],
    "proof": {"state": "proven", "segment": "s-27", "position": 1139, "of": 1200,
              "root": "00" * 32, "entry": 350, "log_size": 354},
    "outcomes": [{"label": 1.0}],
    "story": [{"time": "2016-01-11T02:21:12.5Z", "sentence": "the outcome was 1"}],
}  # fmt: skip


def shown(width: int) -> str:
    out = io.StringIO()
    show_decision(Console(file=out, width=width, highlight=False), FOUND)
    return out.getvalue()


def test_a_decision_is_shown_without_brackets_and_nothing_is_cut():
    text = shown(80)
    assert text.startswith("income@3 answered label 0, score 0.4993; proven in the audit log.\n")
    for line in (
        "AGEP 64, SCHL nothing, name [red]", "AGEP 64, typical is 42: -0.237", "borderline flag",
        "leaf 1,139 of 1,200 of segment s-27", "2016-01-11T02:21:12  the outcome was 1",
    ):  # fmt: skip
        assert line in text
    assert "{" not in text
    assert "…" not in text
    assert "06" * 32 in "".join(shown(60).split())


def test_it_fits_a_narrow_terminal():
    assert max(map(len, shown(60).splitlines())) <= 60


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just("text"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("name"), inner),
)


@given(VALUES)
def test_any_value_of_a_record_is_said_in_words(value: object):
    assert not set("{}[]'") & set(said(value))
