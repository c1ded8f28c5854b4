from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.app.world import World

from seawall.access.identity import Identity
from seawall.access.role import Role
from seawall.adapters.sql import migrate
from seawall.app import identities
from seawall.server.main import create_app


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once."""
    path = tmp_path_factory.mktemp("database") / "seawall.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    """A control plane where everything is declared."""
    shutil.copy(migrated, tmp_path / "seawall.db")
    made = World(tmp_path, tmp_path / "seawall.db")
    made.declare()
    yield made
    made.close()


@pytest.fixture
def http(world: World) -> Iterator[TestClient]:
    """Its REST API, called within this process; the reconciler runs once and then waits."""
    with TestClient(create_app(world.app), raise_server_exceptions=False) as client:
        yield client


Headers = Callable[[Identity], dict[str, str]]


@pytest.fixture
def bearer(world: World) -> Headers:
    """The header with which somebody asks."""

    def made(who: Identity) -> dict[str, str]:
        with world.app.store.transaction(who.actor) as tx:
            token = identities._mint(world.app, tx, who.id)
        return {"authorization": f"Bearer {token}"}

    assert Role.GATEWAY
    return made
