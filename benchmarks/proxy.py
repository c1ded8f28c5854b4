"""The gateway before a remote model, beside bare pass-throughs on the same engine.

Sixteen connections each send one row of 30 fields as JSON, over and over, to a server in a process
of its own that answers at once and is never the slowest. One pass-through is what one would write
with uvicorn and aiohttp, and the one that is judged by; the other, `lean`, has the gateway's own
connections in place of aiohttp, so that what is left is what Seawall adds. The ways take turns, so
that what else the machine does touches each alike; processor time is that of the gateway and its
children, whatever else runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import psutil

from benchmarks.gateway import CONNECTIONS, free_port, serving, train
from benchmarks.load import Load, put_load
from benchmarks.measure import Result, Size

LIMIT = 0.85
ROUNDS = 7


class Turn(NamedTuple):
    """One way's turn: what its callers saw, and microseconds of a processor for a request."""

    load: Load
    cpu_us: float


def run(size: Size) -> Iterator[Result]:
    model, span = train(), float(size.rows(2, 8))
    passing = ["-m", "benchmarks.passing"]
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name, ExitStack() as running:
        server = f"http://127.0.0.1:{running.enter_context(serving([*passing, 'server']))}"
        ways = {way: [*passing, way, server] for way in ("bare", "lean")}
        for mode in ("observe", "serve"):
            ways[mode] = words_for(Path(name) / mode, model.columns, server, mode)
        ports = {way: running.enter_context(serving(words)) for way, words in ways.items()}
        turns: dict[str, list[Turn]] = {way: [] for way in ports}
        for span_ in (1.0, *[span] * ROUNDS):
            for way, port in ports.items():
                before = spent(port)
                load = put_load(port, model.body, CONNECTIONS, span_)
                turns[way].append(Turn(load, (spent(port) - before) / load.count * 1e6))
    for found in turns.values():
        del found[0]  # it warmed up
    for mode, told in (("observe", "observes"), ("serve", "serves")):
        yield from results(f"gateway {told}", turns[mode], turns["bare"], turns["lean"])


def results(name: str, ours: list[Turn], bare: list[Turn], lean: list[Turn]) -> Iterator[Result]:
    pairs = sorted(
        zip(ours, bare, strict=True), key=lambda pair: pair[0].load.rate / pair[1].load.rate
    )
    mine, theirs = pairs[ROUNDS // 2]
    yield Result(
        f"{name} a remote model", mine.load.rate, "requests/s", "bare pass-through",
        theirs.load.rate, f"{LIMIT:g} x at least", mine.load.rate >= LIMIT * theirs.load.rate,
    )  # fmt: skip
    yield Result(f"{name}, p99", mine.load.p99_ms, "ms", "bare pass-through", theirs.load.p99_ms)
    for told, others in (("bare pass-through", bare), ("lean pass-through", lean)):
        mine_us, its_us = (median(turn.cpu_us for turn in found) for found in (ours, others))
        yield Result(f"{name}, processor", mine_us, "us/request", told, its_us)


def spent(port: int) -> float:
    """Processor seconds of the server at this port and its children so far."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[-2:] == ["--port", str(port)]:
            times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
            return sum(t.user + t.system for t in times)
    raise RuntimeError(f"no process serves at {port}")


def words_for(
    folder: Path, columns: dict[str, Any], url: str, mode: Literal["serve", "observe"]
) -> list[str]:
    """A gateway's state with a signed bundle for a remote model, and the words that start it."""
    from seawall.adapters.signing.envelope import seal
    from seawall.adapters.signing.keys import create_key
    from seawall.gateway.state import State
    from seawall.kernel import Digest
    from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
    from seawall.serving.remote import FORMAT, RemoteServer
    from seawall.serving.signature import infer_signature
    from seawall.statistics.grid import make_grid

    folder.mkdir()
    server = RemoteServer(name="bench", url=url, protocol="mlflow", timeout_ms=10_000.0)
    artefact = server.to_bytes()
    arm = Arm(
        name="champion", version="bench@1", artefact=Digest.of(artefact), format=FORMAT, weight=1.0
    )
    bundle = Bundle(
        endpoint="bench",
        number=1,
        issued=datetime.now(UTC),
        salt=bytes(32),
        signature=infer_signature(columns, slack=1.0),
        arms=(arm,),
        grids={name: make_grid(values) for name, values in columns.items()},
        mode=mode,
        safe=True,
    )
    state, key = State(folder / "state"), create_key(folder / "key.pem")
    state.keep_artefact(artefact)
    state.keep_envelope("bench", seal(PAYLOAD_TYPE, bundle.to_bytes(), key), safe=True)
    nobody = f"http://127.0.0.1:{free_port()}"  # the control plane is gone: serving goes on
    return [
        *("-m", "seawall", "gateway", "--endpoint", "bench", "--url", nobody, "--token", "none"),
        *("--trust", str(folder / "key.pem.pub"), "--state-dir", str(folder / "state")),
    ]
