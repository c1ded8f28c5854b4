"""What estimates without labels share: chunks, and warnings of what nothing is known about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from seawall.kernel import Estimate, Verdict
from seawall.sdk.report import CONFIDENCE
from seawall.statistics.column import Column

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


def told(measures: Mapping[str, Estimate]) -> dict[str, Any]:
    """The JSON shape of measures."""
    return {name: e.to_dict() for name, e in measures.items()}


def unlike_warning(first: int, last: int, share: float, what: str) -> str:
    """What is said of rows that the reference cannot speak for."""
    return (
        f"rows {first:,} to {last:,}: {share:.1%} have {what} that no reference row has; "
        "nothing is known of them, so the intervals are wider"
    )
