from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seawall.adapters.decisions import DecisionLog, Keyring
from seawall.kernel import FixedClock, Ids, now
from seawall.serving.decision import DecisionRecord


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    """A log folder."""
    return tmp_path / "wal"


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Where the tables go."""
    return str(tmp_path / "table")


@pytest.fixture
def keys() -> Keyring | None:
    """What decisions are encrypted with."""
    return None


@pytest.fixture
def log(
    wal: Path, clock: FixedClock, keys: Keyring | None, request: pytest.FixtureRequest
) -> DecisionLog:
    """A gateway's log; a module may say how many rows fill a file."""
    rows: int = getattr(request.module, "SEAL_ROWS", 50_000)
    return DecisionLog(
        wal, gateway="edge-1", clock=clock, seal_rows=rows, seal_seconds=60, keys=keys
    )


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
