"""`import seawall` beside the bare interpreter."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Result, Size, beside, python, seconds

LIMIT_MS = 100.0


def run(size: Size) -> Iterator[Result]:
    command, bare = python("-c", "import seawall"), python("-c", "pass")
    seconds(command)
    ours, peer = beside(lambda: seconds(command), lambda: seconds(bare), size.rows(9, 25))
    yield Result(
        "import seawall", ours * 1e3, "ms", "bare interpreter", peer * 1e3,
        f"+{LIMIT_MS:g} ms", (ours - peer) * 1e3 <= LIMIT_MS,
    )  # fmt: skip
