"""The past replayed: which windows would have alarmed, how late, at which tolerance it is quiet."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import ks_2samp

from seawall.kernel import Window
from seawall.monitoring.backtest import backtest, runs
from seawall.monitoring.looking import Looking
from seawall.monitoring.planted import planted
from seawall.monitoring.seasonal import SeasonalBaseline, hour_of_week, hours_of
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.distance import ks
from seawall.statistics.grid import make_grid
from seawall.statistics.variation import total_variation

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RNG = np.random.default_rng(20260302)
BASE = {"x": RNG.normal(size=8000), "c": RNG.choice(["a", "b", "z"], 8000).astype(object)}
GRIDS = {name: make_grid(values) for name, values in BASE.items()}
REFERENCE = summarise_table(BASE, GRIDS)
DAILY = Looking(interval=DAY)


def day(i, shift=0.0, n=2000):
    rows = {
        "x": RNG.normal(shift, 1, n),
        "c": RNG.choice(["a", "b", "z"], n).astype(object),
    }
    return Window(START + i * DAY, START + (i + 1) * DAY), summarise_table(rows, GRIDS)


def test_a_run_of_failing_windows_is_one_alarm_on_what_moved():
    found = backtest(
        REFERENCE, [day(i, shift=0.8 if 4 <= i < 7 else 0) for i in range(10)], looking=DAILY
    )
    assert [(a.column, a.measure, a.windows) for a in found.alarms] == [("x", "ks", 3)]
    assert found.alarms[0].first.start == START + 4 * DAY


def test_alarms_before_a_known_change_are_false_and_the_delay_counts_from_it():
    history = [day(i, shift=0.8 if i in (1, 6, 7) else 0) for i in range(8)]
    found = backtest(REFERENCE, history, looking=DAILY, change=START + 5 * DAY)
    assert (found.quiet, len(found.false_alarms)) == (5, 1)
    assert found.seconds_to_alarm == 2 * 86_400


def test_the_tolerance_that_is_quiet_has_no_more_alarms_than_years_and_any_less_has():
    shifts = RNG.choice([0, 0.4, 0.8], 40)
    history = [day(i, shift=float(s), n=800) for i, s in enumerate(shifts)]
    found = backtest(REFERENCE, history, looking=DAILY)
    quiet = found.one_a_year("ks")
    lows = next(j for j in found.judged if j.measure == "ks").lows
    assert not (lows > quiet.value).any()
    assert (lows > quiet.value - 1e-9).any()


def test_a_short_history_cannot_show_that_alarms_are_seldom():
    found = backtest(REFERENCE, [day(i) for i in range(5)], looking=DAILY)
    assert (found.per_year.value, found.per_year.low) == (0, 0)
    assert found.per_year.high == pytest.approx(3.689 * 73, rel=1e-3)  # Poisson's for none
    assert found.one_a_year("ks").high == math.inf


def test_four_quiet_years_can():
    found = backtest(REFERENCE, [day(i * 7, n=400) for i in range(210)], looking=DAILY)
    years = msgspec_years(found)
    assert years.per_year.high < 1
    assert years.one_a_year("ks").high < math.inf


def msgspec_years(found):
    """The same windows, a week long each."""
    import msgspec

    weeks = tuple(Window(w.start, w.start + 7 * DAY) for w in found.windows)
    return msgspec.structs.replace(found, windows=weeks)


def test_a_planted_change_has_exactly_its_size():
    for share in (0.05, 0.2):
        x = RNG.normal(size=3000)
        moved = np.where(x <= np.quantile(x, share), x.max(), x)
        assert ks(summarise(x, GRIDS["x"]), planted(summarise(x, GRIDS["x"]), share), 0.95).value \
            == pytest.approx(ks_2samp(x, moved).statistic, abs=0.01)  # fmt: skip
        c = summarise(RNG.choice(["a", "b", "z"], 3000).astype(object), GRIDS["c"])
        assert total_variation(c, planted(c, share), 0.95).value == pytest.approx(share, abs=0.001)
        assert planted(c, share).n == c.n


def test_larger_changes_are_seen_in_more_windows_and_no_later():
    found = backtest(REFERENCE, [day(i, n=600) for i in range(12)], looking=DAILY)
    small, large = found.delay(1.5), found.delay(2.0)
    assert small.windows == large.windows == 24
    assert small.seen <= large.seen
    assert large.worst is not None


def test_runs_are_half_open():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.array([False])) == []


def test_hours_of_the_week_begin_on_monday_in_utc():
    assert hour_of_week(START) == 0
    assert hour_of_week(START + 6 * DAY + 23 * HOUR) == 167
    assert hours_of(Window(START + 22 * HOUR, START + 26 * HOUR)) == (22, 23, 24, 25)
    assert hours_of(Window(START, START + 2 * DAY), step=24) == (0, 24)


def level(moment):
    """A busy afternoon is another population than the night."""
    return 3.0 if 12 <= moment.hour < 18 else 0.0


def hourly(weeks, n, seed):
    rng = np.random.default_rng(seed)
    for i in range(weeks * 168):
        at = START + i * HOUR
        rows = {"x": rng.normal(level(at), 1, n)}
        yield Window(at, at + HOUR), summarise_table(rows, {"x": GRIDS["x"]})


def test_a_seasonal_stream_does_not_alarm_against_like_hours_and_does_against_all():
    base = SeasonalBaseline.of((hour_of_week(w.start), s) for w, s in hourly(3, 100, 1))
    looking = Looking(interval=HOUR)
    history = list(hourly(2, 300, 2))
    assert not backtest(base, history, looking=looking).alarms
    assert len(backtest(base.pooled, history, looking=looking).alarms) > 10


def test_where_like_hours_are_too_few_all_of_the_baseline_is_used_and_that_is_said():
    base = SeasonalBaseline.of((hour_of_week(w.start), s) for w, s in hourly(1, 50, 1))
    few = base.like(Window(START, START + HOUR))
    assert few.summary.rows == base.pooled.rows
    assert few.text == "all of the baseline, with under 200 like rows"
    assert base.like(Window(START, START + 6 * HOUR)).text == "the same hours of the week"
    assert "a week or more" in base.like(Window(START, START + 7 * DAY)).text
    gap = SeasonalBaseline(base.pooled, {0: base.by_hour[0]})
    assert "lacks some" in gap.like(Window(START, START + 2 * HOUR)).text
