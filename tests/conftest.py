"""Fixtures that many rooms' tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from tests.services.postgres import Postgres

from seawall.adapters.sql import SqlStore, migrate
from seawall.kernel import FixedClock

# Benchmarks stand beside the package, not in it: make them importable.
sys.path.append(str(Path(__file__).parents[1]))

# No test judges speed: a slow machine is no fault of the code.
settings.register_profile("seawall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seawall")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.create("migrated")
    migrate(server.url("migrated"))
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/seawall.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with its tables."""
    if request.param == "sqlite":
        path = f"sqlite:///{tmp_path}/seawall.db"
        migrate(path)
        yield path
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    yield server.create(name, template="migrated")
    server.drop(name)


@pytest.fixture
def store(url: str, clock: FixedClock) -> Iterator[SqlStore]:
    store = SqlStore(url, clock)
    yield store
    store.close()
