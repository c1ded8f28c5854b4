from __future__ import annotations

from collections.abc import Callable

import pytest

from seawall.kernel import FixedClock, Ids, now
from seawall.serving.decision import DecisionRecord


@pytest.fixture
def decide(clock: FixedClock) -> Callable[..., list[DecisionRecord]]:
    """Makes so many decisions at the clock's present time."""
    ids = Ids(clock)

    def make(count: int, endpoint: str = "income", subject: str | None = None):
        return [
            DecisionRecord(
                id=ids(),
                time=now(clock),
                endpoint=endpoint,
                subject=subject,
                input={"age": 20 + i, "work": "Private"},
                output=i % 2,
                score=i / 100,
            )
            for i in range(count)
        ]

    return make
