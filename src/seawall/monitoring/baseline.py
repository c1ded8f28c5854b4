"""The data that a version's inputs are compared with."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from seawall.kernel import Digest, Window


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen table summary, by its digest in the object store.

    `version` is the model version it belongs to, `rows` how many rows are in it. A baseline is a
    sample: `watch` counts its uncertainty too. `window` is when its rows were seen, if they were
    production traffic; training data has none.
    """

    kind: ClassVar[str] = "baseline"
    version: str
    summary: Digest
    rows: int
    window: Window | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError("a baseline has at least one row")

    @property
    def key(self) -> str:
        """One per model version."""
        return self.version
