from collections.abc import Callable
from pathlib import Path

import pytest
from tests.verify.logs import make_entry, write_log


@pytest.fixture
def log(tmp_path: Path) -> Callable[[int], Path]:
    """Writes a log of this many entries and returns its folder."""
    return lambda size: write_log(tmp_path / "log", [make_entry(i) for i in range(size)])
