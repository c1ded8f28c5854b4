from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import Serve
from tests.gateway.control import ADMIN, GOOD, Control, bundle, model

from seawall.adapters.decisions.query import find
from seawall.serving.fallback import Fallback
from seawall.serving.limit import Limits

ROWS = [GOOD, GOOD | {"age": 71, "grade": "high"}]
INPUTS = np.array([[40, 38.5, 1], [71, 38.5, 2]], dtype=np.float32)


def test_every_shape_of_an_mlflow_request_gets_scikit_learns_scores(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    expected = model().predict_proba(INPUTS)[:, 1]
    names = list(GOOD)
    values = [list(r.values()) for r in ROWS]
    for body in (
        {"dataframe_records": ROWS},
        {"dataframe_split": {"columns": names, "data": values}},
        {"instances": ROWS},
        {"instances": values},
        {"inputs": {n: [r[n] for r in ROWS] for n in names}},
    ):
        for path in ("/invocations", "/endpoints/m/invocations"):
            answer = served.http.post(path, json=body)
            assert answer.status_code == 200, answer.text
            found = answer.json()["predictions"]
            np.testing.assert_allclose([p["score"] for p in found], expected, atol=1e-5)
            assert [p["label"] for p in found] == (expected >= 0.5).astype(int).tolist()
            assert len({p["decision_id"] for p in found}) == 2


def tensors(**columns: tuple[str, list[Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": kind, "shape": [len(data)], "data": data}
        for name, (kind, data) in columns.items()
    ]


def test_open_inference_tensors_get_scikit_learns_scores(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    inputs = tensors(
        age=("INT64", [40, 71]), hours=("FP64", [38.5, 38.5]), grade=("BYTES", ["mid", "high"])
    )
    answer = served.http.post("/v2/models/m/infer", json={"id": "7", "inputs": inputs})
    assert answer.status_code == 200, answer.text
    content = answer.json()
    outputs = {o["name"]: o for o in content["outputs"]}
    expected = model().predict_proba(INPUTS)[:, 1]
    np.testing.assert_allclose(outputs["score"]["data"], expected, atol=1e-5)
    assert (content["id"], content["model_name"], content["model_version"]) == ("7", "m", "m@1")
    assert all(o["shape"] == [2] for o in outputs.values())


def test_binary_tensors_are_read(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    texts = b"".join(len(t).to_bytes(4, "little") + t for t in (b"mid", b"high"))
    parts = {
        "age": ("INT32", np.array([40, 71], "<i4").tobytes()),
        "hours": ("FP32", np.array([38.5, 38.5], "<f4").tobytes()),
        "grade": ("BYTES", texts),
    }
    inputs = [
        {
            "name": n,
            "datatype": d,
            "shape": [2, 1],
            "parameters": {"binary_data_size": len(raw)},
        }
        for n, (d, raw) in parts.items()
    ]
    head = json.dumps({"inputs": inputs}).encode()
    answer = served.http.post(
        "/v2/models/m/infer",
        content=head + b"".join(raw for _, raw in parts.values()),
        headers={
            "inference-header-content-length": str(len(head)),
            "content-type": "application/octet-stream",
        },
    )
    assert answer.status_code == 200, answer.text
    scores = next(o["data"] for o in answer.json()["outputs"] if o["name"] == "score")
    np.testing.assert_allclose(scores, model().predict_proba(INPUTS)[:, 1], atol=1e-5)


def test_headers_name_the_decision_and_it_is_in_the_log(control: Control, serve: Serve):
    control.issue(bundle(privacy={"sex": "drop", "age": "token"}))
    served = serve()
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = served.http.post(
        "/invocations",
        json={
            "dataframe_records": [GOOD | {"sex": "f", "person": "p1"}],
            "params": {"subject": "s1", "purpose": "credit"},
        },
        headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01", "seawall-caller": "shop"},
    )
    headers = {k: v for k, v in answer.headers.items() if k.startswith("seawall")}
    decision_id = answer.json()["predictions"][0]["decision_id"]
    assert headers == {
        "seawall-decision-id": decision_id,
        "seawall-model-version": "m@1",
        "seawall-arm": "champion",
        "seawall-verdict": "pass",
    }
    folder = served.gateway.settings.log_folder
    record = find(served.gateway.settings.table_root, decision_id, wal_folders=[folder])
    assert record is not None
    assert (record.caller, record.subject, record.purpose) == ("shop", "s1", "credit")
    assert (record.model, record.arm, record.trace_id) == ("m@1", "champion", trace)
    assert record.input.keys() == {"age", "hours", "grade"}
    assert str(record.input["age"]).startswith("token:")
    assert record.unit is not None
    assert "p1" not in record.unit
    assert record.output["score"] == answer.json()["predictions"][0]["score"]
    assert record.bundle_digest == str(bundle(privacy={"sex": "drop", "age": "token"}).digest)


def test_an_invalid_field_is_named_with_what_to_do(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    renamed = {"age_years": 40, "hours": 38.5, "grade": "top"}
    answer = served.http.post("/invocations", json={"dataframe_records": [renamed]})
    assert answer.status_code == 400
    content = answer.json()
    assert content["fields"]["age"]["problem"] == "missing"
    assert "age_years looks like it" in content["fields"]["age"]["remedy"]
    assert content["fields"]["grade"] == {
        "problem": "new_category",
        "count": 1,
        "remedy": "send one of low, mid, high",
    }
    assert "\n" not in content["error"]


def test_an_invalid_row_is_answered_by_the_fallback_where_the_bundle_says_so(
    control: Control, serve: Serve
):
    fallback = Fallback(label=0, reason="a person decides")
    control.issue(bundle(on_invalid="fallback", fallback=fallback))
    (answer,) = serve().score(GOOD | {"age": None})
    assert (answer["verdict"], answer["label"], answer["score"]) == ("fallback", 0, None)
    assert answer["reason"] == "the input is not valid: age missing; a person decides"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *GOOD,
                    *("person", "sex", "inputs", "instances", "params", "parameters", "subject"),
                    *("dataframe_records", "dataframe_split", "columns", "data", "index"),
                    *("name", "shape", "datatype", "binary_data_size", "id", "decision_id"),
                    *("label", "time"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
shaped: st.SearchStrategy[Any] = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"dataframe_records": st.lists(json_values, max_size=3)}, optional={"params": json_values}
    ),
    st.fixed_dictionaries(
        {
            "dataframe_records": st.lists(
                st.fixed_dictionaries({n: json_values | st.just(v) for n, v in GOOD.items()}),
                min_size=1,
                max_size=3,
            )
        },
        optional={"params": json_values},
    ),
    st.fixed_dictionaries(
        {
            "inputs": st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.sampled_from([*GOOD, "x"]),
                        "datatype": st.sampled_from(["INT64", "FP32", "BYTES", "WORD"]),
                        "shape": st.lists(st.integers(-2, 3), max_size=3),
                    },
                    optional={"data": json_values, "parameters": json_values},
                ),
                max_size=4,
            )
        }
    ),
)
PATHS = ["/invocations", "/v2/models/m/infer", "/outcomes"]


@pytest.mark.parametrize("on_invalid", ["reject", "fallback"])
def test_no_json_body_ever_ends_in_an_error_of_ours(
    control: Control, serve: Serve, on_invalid: str
):
    fallback = Fallback(label=0, reason="a person decides")
    control.issue(bundle(on_invalid=on_invalid, fallback=fallback))
    served = serve()

    @given(st.sampled_from(PATHS), shaped)
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def check(path: str, body: Any) -> None:
        answer = served.http.post(path, content=json.dumps(body).encode())
        assert answer.status_code in (200, 400), (answer.status_code, answer.text)
        if answer.status_code == 400:
            assert "\n" not in answer.json()["error"]

    check()
    served.worker.flush()


def test_no_bytes_ever_end_in_an_error_of_ours(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()

    @given(
        st.sampled_from(PATHS),
        st.binary(max_size=80),
        st.none() | st.integers(-5, 100).map(str) | st.sampled_from(["x", "²", ""]),
    )
    @settings(max_examples=150, deadline=None)
    def check(path: str, body: bytes, length: str | None) -> None:
        headers = {"content-type": "application/json"}
        if length is not None:
            headers["inference-header-content-length"] = length
        sent = {k.encode(): v.encode("latin-1") for k, v in headers.items()}
        answer = served.http.post(path, content=body, headers=sent)
        assert answer.status_code == 400
        assert "\n" not in answer.json()["error"]

    check()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"instances": ' + b"[" * 20_000, "nested too deeply"),
        (b'{"dataframe_records": []}', "no row"),
        (b'{"dataframe_records": [], "instances": []}', "exactly one"),
        (b'{"instances": [[1, 2]]}', "3 values"),
        (b'{"instances": [[1, 2, "mid"], {}]}', "neither"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', "twice"),
        (b'{"inputs": {"age": [1], "hours": [1, 2]}}', "different lengths"),
    ],
)
def test_a_malformed_body_is_told_what_is_wrong(
    control: Control, serve: Serve, body: bytes, message: str
):
    control.issue(bundle())
    answer = serve().http.post("/invocations", content=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/ping", 200),
        ("GET", "/v2", 200),
        ("GET", "/v2/health/live", 200),
        ("GET", "/v2/health/ready", 200),
        ("GET", "/v2/models/m", 200),
        ("GET", "/v2/models/m/ready", 200),
        ("GET", "/v2/models/m/versions/m@1", 200),
        ("GET", "/v2/models/m/versions/m@1/ready", 200),
        ("GET", "/v2/models/m/versions/m@9", 404),
        ("GET", "/v2/models/n", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/invocations", 405),
        ("POST", "/endpoints/n/invocations", 404),
        ("POST", "/v2/models/m/versions/m@1/infer", 400),
        ("POST", "/v2/models/m/versions/m@2/infer", 404),
    ],
)
def test_every_address_has_its_status(
    control: Control, serve: Serve, method: str, path: str, status: int
):
    control.issue(bundle())
    answer = serve().http.request(method, path)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert "\n" not in answer.json()["error"]


def test_other_media_types_and_charsets_are_refused(control: Control, serve: Serve):
    control.issue(bundle())
    http = serve().http
    for kind in ("text/plain", "application/json; charset=latin-1"):
        assert (
            http.post("/invocations", content=b"{}", headers={"content-type": kind}).status_code
            == 415
        )


def test_a_body_that_is_too_large_is_refused(control: Control, serve: Serve):
    control.issue(bundle())
    answer = serve(max_body_bytes=1_000).http.post("/invocations", content=b" " * 5_000)
    assert answer.status_code == 413


def test_too_many_rows_are_refused(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(rows=2)))
    answer = serve().http.post("/invocations", json={"dataframe_records": [GOOD] * 3})
    assert (answer.status_code, "at most 2" in answer.json()["error"]) == (400, True)


def test_above_the_rate_callers_are_told_when_to_come_back(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(requests_per_second=0.01, burst=2)))
    served = serve()
    answers = [served.http.post("/invocations", json={"instances": [GOOD]}) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert 90 <= int(answers[2].headers["retry-after"]) <= 100
    served.worker.flush()
    assert control.body("counters").refused == 1


def test_above_the_concurrency_callers_are_turned_away(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(concurrency=1)))
    served = serve()
    served.gateway.holder.live["m"].admission.enter("", 0.0, 0.0)  # as one under way would
    answer = served.http.post("/invocations", json={"instances": [GOOD]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_metrics_are_what_prometheus_reads(control: Control, serve: Serve):
    from prometheus_client.parser import text_string_to_metric_families

    control.issue(bundle())
    served = serve()
    served.score(GOOD, GOOD)
    served.http.post("/invocations", json={"instances": [GOOD | {"age": -1}]})
    served.worker.flush()
    text = served.http.get("/metrics").text
    samples = {
        (s.name, s.labels.get("arm"), s.labels.get("le")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert samples["seawall_decisions_total", "champion", None] == 2
    assert samples["seawall_rejected_total", "champion", None] == 1
    assert samples["seawall_invalid_total", "champion", None] == 1
    assert samples["seawall_latency_seconds_bucket", "champion", "+Inf"] == 2
    assert samples["seawall_bundle_number", None, None] == 1
    assert samples["seawall_control_plane_up", None, None] == 1


def test_the_kill_switch_answers_to_the_admin_token_alone(control: Control, serve: Serve):
    control.issue(bundle())
    http = serve().http
    path = "/admin/endpoints/m/kill"
    assert http.post(path).status_code == 401
    assert http.post(path, headers={"authorization": "Bearer x"}).status_code == 401
    right = {"authorization": f"Bearer {ADMIN}"}
    assert http.post(path, headers=right).json() == {"endpoint": "m", "killed": True}
    assert http.post("/invocations", json={"instances": [GOOD]}).status_code == 503
    assert http.post("/admin/endpoints/m/unkill", headers=right).status_code == 200
    assert http.post("/invocations", json={"instances": [GOOD]}).status_code == 200


def test_without_an_admin_token_the_kill_switch_is_shut(control: Control, serve: Serve):
    control.issue(bundle())
    answer = serve(admin_token="").http.post("/admin/endpoints/m/kill")
    assert answer.status_code == 403
