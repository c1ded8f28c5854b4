from datetime import UTC, datetime, timedelta
from itertools import accumulate

import msgspec
import pytest

from seawall.kernel import BadInput, Conflict, Estimate, Outcome, convert, from_json, to_json
from seawall.retraining.plan import Reading, RetrainingPlan, Trigger, due
from seawall.retraining.run import (
    RetrainingRun,
    after_gate,
    challenger_confidence,
    proceed,
    start_run,
    trigger_frequency,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN = convert(
    {
        "name": "weekly",
        "model": "income",
        "triggers": [
            {"on": "quality", "rule": {"measure": "roc_auc", "at_least": 0.8}},
            {"on": "drift", "at_most": 0.1, "features_moved": 2},
            {"on": "calendar", "every_days": 30},
        ],
        "command": ["python", "train.py"],
        "cool_down": 86400,
        "most_per_month": 2,
    },
    RetrainingPlan,
)


def estimate(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 1000, "test")


MOVED, STILL, UNSURE = estimate(0.2, 0.4), estimate(0.0, 0.05), estimate(0.05, 0.3)


def reading(end=NOW, quarantined=False, drift=None, quality=None):
    return Reading(end=end, drift=drift or {}, quality=quality or {}, quarantined=quarantined)


def triggered(*readings, last=NOW - 2 * DAY, plan=PLAN):
    found = due(plan, readings, last, NOW)
    return found.on if found else None


def test_shown_drift_triggers_and_undecided_drift_does_not():
    assert triggered(reading(drift={"age": MOVED, "job": MOVED})) == "drift"
    assert triggered(reading(drift={"age": MOVED, "job": UNSURE})) is None
    assert triggered(reading(drift={"age": STILL, "job": UNSURE})) is None


def test_a_trigger_watches_only_the_features_it_names():
    plan = convert(
        {**msgspec.to_builtins(PLAN), "triggers": [{"on": "drift", "features": ["age"]}]},
        RetrainingPlan,
    )
    assert triggered(reading(drift={"job": MOVED}), plan=plan) is None
    found = due(plan, [reading(drift={"age": MOVED})], None, NOW)
    assert found == Trigger("drift", "moved beyond 0.1: age 0.3 [0.2, 0.4]")


def test_quality_shown_below_its_rule_triggers_and_an_undecided_one_does_not():
    assert triggered(reading(quality={"roc_auc": estimate(0.7, 0.78)})) == "quality"
    assert triggered(reading(quality={"roc_auc": estimate(0.7, 0.82)})) is None
    assert triggered(reading(quality={"accuracy": estimate(0.1, 0.2)})) is None


def test_quality_comes_before_drift_when_declared_first():
    both = reading(drift={"a": MOVED, "b": MOVED}, quality={"roc_auc": estimate(0.5, 0.6)})
    assert triggered(both) == "quality"


def test_nothing_triggers_within_the_cool_down():
    both = reading(drift={"a": MOVED, "b": MOVED})
    assert triggered(both, last=NOW - DAY / 2) is None
    assert triggered(both, last=NOW - DAY) == "drift"


def test_a_quarantined_window_triggers_nothing_and_the_one_before_decides():
    bad = reading(drift={"a": MOVED, "b": MOVED}, quarantined=True)
    assert triggered(bad) is None
    older = reading(end=NOW - DAY, drift={"a": MOVED, "b": MOVED})
    assert triggered(bad, older) == "drift"


def test_drift_seen_before_the_last_run_does_not_trigger_again():
    old = reading(end=NOW - 3 * DAY, drift={"a": MOVED, "b": MOVED})
    assert triggered(old) is None


def test_the_calendar_counts_from_the_last_run():
    assert triggered(last=NOW - 29 * DAY) is None
    assert triggered(last=NOW - 30 * DAY) == "calendar"
    assert triggered(last=None) is None


def test_no_readings_and_no_data_trigger_nothing():
    assert triggered() is None
    assert triggered(reading()) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"command": []}, "command"),
        ({"triggers": []}, "triggers"),
        ({"triggers": [{"on": "whim"}]}, "whim"),
        ({"cooldown": 1}, "cooldown"),
    ],
)
def test_a_plan_written_wrong_is_refused_with_the_place(change, message):
    with pytest.raises(BadInput, match=message):
        convert({**msgspec.to_builtins(PLAN), **change}, RetrainingPlan)


def run(name="r1", now=NOW) -> RetrainingRun:
    return start_run(PLAN, Trigger("drift", "age moved"), id=name, challenger=1, now=now)


def gated(**more):
    at = run()
    for state in ("trained", "validated", "gated"):
        at = proceed(at, state, NOW, version="income@4")
    return at


def test_a_run_walks_its_states_in_order_and_survives_the_wire():
    end = proceed(after_gate(gated(), PLAN, Outcome.PASS, NOW), "done", NOW)
    assert [s.state for s in end.steps] == [
        "triggered",
        "trained",
        "validated",
        "gated",
        "awaiting_approval",
        "done",
    ]
    assert (end.version, end.open) == ("income@4", False)
    assert from_json(to_json(end), RetrainingRun) == end


def test_a_run_cannot_skip_validation_or_leave_its_end():
    with pytest.raises(Conflict, match="cannot become gated"):
        proceed(run(), "gated", NOW)
    failed = proceed(run(), "failed", NOW, "the command exited with 3")
    with pytest.raises(Conflict, match="over"):
        proceed(failed, "failed", NOW)
    with pytest.raises(Conflict, match="cannot become trained"):
        proceed(failed, "trained", NOW)


def test_only_the_low_tier_is_done_without_a_person_and_never_on_an_undecided_gate():
    low = msgspec.structs.replace(PLAN, tier="low")
    assert after_gate(gated(), low, Outcome.PASS, NOW).state == "done"
    assert after_gate(gated(), low, Outcome.UNDECIDED, NOW).state == "awaiting_approval"
    assert after_gate(gated(), PLAN, Outcome.PASS, NOW).state == "awaiting_approval"
    assert after_gate(gated(), low, Outcome.FAIL, NOW).state == "failed"


def test_repeated_challengers_share_one_error_rate():
    levels = [1 - challenger_confidence(k, 0.05) for k in range(1, 20_000)]
    *_, total = accumulate(levels)
    assert 0.0499 < total <= 0.05
    with pytest.raises(BadInput):
        challenger_confidence(0)


def test_more_runs_in_thirty_days_than_the_plan_allows_are_too_many():
    runs = [run(str(i), NOW - i * 12 * DAY) for i in range(4)]
    frequency = trigger_frequency(PLAN, runs, NOW)
    assert (frequency.runs, frequency.too_many) == (3, True)
    assert not trigger_frequency(PLAN, runs[1:], NOW).too_many
