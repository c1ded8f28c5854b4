from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import ks_2samp

from seawall.kernel import BadInput, Outcome, Window, from_json, to_json
from seawall.monitoring.looking import Looking
from seawall.monitoring.watch import DriftReading, watch
from seawall.statistics.counting import summarise_table
from seawall.statistics.grid import make_grid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RNG = np.random.default_rng(20260301)


def rows(n, shift=0.0, extra_missing=0.0, job=(0.5, 0.3, 0.2)):
    age = RNG.normal(40 + shift, 10, n)
    pay = RNG.lognormal(3, 1, n)
    pay[RNG.random(n) < extra_missing] = np.nan
    return {"age": age, "pay": pay, "job": RNG.choice(["a", "b", "c"], n, p=job).astype(object)}


BASE = rows(20_000)
GRIDS = {name: make_grid(values) for name, values in BASE.items()}
REFERENCE = summarise_table(BASE, GRIDS)


def reading(*args, looking=None, tolerances=None, **more):
    current = summarise_table(rows(*args, **more), GRIDS)
    return watch(REFERENCE, current, tolerances or {}, looking=looking)


def test_a_shifted_feature_is_named_with_its_size_and_the_others_are_not():
    found = reading(5000, shift=6)
    assert found.outcome is Outcome.FAIL
    assert [f.name for f in found.moved] == ["age"]
    assert found.features[0].name == "age"
    assert found.features[0].bound.low > 0.1
    assert found.sentence.startswith("age moved: ")


def test_the_size_is_the_two_sample_distance_of_scipy():
    moved = rows(5000, shift=6)
    found = watch(REFERENCE, summarise_table(moved, GRIDS))
    expected = ks_2samp(BASE["age"], moved["age"]).statistic
    assert found.features[0].distance.value == pytest.approx(expected, abs=0.01)


def test_a_changed_category_and_a_missing_share_are_named_too():
    found = reading(5000, extra_missing=0.2, job=(0.2, 0.3, 0.5))
    assert {f.name: f.measure for f in found.moved} == {
        "job": "total_variation",
        "pay": "missing_difference",
    }
    assert set(found.distances) == {"age", "job"}


def test_an_unchanged_large_window_passes_and_a_small_one_is_undecided():
    assert reading(20_000).outcome is Outcome.PASS
    assert reading(20_000).moved == ()
    small = reading(30)
    assert small.outcome is Outcome.UNDECIDED
    assert small.sentence == "not enough rows to say that no feature moved (30 rows against 20,000)"


def test_a_column_that_lost_all_its_values_is_named_and_the_reading_survives_the_wire():
    found = reading(1000, extra_missing=1.0)
    assert [(f.name, f.measure) for f in found.moved] == [("pay", "missing_difference")]
    assert from_json(to_json(found), DriftReading) == found


def test_an_empty_window_is_undecided():
    empty = reading(0)
    assert (empty.outcome, empty.features) == (Outcome.UNDECIDED, ())


def test_a_wider_tolerance_makes_the_same_move_pass():
    assert reading(20_000, shift=2, tolerances={"age": 0.3}).outcome is Outcome.PASS


def test_summaries_on_other_grids_are_refused():
    other = rows(100)
    grids = {**GRIDS, "age": make_grid(other["age"] * 3)}
    with pytest.raises(BadInput, match="age"):
        watch(REFERENCE, summarise_table(other, grids))


def test_a_reading_survives_the_wire():
    current = summarise_table(rows(1000), GRIDS)
    made = watch(REFERENCE, current, window=Window(NOW, NOW + timedelta(hours=1)))
    assert from_json(to_json(made), DriftReading) == made


def test_the_level_of_a_look_adds_up_to_one_alarm_per_mean_time():
    plan = Looking(
        interval=timedelta(hours=1), mean_time_between_false_alarms=timedelta(days=365), streams=4
    )
    looks_a_year = 365 * 24 * 4
    assert plan.alpha * looks_a_year == pytest.approx(1)
    assert plan.sentence == (
        "one look per 1 h at level 2.9e-05, so that 4 streams together alarm falsely at most once "
        "in 365 days on average"
    )


def test_seldomer_looks_and_fewer_streams_need_less_evidence():
    hourly = Looking(streams=100)
    daily = Looking(interval=timedelta(days=1))
    assert hourly.alpha < Looking().alpha < daily.alpha
    strict, loose = (reading(1000, looking=p).features[0].bound for p in (hourly, daily))
    assert strict.high - strict.low > loose.high - loose.low


@pytest.mark.parametrize(
    "fields",
    [{"interval": timedelta(0)}, {"interval": timedelta(days=400)}, {"streams": 0}],
)
def test_an_impossible_plan_of_looking_is_refused(fields):
    with pytest.raises(ValueError):
        Looking(**fields)


def test_a_month_of_hourly_looks_at_a_tolerated_difference_raises_no_alarm():
    alarms = sum(
        reading(400, shift=2.5, looking=Looking()).outcome is Outcome.FAIL for _ in range(150)
    )
    assert alarms == 0
