"""Fields that coerce, report or fill in, and rules across fields, through a whole gateway."""

from __future__ import annotations

import msgspec
import pytest
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, SIGNATURE, Control, bundle

from seawall.serving.cross_field import CrossField
from seawall.serving.signature import Signature

RULES = (
    CrossField(
        name="rested", rule="hours <= double(age) * 2.0", message="hours at most twice the age"
    ),
    CrossField(name="adult", rule="age >= 18", mode="report"),
)


@pytest.fixture
def signature() -> Signature:
    age, hours, grade = SIGNATURE.fields
    change = msgspec.structs.replace
    return Signature(
        (
            change(age, mode="coerce"),
            change(hours, mode="report", default=38.5),
            change(grade, mode="coerce"),
        ),
        RULES,
    )


def test_what_says_a_valid_value_in_another_way_is_answered_alike_and_counted(
    control: Control, serve: Serve, signature: Signature
):
    control.issue(bundle(signature=signature))
    served = serve()
    without = {k: v for k, v in GOOD.items() if k != "hours"}
    asked = [GOOD, GOOD | {"age": "40", "grade": " MID"}, without]
    assert len({served.score(record)[0]["score"] for record in asked}) == 1
    served.worker.flush()
    counters = control.body("counters")
    assert (counters.decisions, counters.rejected) == (3, 0)
    assert counters.invalid == {"age: coerced": 1, "grade: coerced": 1, "hours: defaulted": 1}


def test_a_reporting_field_and_rule_refuse_nothing_and_are_counted(
    control: Control, serve: Serve, signature: Signature
):
    control.issue(bundle(signature=signature))
    served = serve()
    served.score(GOOD | {"hours": 101.0, "age": 60})
    served.score(GOOD | {"age": 12, "hours": 20})
    served.worker.flush()
    counters = control.body("counters")
    assert counters.rejected == 0
    assert counters.invalid == {"hours: reported_out_of_range": 1, "adult: reported_rule": 1}


def test_a_broken_rule_is_refused_with_its_message_and_nothing_that_was_accepted(
    control: Control, serve: Serve, signature: Signature
):
    control.issue(bundle(signature=signature))
    served = serve()
    wrong = [GOOD | {"age": "19", "hours": 90}]
    reply = served.http.post("/invocations", json={"dataframe_records": wrong})
    assert reply.status_code == 400
    told = reply.json()
    assert set(told["fields"]) == {"rested"}
    assert told["fields"]["rested"]["remedy"] == "hours at most twice the age"
    assert "coerced" not in reply.text
    served.worker.flush()
    counters = control.body("counters")
    assert counters.rejected == 1
    assert counters.invalid == {"rested: rule": 1, "age: coerced": 1}


def test_fields_that_callers_make_up_are_one_count(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    for i in range(20):
        served.score(GOOD | {f"made up {i}": i})
    served.worker.flush()
    assert control.body("counters").invalid == {"*: unknown": 20}
