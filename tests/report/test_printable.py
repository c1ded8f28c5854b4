"""Texts from tables, as they may be shown on a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from seawall.report.printable import on_one_line, printable


@given(st.text())
def test_whatever_a_text_holds_it_is_one_line_without_control_characters(text: str) -> None:
    shown = on_one_line(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) == "Cc" for c in shown)


def test_what_turns_the_direction_of_text_is_seen() -> None:
    assert on_one_line("approved\u202e detcejer") == "approved\ufffd detcejer"


@given(st.dictionaries(st.text(), st.lists(st.text())))
def test_names_and_values_of_a_document_are_shown_alike(document: dict[str, list[str]]) -> None:
    shown = {on_one_line(k): [on_one_line(v) for v in vs] for k, vs in document.items()}
    assert printable(document) == shown
