"""Drift, estimated quality and imports beside other tools, each in an environment of its own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.drift import SHIFTED, WRITE
from benchmarks.environment import OTHERS, environment, pinned
from benchmarks.measure import Ran, Result, Size, beside, python, seconds, watch

SCORES = """
import sys
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
rng, rows = np.random.default_rng(8), int(sys.argv[1])
for path in sys.argv[2:]:
    score = rng.beta(2, 3, rows)
    label = (rng.random(rows) < score).astype(np.int64)
    pq.write_table(pa.table({"score": score, "label": label}), path)
"""
ESTIMATE = """
import sys
import time
import pyarrow.parquet as pq
import seawall
reference, current = (pq.read_table(path) for path in sys.argv[1:3])
current = current.drop_columns(["label"])
began = time.perf_counter()
seawall.estimate(reference, current, label="label", score="score", chunk_size=int(sys.argv[3]))
print(time.perf_counter() - began)
"""
CHUNKS = 100
IMPORTS = {
    "nannyml": "nannyml",
    "deepchecks": "deepchecks.tabular.checks",
    "alibi_detect": "alibi_detect.cd",
    "whylogs": "whylogs, whylogs.viz.drift.column_drift_algorithms",
    "evidently": "evidently, evidently.presets",
}
"""What a user of each imports to compare two tables."""


class Peer(NamedTuple):
    """A tool: how it is called, the interpreter that has it, and what its users import."""

    name: str
    interpreter: str
    imports: str


def run(size: Size) -> Iterator[Result]:
    there = list(_peers())
    rows = size.rows(100_000, 1_000_000)
    yield from (result for peer in there for result in _import(peer))
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        files = [str(Path(name) / f"{kind}.parquet") for kind in ("plain", "shifted")]
        for path in files:
            watch(python("-c", WRITE, str(rows), path, Path(path).stem))
        for peer in there:
            yield from _drift(peer, files, rows, size.rows(3, 1))
        watch(python("-c", SCORES, str(rows), *files))
        for peer in there:
            if (OTHERS / f"estimate_{_key(peer)}.py").exists():
                yield _estimate(peer, files, rows)


def _peers() -> Iterator[Peer]:
    yield Peer(f"scipy {version('scipy')} loop", sys.executable, "scipy.stats, pandas")
    for name, imports in IMPORTS.items():
        if interpreter := environment(name):
            yield Peer(pinned(name), str(interpreter), imports)


def _key(peer: Peer) -> str:
    return peer.name.partition(" ")[0]


def _import(peer: Peer) -> Iterator[Result]:
    """What a program of each waits for before its first call."""
    ours = python("-c", "import seawall; seawall.drift")
    theirs = [peer.interpreter, "-c", f"import {peer.imports}"]
    for command in (ours, theirs):
        seconds(command)
    took, peer_took = beside(lambda: seconds(ours), lambda: seconds(theirs), 5)
    yield Result("import of drift", took, "s", peer.name, peer_took, "1 x", took <= peer_took)


def _drift(peer: Peer, files: list[str], rows: int, times: int) -> Iterator[Result]:
    """Whole processes, from the start of the interpreter to the printed result."""
    ways = {
        "ours": python("-m", "seawall", "drift", *files, "--json"),
        "theirs": [peer.interpreter, str(OTHERS / f"drift_{_key(peer)}.py"), *files],
    }
    ran: dict[str, list[Ran]] = {way: [] for way in ways}

    def took(way: str) -> float:
        ran[way].append(watch(ways[way]))
        return ran[way][-1].seconds

    mine, theirs = beside(lambda: took("ours"), lambda: took("theirs"), times)
    if ran["theirs"][-1].status:
        print(f"{peer.name} is left out, its drift fails", file=sys.stderr)
        return
    flagged = set(msgspec.json.decode(ran["theirs"][-1].printed, type=list[str]))
    few, more = len(flagged & set(SHIFTED)), len(flagged - set(SHIFTED))
    told = f"{peer.name}, finds {few} of {len(SHIFTED)}" + (f" and {more} more" if more else "")
    name = f"drift, 2 x {rows:,} x 50"
    yield Result(name, mine, "s", told, theirs, "1 x", mine <= theirs)
    peak, their_peak = (max(r.peak_mb for r in ran[way]) for way in ("ours", "theirs"))
    yield Result(
        f"{name}, peak memory", peak, "MB", peer.name, their_peak, "1 x", peak <= their_peak
    )


def _estimate(peer: Peer, files: list[str], rows: int) -> Result:
    """In process, without imports and reading."""
    chunk = str(rows // CHUNKS)
    ours = python("-c", ESTIMATE, *files, chunk)
    theirs = [peer.interpreter, str(OTHERS / f"estimate_{_key(peer)}.py"), *files, chunk]
    took, peer_took = beside(
        lambda: float(watch(ours).printed), lambda: float(watch(theirs).printed), 3
    )
    return Result(
        f"estimate, {rows:,} rows, {CHUNKS} chunks", took, "s", f"{peer.name}, CBPE", peer_took,
        "1 x", took <= peer_took,
    )  # fmt: skip
