"""Outcomes, actions, overrides and events told to a gateway: one or many, late, twice, wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, START, Control, bundle

from seawall.adapters.decisions import fairness_rows, find, recent, ship, story
from seawall.adapters.decisions.schema import ACTIONS, EVENTS, OUTCOMES, OVERRIDES
from seawall.gateway.telling import KINDS

LATE = (START + timedelta(days=400)).isoformat()
TOLD: dict[str, dict[str, Any]] = {
    OUTCOMES: {"label": "repaid"},
    ACTIONS: {"action": "declined", "by": "desk 4", "reason": "policy 7"},
    OVERRIDES: {"output": {"label": 0}, "reviewer": "dana", "reason": "income was misread"},
    EVENTS: {"name": "complaint", "value": 2.5, "id": "c-7"},
}
UNKNOWN = "0198c0de-0000-7000-8000-000000000000"


def said(served: Any, id_: str) -> list[tuple[str, Any]]:
    """What the log of this gateway says was told of a decision."""
    settings_ = served.gateway.settings
    return story(settings_.table_root, id_, wal_folders=[settings_.log_folder])


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_told_is_kept_whatever_its_kind_one_or_many_early_or_late(
    control: Control, serve: Serve, kind: str
):
    control.issue(bundle())
    served = serve()
    ids = [row["decision_id"] for row in served.score(GOOD, GOOD, GOOD)]
    one = {"decision_id": ids[0], **TOLD[kind]}
    many = [{"decision_id": i, **TOLD[kind], "time": LATE} for i in (*ids[1:], UNKNOWN)]
    for body, count in ((one, 1), (many, 3), ([], 0)):
        answer = served.http.post(f"/{kind}", json=body)
        assert answer.json() == {"received": count, "rejected": []}
    for id_ in (*ids, UNKNOWN):
        ((found, told),) = said(served, id_)
        assert found == kind
        assert all(getattr(told, name) == value for name, value in TOLD[kind].items())
    assert said(served, ids[1])[0][1].time.isoformat() == LATE


@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize("timed", [True, False])
def test_the_same_told_again_changes_nothing(
    control: Control, serve: Serve, clock: Any, kind: str, timed: bool
):
    control.issue(bundle())
    served = serve()
    body = {"decision_id": served.score(GOOD)[0]["decision_id"], **TOLD[kind]}
    body |= {"time": START.isoformat()} if timed else {}
    for _ in range(3):
        assert served.http.post(f"/{kind}", json=[body, body]).json()["received"] == 2
        clock.advance(timedelta(minutes=1))
    assert len(said(served, body["decision_id"])) == 1


def test_a_correction_stands_and_what_it_corrected_is_still_known(
    control: Control, serve: Serve, clock: Any
):
    control.issue(bundle())
    served = serve()
    id_ = served.score(GOOD)[0]["decision_id"]
    for label in (1, 0, 1):
        served.http.post("/outcomes", json={"decision_id": id_, "label": label})
        clock.advance(timedelta(minutes=1))
    assert [told.label for _, told in said(served, id_)] == [1, 0, 1]


@pytest.mark.parametrize("kind", TOLD)
def test_each_wrong_one_is_named_and_the_others_are_kept(control: Control, serve: Serve, kind: str):
    control.issue(bundle())
    served = serve()
    id_ = served.score(GOOD)[0]["decision_id"]
    right = {"decision_id": id_, **TOLD[kind]}
    wrong = [
        {**right, "decision_id": "42"},
        TOLD[kind],
        {**right, "more": 1},
        {**right, "time": "yesterday"},
        {"decision_id": id_},
    ]
    answer = served.http.post(f"/{kind}", json=[*wrong, right]).json()
    assert answer["received"] == 1
    assert [r["decision_id"] for r in answer["rejected"]] == ["42", "", id_, id_, id_]
    words = ("not a Seawall id", "missing required field", "unknown field", "RFC3339", "missing")
    for rejected, word in zip(answer["rejected"], words, strict=True):
        assert word in rejected["why"]
        assert "\n" not in rejected["why"]
    assert len(said(served, id_)) == 1


def test_a_body_that_is_no_object_or_list_of_them_is_refused(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    for body in (b"", b"1", b"[1]", b'"x"', b"[" * 5_000, b"{]"):
        for kind in KINDS:
            headers = {"content-type": "application/json"}
            assert served.http.post(f"/{kind}", content=body, headers=headers).status_code == 400


rows = st.fixed_dictionaries(
    {},
    optional={
        "decision_id": st.just(UNKNOWN) | st.text(max_size=4) | st.integers(),
        **{
            name: st.just(value) | st.none() | st.text(max_size=3) | st.floats() | st.integers()
            for one in TOLD.values()
            for name, value in one.items()
        },
        "time": st.just(LATE) | st.text(max_size=3) | st.integers(),
    },
)


def fuzz(served: Any, examples: int) -> None:
    @given(st.sampled_from(KINDS), rows | st.lists(rows, max_size=3) | st.integers())
    @settings(max_examples=examples, deadline=None, database=None)
    def check(kind: str, body: Any) -> None:
        headers = {"content-type": "application/json"}
        answer = served.http.post(f"/{kind}", content=json.dumps(body), headers=headers)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200 and isinstance(body, list):
            report = answer.json()
            assert report["received"] + len(report["rejected"]) == len(body)

    check()


def test_nothing_that_is_told_ends_in_an_error_of_ours(control: Control, serve: Serve):
    control.issue(bundle())
    fuzz(serve(), 150)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_ten_thousand_bodies_of_what_is_told_end_in_no_error_of_ours(
    control: Control, serve: Serve
):
    control.issue(bundle())
    fuzz(serve(), 10_000)


@pytest.mark.parametrize("rule", ["drop", "token", "digest"])
@pytest.mark.parametrize("form", ["plain", "rows", "columns"])
def test_a_protected_field_that_is_hidden_is_in_no_record_and_in_an_audit(
    control: Control, serve: Serve, clock: Any, rule: Any, form: str
):
    control.issue(bundle(privacy={"sex": rule}))
    served = serve()
    row = GOOD | {"sex": "nonbinary"}
    if form == "columns":
        body = {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}}
    else:
        body = {"dataframe_records": [row]} if form == "plain" else {"instances": [row]}
    answer = served.http.post("/invocations", json=body).json()
    (id_,) = [p["decision_id"] for p in answer["predictions"]]
    settings_ = served.gateway.settings
    root, folder = settings_.table_root, settings_.log_folder
    (waiting,) = recent(root, [folder], None, 9)
    assert "nonbinary" not in repr(waiting)
    served.gateway.log.seal()
    ship(folder, root, clock=clock)
    assert find(root, id_) == waiting
    span = {"since": START - timedelta(days=1), "until": START + timedelta(days=1)}
    (found,) = fairness_rows(root, "m", limit=9, **span)
    assert (found["id"], found["sex"]) == (id_, "nonbinary")
