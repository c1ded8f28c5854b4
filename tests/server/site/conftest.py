from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.server.site.filled import Filled, made

from seawall.access.identity import Identity
from seawall.adapters.sql import migrate
from seawall.server.main import create_app

Browsing = Callable[..., "TestClient"]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once."""
    path = tmp_path_factory.mktemp("database") / "seawall.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Filled]:
    """A filled control plane that the tests of one module share."""
    world = made(tmp_path_factory.mktemp("world"), empty_database)
    world.grow()
    yield world
    world.close()


@pytest.fixture
def fresh(tmp_path: Path, empty_database: Path) -> Iterator[Filled]:
    """A filled control plane of one test's own."""
    world = made(tmp_path, empty_database)
    world.grow()
    yield world
    world.close()


@pytest.fixture
def browse() -> Iterator[Browsing]:
    """Opens a browser on a control plane, signed in as one of its people or as nobody."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def opened(world: Filled, who: Identity | None = None) -> TestClient:
            web = create_app(world.app)
            client = stack.enter_context(TestClient(web, base_url="http://seawall.test"))
            client.headers["accept"] = "text/html"
            client.follow_redirects = False
            if who is not None:
                client.cookies.set("seawall_session", web.state.sessions.open(who))
            return client

        yield opened
