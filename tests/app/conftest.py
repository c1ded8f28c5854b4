from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.world import World

from seawall.adapters.sql import migrate


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once."""
    path = tmp_path_factory.mktemp("database") / "seawall.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def bare(tmp_path: Path, migrated: Path) -> Iterator[World]:
    """A control plane where nothing is declared."""
    shutil.copy(migrated, tmp_path / "seawall.db")
    world = World(tmp_path, tmp_path / "seawall.db")
    yield world
    world.close()


@pytest.fixture
def world(bare: World) -> World:
    """A control plane where everything is declared."""
    bare.declare()
    return bare
