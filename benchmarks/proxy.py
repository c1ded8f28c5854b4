"""The gateway before a remote model, beside a bare pass-through on the same engine and client.

Sixteen connections each send one row of 30 fields as JSON, over and over, to a server in a process
of its own that answers at once. The ways take turns, so that what else the machine does touches
each alike.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from benchmarks.gateway import CONNECTIONS, free_port, serving, train
from benchmarks.load import Load, put_load
from benchmarks.measure import Result, Size

LIMIT = 0.85
ROUNDS = 5


def run(size: Size) -> Iterator[Result]:
    model, span = train(), float(size.rows(2, 8))
    passing = ["-m", "benchmarks.passing"]
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name, ExitStack() as running:
        server = f"http://127.0.0.1:{running.enter_context(serving([*passing, 'server']))}"
        ports = [running.enter_context(serving([*passing, "bare", server]))]
        for mode in ("observe", "serve"):
            words = words_for(Path(name) / mode, model.columns, server, mode)
            ports.append(running.enter_context(serving(words)))
        loads: list[list[Load]] = [[] for _ in ports]
        for span_ in (0.5, *[span] * ROUNDS):
            for port, found in zip(ports, loads, strict=True):
                found.append(put_load(port, model.body, CONNECTIONS, span_))
    bare, observe, serve = (found[1:] for found in loads)  # the first warmed up
    for told, ours in (("observes", observe), ("serves", serve)):
        pairs = sorted(zip(ours, bare, strict=True), key=lambda pair: pair[0].rate / pair[1].rate)
        mine, theirs = pairs[ROUNDS // 2]
        yield Result(
            f"gateway {told} a remote model", mine.rate, "requests/s", "bare pass-through",
            theirs.rate, f"{LIMIT:g} x at least", mine.rate >= LIMIT * theirs.rate,
        )  # fmt: skip
        yield Result(f"gateway {told}, p99", mine.p99_ms, "ms", "bare pass-through", theirs.p99_ms)


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
