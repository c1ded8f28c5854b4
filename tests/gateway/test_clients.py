from __future__ import annotations

import contextlib
import json
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import FIELDS, GOOD, Control, bundle, model
from tritonclient.utils import InferenceServerException

from seawall.gateway.protocol import call_of
from seawall.gateway.request import Ask, outputs_of, parse_csv, parse_records
from seawall.gateway.request import parse_infer as read_infer
from seawall.kernel import BadInput
from seawall.serving.fallback import Fallback
from seawall.serving.output import Output
from seawall.serving.signature import Field, Signature

ROWS = [GOOD, GOOD | {"age": 71, "grade": "high"}]
EXPECTED = model().predict_proba(np.array([[40, 38.5, 1], [71, 38.5, 2]], np.float32))[:, 1]
FUZZED = 300
OUTPUTS = outputs_of(Output())


def parse_infer(body: bytes, header_length: str | None, fields: tuple[str, ...]) -> Ask:
    return read_infer(body, header_length, fields, OUTPUTS)


@pytest.fixture
def served(control: Control, serve: Serve) -> Served:
    control.issue(bundle(fallback=Fallback(label=0, reason="a person decides")))
    return serve()


@pytest.fixture
def client(served: Served) -> Iterator[triton.InferenceServerClient]:
    found = triton.InferenceServerClient(str(served.http.base_url).removeprefix("http://"))
    yield found
    found.close()


def inputs(*, binary: bool = True, hours: str = "FP64") -> list[triton.InferInput]:
    kinds = {"FP64": np.float64, "FP32": np.float32, "FP16": np.float16}
    columns = {
        "age": ("INT64", np.array([40, 71], np.int64)),
        "hours": (hours, np.array([38.5, 38.5], kinds[hours])),
        "grade": ("BYTES", np.array([b"mid", b"high"], np.object_)),
    }
    made: list[triton.InferInput] = []
    for name, (kind, values) in columns.items():
        made.append(triton.InferInput(name, list(values.shape), kind))
        made[-1].set_data_from_numpy(values, binary_data=binary)
    return made


@pytest.mark.parametrize("hours", ["FP64", "FP32", "FP16"])
def test_tritons_client_gets_scikit_learns_scores_with_its_defaults(
    client: triton.InferenceServerClient, hours: str
) -> None:
    answer = client.infer("m", inputs(hours=hours))
    np.testing.assert_allclose(answer.as_numpy("score"), EXPECTED, atol=1e-5)
    assert answer.as_numpy("label").tolist() == (EXPECTED >= 0.5).astype(int).tolist()
    assert answer.as_numpy("verdict").tolist() == [b"pass", b"pass"]
    assert len(set(answer.as_numpy("decision_id").tolist())) == 2
    assert {o["name"] for o in answer.get_response()["outputs"]} == OUTPUTS.keys()
    assert all("binary_data_size" in o["parameters"] for o in answer.get_response()["outputs"])


def test_tritons_client_gets_the_outputs_it_asks_for_in_the_form_it_asks_for(
    client: triton.InferenceServerClient,
) -> None:
    wanted = [
        triton.InferRequestedOutput("label", binary_data=False),
        triton.InferRequestedOutput("score", binary_data=True),
    ]
    answer = client.infer("m", inputs(binary=False), outputs=wanted, request_id="r7")
    told = answer.get_response()
    assert [o["name"] for o in told["outputs"]] == ["label", "score"]
    assert ("data" in told["outputs"][0], "data" in told["outputs"][1]) == (True, False)
    assert (told["id"], told["model_name"], told["model_version"]) == ("r7", "m", "m@1")
    np.testing.assert_allclose(answer.as_numpy("score"), EXPECTED, atol=1e-5)


def test_tritons_client_sees_what_there_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("m")
    assert client.is_model_ready("m", "m@1")
    assert not client.is_model_ready("n")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    told = client.get_model_metadata("m")
    assert [i["name"] for i in told["inputs"]] == list(FIELDS)
    assert {o["name"]: o["datatype"] for o in told["outputs"]} == OUTPUTS
    assert client.infer("m", inputs(), model_version="m@1").as_numpy("score").shape == (2,)


def test_tritons_client_is_told_what_is_wrong(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="did you mean 'score'") as error:
        client.infer("m", inputs(), outputs=[triton.InferRequestedOutput("scores")])
    assert error.value.status() == "400"
    with pytest.raises(InferenceServerException, match="grade missing"):
        client.infer("m", inputs()[:2])


def test_a_boolean_field_is_read_from_json_and_from_binary() -> None:
    wire = triton.InferInput("member", [3], "BOOL")
    for binary in (True, False):
        wire.set_data_from_numpy(np.array([True, False, True]), binary_data=binary)
        body, length = triton.InferenceServerClient.generate_request_body([wire])
        said = None if length is None else str(length)
        found = parse_infer(body, said, ("member",)).column("member")
        assert list(found or ()) == [True, False, True]


def test_mlflows_own_client_gets_scikit_learns_scores(served: Served) -> None:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what mlflow says of itself while it is imported
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    url = str(served.http.base_url)
    client = ScoringServerClient(url.split(":")[1].removeprefix("//"), int(url.split(":")[2]))
    client.wait_server_ready(timeout=10)
    frame = client.invoke(pd.DataFrame(ROWS)).get_predictions()
    np.testing.assert_allclose(frame["score"], EXPECTED, atol=1e-5)
    assert client.get_version()


def test_csv_is_read_by_the_signatures_types(served: Served) -> None:
    text = 'grade,age,hours\n"mid",40,38.5\nhigh,71,38.5\n'
    for path in ("/invocations", "/endpoints/m/invocations"):
        for kind in ("text/csv", "text/csv; charset=UTF-8"):
            answer = served.http.post(path, content=text, headers={"content-type": kind})
            assert answer.status_code == 200, answer.text
            found = [p["score"] for p in answer.json()["predictions"]]
            np.testing.assert_allclose(found, EXPECTED, atol=1e-5)
    wrong = served.http.post(
        "/invocations", content="grade,age\nmid,old\n", headers={"content-type": "text/csv"}
    )
    assert wrong.status_code == 400
    assert wrong.json()["fields"]["age"]["problem"] == "wrong_type"
    for kind in ("text/csv; charset=latin-1", "text/tab", "application/json; charset=utf-16"):
        answer = served.http.post("/invocations", content=text, headers={"content-type": kind})
        assert answer.status_code == 415


def test_cells_of_csv_keep_what_they_are() -> None:
    signature = Signature(
        (
            Field(name="code", kind="category", categories=("01", "2")),
            Field(name="level", kind="category", categories=(1, 2)),
            Field(name="member", kind="boolean"),
            Field(name="x", kind="number", nullable=True),
        )
    )
    body = b'\xef\xbb\xbfcode,level,member,x\n01,2,TRUE,\n"2",1,false,-1e3\n\n'
    found = parse_csv(body, signature)
    assert found.columns == {
        "code": ["01", "2"], "level": [2, 1], "member": [True, False], "x": [None, -1000.0],
    }  # fmt: skip
    for wrong in (b"", b"\n", b"a,b\n1\n", b"a,a\n1,2\n", b"a\n\xff\n", b'a\n"1\n', b"a,b\n"):
        with pytest.raises(BadInput):
            parse_csv(wrong, signature)


def test_plain_records_are_answered_one_for_one(served: Served) -> None:
    one = served.http.post("/endpoints/m/decide", json=ROWS[0])
    assert one.status_code == 200, one.text
    assert one.json()["score"] == pytest.approx(EXPECTED[0], abs=1e-5)
    assert one.json()["decision_id"] == one.headers["seawall-decision-id"]
    many = served.http.post("/endpoints/m/decide", json=ROWS).json()
    np.testing.assert_allclose([a["score"] for a in many], EXPECTED, atol=1e-5)
    assert served.http.post("/endpoints/m/decide", json=[ROWS[0]]).json()[0]["label"] in (0, 1)
    for wrong in ([], [1], 7, "x", None, [[1, 2, 3]]):
        assert served.http.post("/endpoints/m/decide", json=wrong).status_code == 400
    assert parse_records(b"{}").single


def test_what_belongs_to_no_tensor_and_what_is_no_form_is_refused() -> None:
    head: dict[str, Any] = {"inputs": [{"name": "a", "datatype": "INT8", "shape": [1]}]}
    tensor = head["inputs"][0]
    for change, told in (
        ({"shape": []}, "no shape"),
        ({"shape": [2], "data": [1]}, "shape does not fit"),
        ({"shape": [-1], "data": []}, "shape does not fit"),
        ({"shape": [1, 1, 1], "data": [1]}, "shape does not fit"),
        ({"data": 1}, "no list"),
        ({"datatype": "WORD", "data": [1]}, "no datatype"),
    ):
        body = json.dumps({"inputs": [tensor | change]}).encode()
        with pytest.raises(BadInput, match=told):
            parse_infer(body, None, ("a",))
    tensor["parameters"] = {"binary_data_size": 1}
    body = json.dumps(head).encode()
    assert parse_infer(body + b"\x07", str(len(body)), ("a",)).rows == 1
    with pytest.raises(BadInput, match="1 bytes of the body belong to no tensor"):
        parse_infer(body + b"\x07\x08", str(len(body)), ("a",))
    for form in (1, "yes", None):
        head["parameters"] = {"binary_data_output": form}
        body = json.dumps(head).encode()
        with pytest.raises(BadInput, match="not true or false"):
            parse_infer(body + b"\x07", str(len(body)), ("a",))


KINDS = [
    *["BOOL", "INT8", "UINT8", "INT16", "INT64", "UINT64", "FP16", "FP32", "FP64", "BYTES"],
    "WORD",
]
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*FIELDS, "input", "é" * 90]),
        "datatype": st.sampled_from(KINDS),
        "shape": st.lists(st.integers(-1, 4) | st.just(2**62), max_size=3),
    },
    optional={
        "parameters": st.fixed_dictionaries(
            {}, optional={"binary_data_size": st.integers(-2, 40) | st.none() | st.text(max_size=2)}
        ),
        "data": st.recursive(
            st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.booleans(),
            lambda inner: st.lists(inner, max_size=4),
            max_leaves=10,
        ),
    },
)
heads = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=4)},
    optional={
        "id": st.text(max_size=4) | st.integers(),
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_output", "subject", "caller", "person"]),
            st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=3),
        ),
        "outputs": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from([*OUTPUTS, "x"])},
                optional={
                    "parameters": st.dictionaries(
                        st.just("binary_data"), st.booleans() | st.integers()
                    )
                },
            ),
            max_size=3,
        ),
    },
)
texts = st.lists(st.binary(max_size=5).map(lambda t: struct.pack("<I", len(t)) + t), max_size=4)
tails = st.binary(max_size=40) | texts.map(b"".join)
cells = st.sampled_from(["age", "hours", "grade", "40", "mid", '"', ",", "\n", "\r", "\0", "é"])


def bodies(protocol: str) -> st.SearchStrategy[tuple[bytes, dict[str, str]]]:
    if protocol == "infer":
        return st.tuples(heads, tails, st.integers(-2, 2)).map(_tensor_body)
    if protocol == "csv":
        kind = {"content-type": "text/csv"}
        made = st.lists(cells, max_size=30).map(lambda c: "".join(c).encode())
        good = st.just(b"age,hours,grade\n40,38.5,mid\n")
        return (made | good | st.binary(max_size=60)).map(lambda b: (b, kind))
    row = st.fixed_dictionaries(
        {n: st.just(v) | st.none() | st.floats() | st.text(max_size=3) for n, v in GOOD.items()}
    )
    grown = row | st.dictionaries(st.sampled_from([*FIELDS, "person", "x"]), st.integers())
    made = st.just(GOOD) | grown | st.lists(grown, max_size=3) | st.integers()
    if protocol == "invocations":
        names = ["dataframe_records", "dataframe_split", "instances", "inputs"]
        made = st.dictionaries(st.sampled_from(names), made | st.just(ROWS), max_size=2)
    return made.map(lambda b: (json.dumps(b).encode(), {"content-type": "application/json"}))


def _tensor_body(parts: tuple[Any, bytes, int]) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(parts[0]).encode()
    length = str(max(0, len(head) + parts[2]))
    kind = "application/octet-stream"
    return head + parts[1], {"inference-header-content-length": length, "content-type": kind}


WHERE = {
    "infer": "/v2/models/m/infer",
    "csv": "/invocations",
    "invocations": "/invocations",
    "decide": "/endpoints/m/decide",
}


def fuzz(served: Served, protocol: str, examples: int) -> None:
    seen: dict[int, int] = {}

    @given(bodies(protocol))
    @settings(max_examples=examples, deadline=None, database=None)
    def check(given: tuple[bytes, dict[str, str]]) -> None:
        body, headers = given
        answer = served.http.post(WHERE[protocol], content=body, headers=headers)
        assert answer.status_code in (200, 400, 415), answer.text
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        if answer.status_code != 200:
            assert "\n" not in answer.json()["error"]

    check()
    served.worker.flush()
    assert {400} <= seen.keys() <= {200, 400}
    assert 200 in seen or protocol == "infer"


@pytest.mark.parametrize("protocol", WHERE)
def test_no_body_ends_in_an_error_of_ours(served: Served, protocol: str) -> None:
    fuzz(served, protocol, FUZZED // 4)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("protocol", WHERE)
def test_ten_thousand_bodies_end_in_no_error_of_ours(served: Served, protocol: str) -> None:
    fuzz(served, protocol, 10_000)


def fuzz_tensors(examples: int) -> None:
    @given(st.one_of(bodies("infer"), st.tuples(st.binary(max_size=90), st.just({}))))
    @settings(max_examples=examples, deadline=None, database=None)
    def check(given: tuple[bytes, dict[str, str]]) -> None:
        body, headers = given
        try:
            ask = parse_infer(body, headers.get("inference-header-content-length"), FIELDS)
        except BadInput as error:
            told = str(error)
        else:
            assert ask.rows >= 1
            assert {len(c) for c in (ask.columns or {}).values()} == {ask.rows}
            assert ask.wanted
            return
        assert "\n" not in told
        assert len(told) < 800

    check()


def test_the_tensor_parser_gives_columns_of_equal_length_or_one_error() -> None:
    fuzz_tensors(FUZZED)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_the_tensor_parser_stands_a_long_fuzzing_without_growing() -> None:
    import psutil

    fuzz_tensors(20_000)
    # hypothesis remembers what it made, so growth is looked for on the same bodies again
    head = json.dumps({"inputs": [{"name": "a", "datatype": "BYTES", "shape": [3]}]}).encode()
    made = [head[:n] + bytes([n]) * (n % 7) for n in range(len(head))] + [head]
    before = psutil.Process().memory_info().rss
    for _ in range(2_000):
        for body in made:
            with contextlib.suppress(BadInput):
                parse_infer(body, str(len(head)), FIELDS)
    assert psutil.Process().memory_info().rss - before < 20_000_000


def test_deep_and_wide_bodies_are_refused_by_every_protocol() -> None:
    deep = b'{"inputs": ' + b"[" * 200_000
    for path in (("invocations",), ("v2", "models", "m", "infer"), ("endpoints", "m", "decide")):
        call = call_of(path, {}, deep)
        assert call is not None
        with pytest.raises(BadInput, match=r"nested too deeply|not what is asked"):
            call.parse(type("Live", (), {"names": FIELDS, "outputs": OUTPUTS})())  # type: ignore[arg-type]
