"""Labels joined by the keeper: rows a second of its processor time, and its memory over the run.

Decisions are appended in blocks, an outcome for each of the block before, and every block is joined
by a process of its own and then removed, as shipping does. The index on disk holds all of them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measure import ENV, ROOT, Result, Size, python

BLOCK = 50_000
LEAST = 100_000
"""Decisions followed and indexed in a second of one processor."""
MOST_GROWTH_MB = 16.0
FIELDS = 30


def run(size: Size) -> Iterator[Result]:
    blocks = size.rows(16, 100)
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        rounds = list(measured(Path(name), blocks))
    decided, joined = (
        BLOCK * (blocks - 1) / sum(r[kind] for r in rounds[1:-1]) for kind in ("decided", "joined")
    )
    yield Result(
        "decisions followed and indexed", decided, "rows/s", limit=f"{LEAST:,} at least",
        holds=decided >= LEAST,
    )  # fmt: skip
    yield Result("outcomes joined", joined, "rows/s")
    memory = [r["memory"] for r in rounds]
    early, late = max(memory[: len(memory) // 4 + 1]), max(memory[len(memory) // 2 :])
    yield Result(
        f"keeper's memory after {BLOCK * blocks:,} decisions", late, "MB", "in the first quarter",
        early, f"{MOST_GROWTH_MB:g} MB more", late - early < MOST_GROWTH_MB,
    )  # fmt: skip


def measured(folder: Path, blocks: int) -> Iterator[dict[str, float]]:
    """What each round cost: processor seconds for decisions and outcomes, memory after it."""
    from seawall.adapters.decisions import DecisionLog
    from seawall.kernel import Ids, SystemClock
    from seawall.serving.outcome import Outcome

    clock = SystemClock()
    ids, digest = Ids(clock), place(folder)
    log = DecisionLog(folder / "decisions", gateway="bench", clock=clock, seal_rows=BLOCK)
    child = subprocess.Popen(
        python("-m", "benchmarks.labels", str(folder)),
        env=ENV, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    before: list[str] = []
    for _ in range(blocks + 1):
        spent: dict[str, float] = {}
        made = [ids() for _ in range(BLOCK)]
        for kind in ("decided", "joined"):
            if kind == "decided":
                for first in range(0, BLOCK, 1_000):
                    log.append(records(made[first : first + 1_000], digest), durable=False)
            else:
                log.append_outcomes([Outcome(i, int(i[-1], 16) & 1) for i in before])  # type: ignore[arg-type]
            child.stdin.write("join\n")
            spent |= (found := msgspec.json.decode(child.stdout.readline())) | {kind: found["took"]}
        before = made
        log.seal()
        for path in (folder / "decisions").glob("*/*.wal"):
            path.unlink()
        yield spent
    child.stdin.close()
    child.wait()
    assert found["totals"] == [BLOCK * blocks, 0, 0, 0], found


def place(folder: Path) -> str:
    """A state folder with a bundle; returns the bundle's digest."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from seawall.adapters.signing.envelope import seal
    from seawall.adapters.signing.keys import public_pem
    from seawall.gateway.state import State
    from seawall.kernel import Digest
    from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
    from seawall.serving.signature import Field, Signature

    fields = tuple(Field(name=f"field{i}", kind="number") for i in range(FIELDS))
    bundle = Bundle(
        endpoint="bench", number=1, issued=datetime.now(UTC), salt=b"0123456789abcdef",
        signature=Signature(fields), protected=("sex",),
        arms=(Arm(name="champion", version="bench@1", artefact=Digest.of(b""), weight=1.0),),
    )  # fmt: skip
    key = Ed25519PrivateKey.generate()
    envelope = seal(PAYLOAD_TYPE, bundle.to_bytes(), key)
    State(folder).keep_envelope("bench", envelope, safe=True)
    (folder / "key").write_bytes(public_pem(key.public_key()))
    return str(bundle.digest)


def records(ids: list[str], digest: str) -> list[Any]:
    from seawall.serving.decision import DecisionRecord

    time_ = datetime.now(UTC)
    input_ = {f"field{i}": i * 0.37 for i in range(FIELDS)}
    return [
        DecisionRecord(
            id=id_, time=time_, endpoint="bench", model="bench@1", version_digest=digest,
            bundle_digest=digest, arm="champion", arm_probability=1.0, unit=digest[7:],
            input=input_ | {"sex": "fm"[int(id_[-2], 16) & 1]}, output={"score": 0.25, "label": 0},
            score=int(id_[-4:], 16) / 65_536, threshold=0.5, latency_ms=0.4,
        )
        for id_ in ids
    ]  # fmt: skip


def main(folder: Path) -> None:
    """Join for each line read; say the seconds, the totals and the memory it took."""
    from seawall.gateway.joins import Joins
    from seawall.gateway.outbox import Outbox
    from seawall.gateway.state import State
    from seawall.gateway.strata import Bundles
    from seawall.kernel import SystemClock

    bundles = Bundles(State(folder), [(folder / "key").read_bytes()])
    outbox = Outbox(folder / "labels" / "telemetry", "bench/labels")
    joins = Joins(folder / "labels", folder / "decisions", bundles, outbox, SystemClock())
    for _ in sys.stdin:
        began = time.process_time()
        joins.work()
        took = time.process_time() - began
        while report := outbox.next():
            outbox.acknowledge(report)
        said = {"took": took, "memory": memory_mb(), "totals": joins.totals}
        totals = list(msgspec.structs.astuple(said.pop("totals")))
        print(msgspec.json.encode(said | {"totals": totals}).decode(), flush=True)


def memory_mb() -> float:
    """Resident memory of this process, pages of mapped files included."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
