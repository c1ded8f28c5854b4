from datetime import UTC, datetime, timedelta

import pytest

from seawall.kernel import BadInput, Digest, from_json, to_json
from seawall.monitoring.baseline import Baseline
from seawall.monitoring.maturity import Cohort, maturity_curve, settled_age

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAY = timedelta(days=1)
EDGES = [DAY, 3 * DAY, 10 * DAY]


def cohort(age_days, arrived, decisions=1000):
    return Cohort(NOW - age_days * DAY, decisions, tuple(arrived))


def test_a_cohort_too_young_for_an_age_is_left_out_there():
    old, young = cohort(20, (500, 300, 100)), cohort(2, (500, 0, 0))
    curve = maturity_curve([old, young], EDGES, NOW)
    assert [(p.age, p.decisions, p.share.value) for p in curve] == [
        (DAY, 2000, 0.5),
        (3 * DAY, 1000, 0.8),
        (10 * DAY, 1000, 0.9),
    ]


def test_the_curve_never_falls_for_one_cohort():
    curve = maturity_curve([cohort(30, (10, 0, 5))], EDGES, NOW)
    shares = [p.share.value for p in curve]
    assert shares == sorted(shares)


def test_ages_that_nothing_has_reached_have_no_point():
    assert len(maturity_curve([cohort(1, (5, 0, 0))], EDGES, NOW)) == 1
    assert maturity_curve([], EDGES, NOW) == ()


def test_the_settled_age_is_decided_on_the_lower_bound():
    curve = maturity_curve([cohort(30, (500, 420, 60))], EDGES, NOW)
    assert settled_age(curve, 0.9) == 10 * DAY
    assert settled_age(curve, 0.4) == DAY
    assert settled_age(curve, 0.99) is None


def test_more_labels_than_decisions_and_unordered_ages_are_refused():
    with pytest.raises(ValueError, match="one label per decision"):
        cohort(1, (600, 600, 0))
    with pytest.raises(BadInput, match="increase"):
        maturity_curve([cohort(1, (1, 1, 1))], [DAY, DAY, 2 * DAY], NOW)
    with pytest.raises(BadInput, match="count arrivals"):
        maturity_curve([cohort(1, (1,))], EDGES, NOW)


def test_a_baseline_survives_the_wire_and_is_never_empty():
    base = Baseline(version="income@1", summary=Digest.of(b"x"), rows=10)
    assert from_json(to_json(base), Baseline) == base
    with pytest.raises(ValueError, match="at least one row"):
        Baseline(version="income@1", summary=Digest.of(b"x"), rows=0)
