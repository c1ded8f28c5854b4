"""The line that says how far a long reading is."""

from __future__ import annotations

import io

from seawall.cli.progress import ERASE, Bar, line


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_shown_within_the_first_second() -> None:
    out, clock = io.StringIO(), Clock()
    bar = Bar(out, clock)
    for at in (0.0, 0.5, 0.9):
        clock.now = at
        bar("current", int(at * 1000), 10_000)
    assert out.getvalue() == ""


def test_a_long_reading_shows_rate_and_remaining_time_and_leaves_nothing_behind() -> None:
    out, clock = io.StringIO(), Clock()
    bar = Bar(out, clock)
    for at, done in ((0.0, 0), (2.0, 2_000_000), (10.0, 10_000_000)):
        clock.now = at
        bar("current", done, 10_000_000)
    shown, _, after = out.getvalue().lstrip(ERASE).partition(ERASE)
    assert shown == "current ████░░░░░░░░░░░░░░░░ 20% of 10,000,000, 1,000,000 rows/s, 8 s left"
    assert after == ""


def test_the_line_fits_a_terminal_for_a_billion_rows() -> None:
    assert len(line("reference", 400_000_000, 999_999_999, 100.0)) <= 80


def test_without_a_total_the_rows_and_the_rate_are_told() -> None:
    assert line("current", 3000, None, 2.0) == "current: 3,000 rows, 1,500 rows/s"
