"""A site with every sample page, and one browser for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.pages.browser import Browser
from tests.server.pages.preview import rendered
from tests.server.pages.samples import EVERY
from tests.server.pages.site import Site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site({f"/{name}": lambda name=name: rendered(name) for name in EVERY})
    yield site
    site.close()
