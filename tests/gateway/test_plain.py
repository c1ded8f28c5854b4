"""The plain case beside the general one: two ways to the same answers and the same records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, Control, arm, bundle

from seawall.adapters.decisions import find
from seawall.serving.decision import DecisionRecord, leaf_hash, to_bytes
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard

OWN = {"id", "time", "latency_ms", "salt"}
"""What differs between two decisions on the same input."""
rows = st.fixed_dictionaries(
    {"age": st.integers(-5, 130), "hours": st.floats(0, 100) | st.integers(0, 100) | st.none()},
    optional={
        "grade": st.sampled_from(["low", "mid", "high", "top"]),
        "person": st.text("ab1", min_size=1, max_size=3) | st.integers(0, 9),
        "sex": st.sampled_from(["f", "m"]),
        "other": st.just(1),
    },
)


@pytest.fixture
def served(control: Control, serve: Serve) -> Served:
    guards = (Guard(name="old", action="flag", score_at_least=0.9),)
    arms = (arm(weight=0.6), arm("canary", "m@2", seed=4, weight=0.4))
    fallback = Fallback(label=0, reason="a person decides")
    control.issue(
        bundle(arms=arms, guards=guards, fallback=fallback, on_invalid="fallback", privacy={})
    )
    return serve()


def record(served: Served, decision_id: str) -> DecisionRecord:
    place = served.gateway.settings
    found = find(place.table_root, decision_id, wal_folders=[place.log_folder])
    assert found is not None
    return found


def asked(served: Served, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The prediction without its id, and the record without what is its own."""
    answer = served.http.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    (said,) = answer.json()["predictions"]
    kept = msgspec.to_builtins(record(served, said.pop("decision_id")))
    return said, {name: value for name, value in kept.items() if name not in OWN}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows)
def test_a_row_is_answered_and_kept_alike_whichever_way_it_takes(
    served: Served, row: dict[str, Any]
):
    row = {"person": "p"} | row  # without a routing key each decision is a unit of its own
    plain = asked(served, {"dataframe_records": [row]})
    split = {"columns": list(row), "data": [list(row.values())]}
    assert plain == asked(served, {"dataframe_split": split})


def test_a_plain_row_takes_the_plain_way_and_what_it_keeps_can_be_proven(served: Served):
    seen: list[Any] = []
    plain = served.gateway.service.plain
    served.gateway.service.plain = lambda *given: seen.append(plain(*given)) or seen[-1]
    served.score(GOOD | {"person": "p1"})
    (said,) = seen
    kept = record(served, said.decision_id)
    assert kept.input == GOOD
    again = msgspec.msgpack.decode(to_bytes(kept), type=DecisionRecord)
    assert leaf_hash(again) == leaf_hash(kept)


def test_a_row_that_a_guard_looks_at_twice_is_counted_once(served: Served, control: Control):
    old = GOOD | {"age": 119, "hours": 99.0, "grade": "high"}
    said = [served.score(old | {"person": f"p{i}"})[0] for i in range(20)]
    flagged = sum(p["verdict"] == "flag" for p in said)
    served.worker.flush()
    bodies = [control.body("counters", *of) for of in (("champion", "m@1"), ("canary", "m@2"))]
    assert sum(body.decisions for body in bodies if body) == 20
    assert sum(body.guards.get("old: flag", 0) for body in bodies if body) == flagged > 0
