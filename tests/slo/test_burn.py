from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.slo.budget import ModelBudget, budget, total_over
from seawall.slo.burn import TABLE, alerts, rows_for
from seawall.slo.objective import COUNTER, Counts, Objective

NOW = datetime(2026, 3, 31, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def objective(target=0.999, indicator="availability"):
    return Objective(name=indicator, endpoint="income", indicator=indicator, target=target)


def history(*stretches, per_counter=2_000):
    """Five-minute counters up to now; each stretch is (how long, bad ratio), oldest first."""
    made, end = [], NOW
    for length, bad in reversed(stretches):
        for _ in range(round(length / COUNTER)):
            end -= COUNTER
            good = per_counter - round(per_counter * bad)
            made.append(Counts(end, good, per_counter))
    return made


def fired(counts, slo=None):
    return [(a.row.name, a.severity) for a in alerts({slo or objective(): counts}, NOW)]


def test_quiet_traffic_raises_nothing():
    assert fired(history((3 * DAY, 0.0005))) == []
    assert fired([]) == []


def test_a_total_outage_pages_within_the_hour():
    assert fired(history((3 * DAY, 0.0), (5 * COUNTER, 1.0)))[0] == ("1h/5m", "page")


def test_a_burn_of_six_pages_on_the_six_hour_row_and_a_burn_of_three_is_a_ticket():
    six = fired(history((3 * DAY, 0.0), (6 * HOUR, 0.008)))
    assert ("6h/30m", "page") in six
    assert ("1h/5m", "page") not in six
    three = fired(history((3 * DAY, 0.0), (DAY, 0.004)))
    assert three == [("1d/2h", "ticket"), ("3d/6h", "ticket")]


def test_a_day_of_burning_at_three_becomes_a_page():
    assert ("1d/2h", "page") in fired(history((2 * DAY, 0.0), (2 * DAY, 0.004)))


def test_a_slow_burn_is_a_ticket():
    assert fired(history((3 * DAY, 0.0015))) == [("3d/6h", "ticket")]


def test_an_alert_ends_soon_after_its_cause():
    ended = history((3 * DAY, 0.0), (HOUR, 0.5), (2 * COUNTER, 0.0))
    assert ("1h/5m", "page") not in fired(ended)


def test_a_handful_of_requests_does_not_page_and_many_at_the_same_ratio_do():
    one_of_ten = [Counts(NOW - COUNTER, 9, 10)]
    assert fired(one_of_ten) == []
    assert fired([Counts(NOW - COUNTER, 9_000, 10_000)])[0] == ("1h/5m", "page")


def test_events_are_summed_and_ratios_are_not_averaged():
    busy, idle = Counts(NOW - COUNTER, 100_000, 100_000), Counts(NOW - 2 * COUNTER, 0, 2)
    assert total_over([busy, idle], HOUR, NOW) == (100_000, 100_002)
    assert fired([busy, idle]) == []


def test_windows_hold_the_counters_that_overlap_them():
    counts = [Counts(NOW - k * COUNTER, 1, 1) for k in range(30)]
    assert total_over(counts, HOUR, NOW)[1] == 13
    assert total_over(counts, HOUR, NOW + timedelta(minutes=2))[1] == 13


def test_the_table_is_unchanged_where_every_factor_can_fire():
    assert rows_for(objective(0.999)) == TABLE
    assert rows_for(objective(0.9306)) == TABLE


@given(st.floats(0.01, 0.99999))
def test_every_row_can_fire_and_keeps_its_share_of_budget_whatever_the_objective(target):
    slo = objective(target, "quality")
    for row, usual in zip(rows_for(slo), TABLE, strict=True):
        assert row.factor * slo.allowed < 1
        assert row.factor >= 1
        share, expected = row.factor * row.long, usual.factor * usual.long
        assert abs(share - expected) <= row.factor * 6 * COUNTER
        assert row.short * 12 == row.long


def test_an_accuracy_objective_of_85_percent_pages_when_labels_are_inverted():
    slo = objective(0.85, "quality")
    inverted = history((3 * DAY, 0.12), (8 * HOUR, 0.88), per_counter=100)
    assert ("1h/5m", "page") in fired(inverted, slo)
    assert fired(history((4 * DAY, 0.12), per_counter=100), slo) == []


def test_the_same_outage_burns_the_same_share_whatever_the_other_objective_is():
    outage = history((30 * DAY, 0.0), (36 * HOUR, 0.05))
    right = history((31 * DAY, 0.10))
    for target in (0.8, 0.85, 0.89):
        parts = (
            budget(objective(0.99), outage, NOW),
            budget(objective(target, "quality"), right, NOW),
        )
        both = ModelBudget(parts)
        assert parts[0].consumed == pytest.approx(0.25, abs=0.01)
        assert both.worst is max(parts, key=lambda b: b.consumed)
        assert both.remaining == 1 - both.worst.consumed


def test_a_budget_counts_only_its_window():
    counts = history((30 * DAY, 1.0), (30 * DAY + COUNTER, 0.0), per_counter=1)
    assert budget(objective(), counts, NOW).consumed == 0


def test_a_budget_carries_the_interval_of_its_bad_ratio():
    small = budget(objective(0.99), [Counts(NOW - COUNTER, 98, 100)], NOW)
    assert small.consumed == pytest.approx(2)
    assert small.consumed_low < 1 < small.consumed_high
    assert small.remaining == pytest.approx(-1)


def test_a_budget_without_events_is_whole_and_knows_nothing():
    empty = budget(objective(), [], NOW)
    assert (empty.bad, empty.remaining, empty.consumed_high) == (None, 1.0, pytest.approx(1000))
    assert ModelBudget((empty,)).worst is None
    assert ModelBudget((empty,)).remaining == 1.0


def test_pages_come_before_tickets_and_say_what_burns():
    (first, *rest) = alerts({objective(): history((2 * DAY, 0.0), (DAY, 0.1))}, NOW)
    assert first.severity == "page"
    assert [a.severity for a in rest][-1] == "ticket"
    assert first.summary.startswith("income: availability burns its error budget at 100 times")
