"""Spans as an OpenTelemetry collector sees them, and what happens when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.propagate import inject
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tests.gateway.collector import Collector, attributes
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, START, Control, arm, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.telemetry.otlp import INTERNAL, SpanData, SpanEvent, export_request
from seawall.gateway import tracing
from seawall.gateway.settings import GatewaySettings
from seawall.kernel import BadInput
from seawall.serving.fallback import Fallback
from seawall.serving.limit import Limits
from seawall.serving.trace import current, outgoing_headers, received

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"
TRACE = PARENT[3:35]
STEPS = ["validate", "model", "guards", "log"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


Traced = Callable[..., Served]


@pytest.fixture
def traced(serve: Serve, collector: Collector) -> Iterator[Traced]:
    """A gateway with a tracer, which sends when a test has it send."""
    made: list[Served] = []

    def start(**given: Any) -> Served:
        made.append(serve(**({"trace_endpoint": collector.url} | given)))
        return made[-1]

    yield start
    for served in made:
        tracer(served).stop()


def tracer(served: Served) -> tracing.Tracer:
    assert served.gateway.tracer is not None
    return served.gateway.tracer


def ask(served: Served, *rows: Any, status: int = 200, **headers: str) -> Any:
    body = {"instances": list(rows or [GOOD])}
    answer = served.http.post("/invocations", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def recorded(served: Served) -> list[str | None]:
    """The trace ids of the decisions logged so far."""
    return [r.trace_id for r in served.gateway.log.pending(START - timedelta(days=1))]


def test_a_traced_callers_span_has_ours_below_it_and_the_record_has_its_trace(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle())
    served = traced()
    with TracerProvider().get_tracer("shop").start_as_current_span("order") as order:
        headers: dict[str, str] = {}
        inject(headers)
        answer = ask(served, **headers)
    tracer(served).export()
    caller = order.get_span_context()
    assert [s.name for s in collector.spans] == [*STEPS, "POST invocations"]
    root = collector.spans[-1]
    assert root.kind == Span.SPAN_KIND_SERVER
    assert root.parent_span_id.hex() == f"{caller.span_id:016x}"
    for span in collector.spans:
        assert span.trace_id.hex() == f"{caller.trace_id:032x}"
        assert root.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
    assert {s.parent_span_id for s in collector.spans[:-1]} == {root.span_id}
    assert recorded(served) == [f"{caller.trace_id:032x}"]
    assert attributes(root) == {
        "http.request.method": "POST",
        "http.route": "invocations",
        "http.response.status_code": 200,
        "seawall.endpoint": "m",
        "seawall.bundle": 1,
        "seawall.rows": 1,
        "seawall.decision": answer["predictions"][0]["decision_id"],
    }
    (event,) = root.events
    assert event.name == "feature_flag.evaluation"
    assert attributes(event) == {
        "feature_flag.key": "m",
        "feature_flag.provider.name": "seawall",
        "feature_flag.result.variant": "champion",
        "feature_flag.version": "m@1",
    }
    assert attributes(collector.named("model")) == {
        "seawall.arm": "champion",
        "seawall.version": "m@1",
        "seawall.rows": 1,
    }
    assert collector.resources[0]["service.name"] == "seawall-gateway"
    assert collector.resources[0]["service.instance.id"] == served.gateway.name


def test_a_callers_decision_not_to_sample_is_followed_and_its_trace_still_recorded(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle())
    served = traced(trace_rate=1.0)
    provider = TracerProvider(sampler=ALWAYS_OFF)
    with provider.get_tracer("shop").start_as_current_span("order") as order:
        headers: dict[str, str] = {}
        inject(headers)
        ask(served, **headers)
    tracer(served).export()
    assert collector.spans == []
    assert recorded(served) == [f"{order.get_span_context().trace_id:032x}"]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_without_a_callers_trace_the_declared_share_is_sampled(
    control: Control, traced: Traced, collector: Collector, rate: float
):
    control.issue(bundle())
    served = traced(trace_rate=rate)
    for _ in range(5):
        ask(served)
    tracer(served).export()
    roots = [s for s in collector.spans if s.name == "POST invocations"]
    assert len({s.trace_id for s in roots}) == len(roots) == 5 * rate
    assert all(s.parent_span_id == b"" for s in roots)
    assert recorded(served) == [s.trace_id.hex() for s in roots] or [None] * 5


def test_a_share_between_none_and_all_is_about_that_share(collector: Collector):
    made = tracing.Tracer(collector.url, 0.25, "g", "1")
    sampled = sum(made.begin(None, 0.0) is not None for _ in range(4_000))
    assert 850 < sampled < 1_150  # beyond five standard deviations


def test_no_span_says_who_asked_what_about_whom(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle())
    served = traced()
    secret = "Qx7-personal"
    row = GOOD | {"person": secret, "sex": secret, "grade": secret, secret: secret}
    headers = {"seawall-caller": secret, "seawall-purpose": secret, "traceparent": PARENT}
    query = {"instances": [GOOD | {"person": secret}], "params": {"subject": secret}}
    served.http.post(f"/invocations?{secret}={secret}", json=query, headers=headers)
    ask(served, row, status=400, **headers)
    served.http.post(f"/v2/models/m/{secret}", json={}, headers=headers)
    served.http.post(f"/{secret}", json={}, headers=headers)
    tracer(served).export()
    assert len([s for s in collector.spans if s.kind == Span.SPAN_KIND_SERVER]) >= 2
    for body in collector.bodies:
        for piece in (secret.encode(), b"personal", b"38.5", b"hours", b"mid"):
            assert piece not in body


@pytest.mark.parametrize(
    ("given", "status", "failed"),
    [
        ({}, 400, False),
        ({"limits": Limits(requests_per_second=1e-9, burst=1)}, 429, False),
        ({"arms": (arm(),)}, 503, True),
    ],
)
def test_a_request_that_is_not_answered_is_traced_with_its_status(
    control: Control,
    traced: Traced,
    collector: Collector,
    given: dict[str, Any],
    status: int,
    failed: bool,
):
    control.issue(bundle(**given))
    served = traced()
    row = GOOD
    if status == 400:
        row = GOOD | {"hours": None}
    elif status == 429:
        ask(served)
    else:
        served.gateway.holder.live["m"].models["champion"] = Broken()  # type: ignore[index]
    ask(served, row, status=status, traceparent=PARENT)
    tracer(served).export()
    root = collector.named("POST invocations")
    assert attributes(root)["http.response.status_code"] == status
    assert (root.status.code == Status.STATUS_CODE_ERROR) == failed


class Broken:
    def scores(self, matrix: np.ndarray) -> np.ndarray:
        raise RuntimeError("no memory")


def test_a_model_that_fails_has_a_failed_span_and_the_fallback_is_named(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle(fallback=Fallback(label=0, reason="a person decides")))
    served = traced()
    served.gateway.holder.live["m"].models["champion"] = Broken()  # type: ignore[index]
    ask(served, traceparent=PARENT)
    tracer(served).export()
    assert collector.named("model").status.code == Status.STATUS_CODE_ERROR
    assert attributes(collector.named("POST invocations"))["seawall.fallback"] == "default"


@pytest.mark.parametrize(("log", "rows"), [("durable", 1), ("durable", 100), ("enqueued", 100)])
def test_every_way_to_answer_is_traced(
    control: Control, traced: Traced, collector: Collector, log: Any, rows: int
):
    control.issue(bundle(log=log))
    served = traced()
    ask(served, *[GOOD] * rows, traceparent=PARENT)
    tracer(served).export()
    assert [s.name for s in collector.spans] == [*STEPS, "POST invocations"]
    assert attributes(collector.named("model"))["seawall.rows"] == rows
    assert recorded(served) == [TRACE] * rows


class Listening:
    """A model that notes what a request to another server would send along."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        self.headers.append(outgoing_headers())
        return np.full(len(matrix), 0.5)


def test_what_a_model_asks_of_others_is_below_the_models_span(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle())
    served = traced()
    model = served.gateway.holder.live["m"].models["champion"] = Listening()  # type: ignore[index]
    for rows in (1, 100):  # on the loop, and in a thread
        ask(served, *[GOOD] * rows, traceparent=PARENT, tracestate="vendor=1")
    ask(served, traceparent=UNSAMPLED)
    ask(served)
    tracer(served).export()
    spans = [s.span_id.hex() for s in collector.spans if s.name == "model"]
    assert model.headers == [
        *({"traceparent": f"00-{TRACE}-{s}-01", "tracestate": "vendor=1"} for s in spans),
        {"traceparent": UNSAMPLED},
        {},
    ]


def test_without_a_collector_a_callers_trace_still_goes_through(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    assert served.gateway.tracer is None
    # the plain case asks no model through here; two rows do
    model = served.gateway.holder.live["m"].models["champion"] = Listening()  # type: ignore[index]
    ask(served, GOOD, GOOD, traceparent=PARENT)
    assert model.headers == [{"traceparent": PARENT}]
    assert recorded(served) == [TRACE, TRACE]
    assert "spans" not in served.http.get("/metrics").text


def counted(served: Served, name: str) -> float:
    served.worker.flush()
    lines = served.http.get("/metrics").text.splitlines()
    return sum(float(x.split()[-1]) for x in lines if x.startswith(f"seawall_{name}"))


def test_with_the_collector_away_requests_are_answered_and_what_is_too_much_is_counted(
    control: Control, traced: Traced, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tracing, "MOST_WAITING", 10)
    control.issue(bundle())
    served = traced(trace_endpoint="http://127.0.0.1:9/v1/traces")
    for _ in range(30):
        ask(served, traceparent=PARENT)
    tracer(served).export()
    assert counted(served, "span_export_failures_total") == 1
    tracer(served).export()  # too early to try again
    assert counted(served, "span_export_failures_total") == 1
    assert counted(served, "spans_dropped_total") == 20 * 5
    assert counted(served, "spans_exported_total") == 0
    assert len(recorded(served)) == 30


def test_spans_wait_for_a_collector_that_comes_back_and_not_for_one_that_refuses(
    control: Control, traced: Traced, collector: Collector
):
    control.issue(bundle())
    served = traced()
    collector.status = 503
    ask(served, traceparent=PARENT)
    made = tracer(served)
    made.export()
    assert (collector.spans, collector.asked) == ([], 1)
    collector.status = 200
    made._due = 0.0
    made.export()
    assert len(collector.spans) == 5
    collector.status = 400
    ask(served, traceparent=PARENT)
    made.export()
    collector.status = 200
    made.export()
    assert len(collector.spans) == 5
    assert counted(served, "spans_dropped_total") == 5
    assert counted(served, "spans_exported_total") == 5


def test_a_gateways_process_sends_its_spans_and_the_last_ones_when_it_ends(
    control: Control, start: Callable[..., Process], collector: Collector
):
    control.issue(bundle())
    process = start(workers=2, trace_endpoint=collector.url)
    for _ in range(4):
        process.http.post(
            "/invocations", json={"instances": [GOOD]}, headers={"traceparent": PARENT}
        )
    wait(lambda: len(collector.spans) == 20)
    process.http.post("/invocations", json={"instances": [GOOD]}, headers={"traceparent": PARENT})
    log = process.end()
    assert process.child.returncode == 0, log
    assert len(collector.spans) == 25


@pytest.mark.parametrize(
    ("given", "said"),
    [({"trace_endpoint": "collector:4318"}, "no collector"), ({"trace_rate": 1.5}, "a share of")],
)
def test_what_cannot_be_traced_to_is_told_at_once(
    settings: Callable[..., GatewaySettings], given: dict[str, Any], said: str
):
    with pytest.raises(BadInput, match=said):
        settings(**given).check()


HEX = "0123456789abcdef"
PARTS = st.tuples(
    st.sampled_from(["00", "01", "cc", "ff", "0", "0g"]),
    st.text(HEX, min_size=31, max_size=33) | st.just("0" * 32) | st.text(HEX + "G-", max_size=33),
    st.text(HEX, min_size=15, max_size=17) | st.just("0" * 16),
    st.sampled_from(["00", "01", "02", "03", "ff", "1", "zz"]),
    st.sampled_from(["", "-", "-what", "x"]),
)


@given(PARTS.map(lambda p: "-".join(p[:4]) + p[4]) | st.text(HEX + "-", max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_traceparent_is_read_as_opentelemetry_reads_it(header: str):
    context = TraceContextTextMapPropagator().extract({"traceparent": header})
    official = get_current_span(context).get_span_context()
    ours = received(header.encode())
    if not official.is_valid:
        assert ours is None
    else:
        assert ours is not None
        assert ours.trace_id == f"{official.trace_id:032x}"
        assert ours.span_id == f"{official.span_id:016x}"
        assert ours.sampled == official.trace_flags.sampled


def test_a_context_that_is_sent_is_the_one_that_is_received():
    place = received(PARENT.encode(), b"a=1,b=2")
    assert place is not None
    token = current.set(place)
    assert outgoing_headers() == {"traceparent": PARENT, "tracestate": "a=1,b=2"}
    current.reset(token)
    assert outgoing_headers() == {}


VALUES = st.one_of(
    st.text(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
)
SPANS = st.builds(
    SpanData,
    trace_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    span_id=st.binary(min_size=8, max_size=8).map(bytes.hex),
    parent_id=st.just("") | st.binary(min_size=8, max_size=8).map(bytes.hex),
    name=st.text(max_size=300),
    kind=st.sampled_from([1, 2, 3]),
    start_ns=st.integers(0, 2**64 - 1),
    end_ns=st.integers(0, 2**64 - 1),
    attributes=st.dictionaries(st.text(), VALUES, max_size=4),
    events=st.lists(
        st.builds(
            SpanEvent,
            name=st.text(),
            time_ns=st.integers(0, 2**64 - 1),
            attributes=st.dictionaries(st.text(), VALUES, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    failed=st.booleans(),
    remote_parent=st.booleans(),
    state=st.text("abc=,1"),
)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@given(st.lists(SPANS, max_size=3), st.dictionaries(st.text(), VALUES, max_size=3))
@settings(max_examples=100, deadline=None)
def test_spans_are_read_by_opentelemetrys_own_messages_as_they_were_written(
    spans: list[SpanData], resource: dict[str, Any]
):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    (part,) = ExportTraceServiceRequest.FromString(
        export_request(resource, "scope", spans)
    ).resource_spans
    assert attributes(part.resource) == {_utf8(k): _known(v) for k, v in resource.items()}
    (scope,) = part.scope_spans
    assert scope.scope.name == "scope"
    assert len(scope.spans) == len(spans)
    for read, span in zip(scope.spans, spans, strict=True):
        assert read.trace_id.hex() == span.trace_id
        assert (read.span_id.hex(), read.parent_span_id.hex()) == (span.span_id, span.parent_id)
        assert (read.name, read.kind) == (_utf8(span.name), span.kind)
        assert (read.start_time_unix_nano, read.end_time_unix_nano) == (span.start_ns, span.end_ns)
        assert attributes(read) == {_utf8(k): _known(v) for k, v in span.attributes.items()}
        assert [e.name for e in read.events] == [_utf8(e.name) for e in span.events]
        assert [attributes(e) for e in read.events] == [
            {_utf8(k): _known(v) for k, v in e.attributes.items()} for e in span.events
        ]
        assert (read.status.code == Status.STATUS_CODE_ERROR) == span.failed
        assert read.trace_state == span.state
        assert read.flags == 0x101 | 0x200 * span.remote_parent


def _known(value: Any) -> Any:
    return _utf8(value) if isinstance(value, str) else value


def test_an_unknown_kind_of_span_is_internal():
    assert INTERNAL == Span.SPAN_KIND_INTERNAL
