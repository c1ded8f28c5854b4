"""A candidate replayed over a decision log, beside ONNX Runtime on the same rows alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Result, Size

LIMIT = "≤ 20 s"


def run(size: Size) -> Iterator[Result]:
    import onnxruntime
    from tests.gateway.control import onnx_bytes
    from tests.sdk.logs import Logged

    from seawall.sdk.again import again
    from seawall.sdk.candidate import Candidate
    from seawall.sdk.replay import replay

    rows = size.rows(20_000, 100_000)
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        made = Logged(Path(folder) / "gateway", hours=10, rows=rows // 10)
        began = time.perf_counter()
        report = replay(made.folder, Candidate("other", onnx_bytes(4), "onnx"), by=["sex"])
        took = time.perf_counter() - began
        session = onnxruntime.InferenceSession(onnx_bytes(4))
        began = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: made.matrix})
        alone = time.perf_counter() - began
        assert report.to_dict()["replayed"] == rows
        yield Result(
            f"{rows:,} decisions replayed",
            took,
            "s",
            "ONNX Runtime alone",
            alone,
            LIMIT,
            took <= 20,
        )
        times: list[float] = []
        for id_ in made.ids[:: rows // 20]:
            began = time.perf_counter()
            assert again(made.folder, id_).verdict.outcome == "pass"
            times.append(time.perf_counter() - began)
        yield Result("a decision performed again: median", float(np.median(times)), "s")
