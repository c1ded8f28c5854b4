"""A real Prometheus scrapes the gateway, and what it says is compared with what was asked."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.gateway.authority import Authority
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import Process, load, wait
from tests.gateway.test_workers import workers
from tests.services.prometheus import Prometheus, check

from seawall.gateway.metrics import ARMS, Metrics
from seawall.serving.guard import Guard
from seawall.serving.limit import Limits
from seawall.serving.telemetry import Counters, Row, encode
from seawall.statistics.counting import summarise
from seawall.statistics.grid import latency_grid

Start = Callable[..., Process]
Scraped = Callable[..., Prometheus]
SERIES = 'count({job="gateway",__name__=~"seawall_.*"})'


@pytest.fixture
def scraped(tmp_path: Path) -> Iterator[Scraped]:
    running: list[Prometheus] = []

    def start(target: str, *scrape: str) -> Prometheus:
        folder = tmp_path / f"prometheus-{len(running)}"
        running.append(Prometheus(folder, target, scrape))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def post(process: Process, *rows: object, status: int = 200, **headers: str) -> None:
    answer = process.http.post("/invocations", json={"instances": list(rows)}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("count", [1, 2])
def test_what_prometheus_counts_is_what_was_asked(
    control: Control, start: Start, scraped: Scraped, count: int
):
    guards = (Guard(name="any", action="flag", score_at_least=0.0),)
    control.issue(bundle(guards=guards, limits=Limits(rows=5)))
    process = start(workers=count)
    prometheus = scraped(f"127.0.0.1:{process.port}")
    for _ in range(7):
        post(process, GOOD)
    post(process, GOOD, GOOD, GOOD)
    for _ in range(2):
        post(process, GOOD | {"hours": None}, status=400)
    post(process, *[GOOD] * 6, status=400)  # more rows than the bundle allows
    of = '{endpoint="m",version="m@1",arm="champion"}'
    prometheus.wait(f"sum(seawall_decisions_total{of})", 10)
    for expression, expected in {
        f"seawall_rejected_total{of}": 2,
        f"seawall_errors_total{of}": 0,
        f"seawall_fallbacks_total{of}": 0,
        'seawall_invalid_total{field="hours",problem="missing"}': 2,
        'seawall_guard_total{guard="any",action="flag"}': 10,
        'seawall_replies_total{route="invocations",status="200"}': 8,
        'seawall_replies_total{route="invocations",status="400"}': 3,
        f"seawall_latency_seconds_count{of}": 10,
        'seawall_latency_seconds_bucket{le="+Inf"}': 10,
        'seawall_bundle_number{endpoint="m"}': 1,
        'seawall_killed{endpoint="m"}': 0,
        "seawall_control_plane_up": 1,
        "count(seawall_worker_memory_bytes > 1e6)": count,
        "count(seawall_worker_cpu_seconds_total > 0)": count,
        "count(seawall_worker_cold_start_seconds > 0)": count,
        "count(seawall_worker_queue_delay_seconds)": count,
        "count(seawall_worker_saturation_ratio)": count,
        "sum(seawall_worker_starts_total)": count,
        "count(seawall_build_info)": 1,
    }.items():
        prometheus.wait(expression, expected)
    # every bucket holds the one below it, and the median lies where the latencies are
    edges = prometheus.query(f"seawall_latency_seconds_bucket{of}")
    counts = [value for _, value in sorted(edges, key=lambda one: float(one[0]["le"]))]
    assert counts == sorted(counts)
    assert len(counts) == 14
    median = prometheus.value(
        f"histogram_quantile(0.5, sum by (le) (seawall_latency_seconds_bucket{of}))"
    )
    mean = prometheus.value(f"seawall_latency_seconds_sum{of} / seawall_latency_seconds_count{of}")
    assert median is not None
    assert mean is not None
    assert 0 < median < 5
    assert 0 < mean < 5
    page = process.http.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert check(page.text) == ""


def test_no_counter_goes_back_when_a_worker_is_killed(
    control: Control, start: Start, scraped: Scraped
):
    control.issue(bundle())
    process = start(workers=2)
    prometheus = scraped(f"127.0.0.1:{process.port}")
    wait(lambda: len(workers(process)) == 2)
    with load(process.port, callers=2) as callers:
        for starts in (3, 4):
            prometheus.wait("sum(seawall_worker_starts_total)", starts - 1)
            had = [len(c.ids) for c in callers]
            wait(
                lambda had=had: all(len(c.ids) > n + 20 for c, n in zip(callers, had, strict=True))
            )
            workers(process)[0].send_signal(signal.SIGKILL)
            prometheus.wait("sum(seawall_worker_starts_total)", starts)
    for name in (
        "decisions_total",
        "latency_seconds_count",
        "replies_total",
        "worker_starts_total",
    ):
        scrapes = prometheus.range(f"seawall_{name}")
        assert scrapes
        assert all(values == sorted(values) for values in scrapes)
    counted = prometheus.value("sum(seawall_decisions_total)")
    answered = sum(len(c.ids) for c in callers)
    # what a killed worker had not flushed is in its log and not in its totals
    assert counted is not None
    assert 0 < counted <= answered + len(callers) * 2


def test_with_tls_prometheus_scrapes_as_any_client_of_the_authority(
    control: Control, serve: Serve, scraped: Scraped, tmp_path: Path
):
    control.issue(bundle())
    ours = Authority(tmp_path, "ours")
    cert, key = ours.issue("gateway")
    served = serve(tls_cert=cert, tls_key=key, tls_client_ca=ours.path)
    own = ours.issue("prometheus")
    served.worker.flush()
    target = f"localhost:{served.port}"
    tls = f"{{ca_file: {ours.path}, cert_file: {own[0]}, key_file: {own[1]}}}"
    known = scraped(target, "scheme: https", f"tls_config: {tls}")
    stranger = scraped(target, "scheme: https", f"tls_config: {{ca_file: {ours.path}}}")
    known.wait('up{job="gateway"}', 1)
    stranger.wait('up{job="gateway"}', 0)
    assert known.value("seawall_bundle_number") == 1


def test_nothing_that_callers_make_up_becomes_a_series(
    control: Control, start: Start, scraped: Scraped
):
    control.issue(bundle())
    process = start()
    prometheus = scraped(f"127.0.0.1:{process.port}")

    def ask(word: str) -> None:
        caller = {"seawall-caller": word, "seawall-purpose": word, "traceparent": word}
        process.http.post("/invocations", json={"instances": [GOOD | {word: 1}]}, headers=caller)
        process.http.post("/invocations", json={"instances": [GOOD | {"grade": word}]})
        process.http.get(f"/{word}")
        process.http.post(f"/endpoints/{word}/invocations", json={})
        process.http.post(f"/v2/models/{word}/versions/{word}/infer", json={})
        process.http.delete("/invocations", params={word: word})

    ask("first")
    prometheus.wait('seawall_replies_total{route="invocations",status="405"}', 1)
    prometheus.wait('count(seawall_replies_total{route="metrics"})', 1)
    before = prometheus.value(SERIES)
    assert before is not None
    for number in range(50):
        ask(f"name-{number}")
    prometheus.wait('seawall_replies_total{route="invocations",status="405"}', 51)
    assert prometheus.value(SERIES) == before
    page = httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text
    assert "name-" not in page
    assert check(page) == ""


def test_hundreds_of_versions_leave_as_many_series_as_a_few_dozen(tmp_path: Path):
    """Old versions go, the one that serves stays, and what stays goes on counting."""
    latency = summarise(np.array([3.0]), latency_grid()).to_bytes()
    body = encode(Counters(decisions=1, invalid={"age: missing": 2}, latency_bytes=latency))

    def row(version: str) -> Row:
        return ("m", version, "champion", "counters", 0, body)

    metrics = Metrics(tmp_path)
    sizes: list[int] = []
    for number in range(1, 301):
        metrics.absorb([row(f"m@{number}"), row("m@steady")], {}, {})
        sizes.append(len(metrics.text({}, {}).splitlines()))
        if number % 100 == 0:
            metrics = Metrics(tmp_path)
    assert set(sizes[ARMS:]) == {sizes[ARMS]}
    page = metrics.text({}, {})
    steady = 'endpoint="m",version="m@steady",arm="champion"'
    assert f"seawall_decisions_total{{{steady}}} 300" in page
    assert f"seawall_latency_seconds_count{{{steady}}} 300" in page
    assert 'version="m@300"' in page
    assert 'version="m@200"' not in page
    assert check(page) == ""
