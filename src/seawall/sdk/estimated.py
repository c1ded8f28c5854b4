"""What estimates without labels share: chunks, warnings, and how they did where labels came."""

from __future__ import annotations

from typing import Any, Protocol

from seawall.kernel import Estimate, Verdict
from seawall.sdk.report import CONFIDENCE
from seawall.statistics.column import Column
from seawall.statistics.intervals import rate

UNLIKE = 0.01
"""Share of rows unlike any reference row above which a reader is warned."""


class Estimated(Protocol):
    """Chunks estimated one by one."""

    verdicts: list[Verdict]

    def add(self, part: dict[str, Column], first: int, last: int) -> None:
        """Estimate one chunk."""
        ...

    def body(self) -> dict[str, Any]:
        """The report's JSON shape, without the verdict."""
        ...


def family_of(chunks: int, measures: int) -> float:
    """The confidence of each judgement, corrected for chunks × measures."""
    return 1 - (1 - CONFIDENCE) / (measures * chunks)


def told(measures: dict[str, Estimate]) -> dict[str, Any]:
    """The JSON shape of measures."""
    return {name: e.to_dict() for name, e in measures.items()}


class Verification:
    """Estimates against what labels said later; what those leave undefined does not count."""

    def __init__(self) -> None:
        self.chunks = 0
        self._covered: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._off: dict[str, float] = {}

    def add(self, expected: dict[str, Estimate], realised: dict[str, Estimate]) -> None:
        """One chunk, all of whose labels came."""
        self.chunks += 1
        for name, e in expected.items():
            real = realised.get(name)
            if real is None or real.value != real.value:
                continue
            near = 1e-9 * max(1.0, abs(real.value))
            held = e.low - near <= real.value <= e.high + near
            self._known[name] = self._known.get(name, 0) + 1
            self._covered[name] = self._covered.get(name, 0) + held
            self._off[name] = self._off.get(name, 0.0) + e.value - real.value

    def to_dict(self) -> dict[str, Any]:
        """`covered`: the share of chunks that held; `mean_error`: estimated − realised."""
        return {
            "chunks": self.chunks,
            "covered": {
                name: rate(self._covered[name], n, CONFIDENCE).to_dict()
                for name, n in self._known.items()
            },
            "mean_error": {name: self._off[name] / n for name, n in self._known.items()},
        }


def unlike_warning(first: int, last: int, share: float, what: str) -> str:
    """What is said of rows that the reference cannot speak for."""
    return (
        f"rows {first:,} to {last:,}: {share:.1%} have {what} that no reference row has; "
        "nothing is known of them, so the intervals are wider"
    )
