from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from seawall.kernel import BadInput, from_json, to_json
from seawall.slo.objective import Counts, Objective, read_slo

DOCUMENT = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {
        "name": "income-answers",
        "annotations": {"seawall/runbook": "budget-burn"},
    },
    "spec": {
        "service": "income",
        "description": "answers that are no error",
        "indicatorRef": "availability",
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"target": 0.999}],
    },
}
INLINE = {
    "metadata": {"name": "fast"},
    "spec": {
        "ratioMetric": {
            "counter": True,
            "good": {
                "metricSource": {
                    "type": "seawall",
                    "spec": {"indicator": "latency", "threshold_ms": 50},
                }
            },
        }
    },
}


def changed(**spec):
    document = deepcopy(DOCUMENT)
    document["spec"].update(spec)
    document["spec"] = {k: v for k, v in document["spec"].items() if v is not None}
    return document


def test_an_openslo_document_becomes_an_objective():
    read = read_slo(DOCUMENT)
    assert read == Objective(
        name="income-answers",
        endpoint="income",
        indicator="availability",
        target=0.999,
        window=timedelta(days=30),
        description="answers that are no error",
        runbook="budget-burn",
    )
    assert from_json(to_json(read), Objective) == read
    assert read.key == "income/income-answers"


def test_a_latency_objective_carries_its_threshold():
    read = read_slo(changed(indicatorRef=None, indicator=INLINE))
    assert (read.indicator, read.threshold_ms) == ("latency", 50)


def test_a_target_may_be_written_in_percent():
    assert read_slo(changed(objectives=[{"targetPercent": 99.5}])).target == pytest.approx(0.995)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"objectives": [{"target": 1.0}]}, "must lie in"),
        ({"objectives": [{}]}, "no target"),
        ({"objectives": [{"target": 0.9}, {"target": 0.99}]}, "one objective"),
        ({"indicatorRef": "happiness"}, "happiness"),
        ({"indicatorRef": None}, "name the indicator"),
        ({"indicatorRef": "latency"}, "threshold_ms"),
        ({"timeWindow": [{"duration": "a month"}]}, "a month"),
        ({"timeWindow": [{"duration": "1h"}]}, "a day or longer"),
        ({"timeWindow": [{"duration": "30d", "isRolling": False}]}, "rolling"),
        ({"budgetingMethod": "Timeslices"}, "Timeslices"),
        ({"sevrice": "income"}, "sevrice"),
        ({"service": None}, "service"),
    ],
)
def test_what_cannot_be_read_is_named(spec, message):
    with pytest.raises(BadInput, match=message) as caught:
        read_slo(changed(**spec))
    assert caught.value.where == "income-answers"


def test_another_api_version_is_refused():
    with pytest.raises(BadInput, match="apiVersion"):
        read_slo({**DOCUMENT, "apiVersion": "openslo/v1alpha"})


def test_more_good_events_than_events_are_refused():
    with pytest.raises(ValueError, match="impossible"):
        Counts(datetime(2026, 3, 1, tzinfo=UTC), 2, 1)
