from __future__ import annotations

import pytest

from seawall.server.topics import PAGES, concerned, listener


@pytest.mark.parametrize(
    ("topic", "key", "pages"),
    [
        ("endpoint", "income", [("model", "income")]),
        ("endpoint", "gone", [("model", "")]),
        ("serving", "income", [("model", "income")]),
        ("rollout", "R", [("rollout", "R"), ("model", "")]),
        ("incident", "I", [("incident", "I")]),
        ("incidents", "I", [("incident", ""), ("model", "")]),
        ("approvals", "income@3", [("model", "income")]),
        ("declared", "Model/income", [("model", "income")]),
        ("declared", "Policy/income", [("model", "")]),
        ("retraining", "R", [("model", "")]),
    ],
)
def test_a_change_reaches_the_pages_that_show_it(world, topic, key, pages) -> None:
    assert concerned(world.app, topic, key) == pages
    assert {name for name, _ in pages} <= set(PAGES)


def test_what_is_told_is_passed_on_by_page(world) -> None:
    heard: list[tuple[str, str]] = []
    listener(world.app, lambda name, key: heard.append((name, key)))("incident", "I")
    assert heard == [("incident", "I")]
