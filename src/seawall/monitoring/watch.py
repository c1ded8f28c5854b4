"""The drift monitor: a window against its baseline."""

from __future__ import annotations

import msgspec

from seawall.kernel import Estimate, Outcome, Window

DECIDING = ("ks", "tv")


class FeatureReading(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in one window: its outcome, the deciding measure, and a sentence."""

    name: str
    kind: str
    outcome: Outcome
    measure: str
    distance: Estimate
    sentence: str


class DriftReading(msgspec.Struct, frozen=True, kw_only=True):
    """A window judged against a baseline.

    `outcome` fails when a feature is shown to have moved beyond its tolerance. `looking` says how
    repeated looks are corrected for. Features stand in order of distance, farthest first.
    """

    outcome: Outcome
    features: tuple[FeatureReading, ...]
    reference_rows: int
    current_rows: int
    confidence: float
    looking: str
    window: Window | None = None

    @property
    def moved(self) -> tuple[FeatureReading, ...]:
        """The features shown to have moved."""
        return tuple(f for f in self.features if f.outcome is Outcome.FAIL)

    @property
    def distances(self) -> dict[str, Estimate]:
        """Distance by feature, as a retraining trigger reads it."""
        return {f.name: f.distance for f in self.features}

    @property
    def sentence(self) -> str:
        """The reading in one line."""
        rows = f"{self.current_rows:,} rows against {self.reference_rows:,}"
        if self.moved:
            first = self.moved[0]
            more = f" and {len(self.moved) - 1} more" if len(self.moved) > 1 else ""
            return f"{first.sentence}{more} ({rows})"
        if self.outcome is Outcome.PASS:
            return f"no feature moved beyond its tolerance ({rows})"
        return f"too few rows to say whether a feature moved ({rows})"
