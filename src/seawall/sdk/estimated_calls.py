"""Estimated quality of a binary model's calls and scores, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate, Rule, Verdict
from seawall.sdk.estimated import UNLIKE, family_of, told, unlike_warning
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.scores import count_scores, repeated
from seawall.sdk.verification import Levels, Verification, judge_chunk
from seawall.statistics.calls import CalledScores, call_by_column, call_by_threshold
from seawall.statistics.cbpe import Expected, expect, realised
from seawall.statistics.column import BINARY, Column, encode, floats, neither, placed, take
from seawall.statistics.cost import cost_of
from seawall.statistics.grid import score_grid
from seawall.statistics.intervals import difference
from seawall.statistics.raking import ROWS, Raking, learn_raking
from seawall.statistics.recalibration import Calibrated, calibrate, make_bins
from seawall.statistics.score import ScoreSummary

DROP = 0.05
"""How much lower than on the reference an estimated measure may be by default."""
MISCALIBRATED = 0.05
"""Calibration error that warns, where even re-calibration leaves it."""
FEW = 100
"""Reference labels of a class below which what scores mean is known too roughly."""
_DECIDING = ("accuracy", "roc_auc")
Vector = NDArray[np.float64]


class EstimatedCalls:
    """CBPE of chunks against one labelled reference; with features, re-weighted for each chunk."""

    def __init__(
        self, base: Mapping[str, Column] | ScoreSummary, label: str, score: str,
        prediction: str | None, features: Sequence[str], threshold: float,
        cost: Mapping[str, float] | None, chunks: int,
    ) -> None:  # fmt: skip
        self.label, self.score, self.prediction = label, score, prediction
        self.threshold, self.worth = threshold, cost_of(dict(cost)).to_dict() if cost else None
        self.features = tuple(features)
        if isinstance(base, ScoreSummary):
            self.grid, self.known = base.grid, self._called(base)
        else:
            cut = () if prediction else (threshold,)
            self.grid = score_grid((*repeated(base[score], score), *cut))
            self.known = self.count(base)
        self.bins = make_bins(self.known, None if prediction else threshold)
        self.learnt = calibrate(self.known, self.bins)
        rows = base if isinstance(base, Mapping) and features else None
        self.weighing = _Weighing(rows, self) if rows else None
        self.family = family_of(chunks, len(_DECIDING))
        self.was = self._realised(self.known)
        self.chunks: list[dict[str, Any]] = []
        self.verdicts: list[Verdict] = []
        self.warnings = self._about_reference()
        self.verification = Verification(chunks, self.was.own)

    def count(self, part: Mapping[str, Column]) -> CalledScores:
        """The rows by call, label and score."""
        there = self.label if self.label in part else None
        if self.prediction:
            _only_calls(part[self.prediction], self.prediction)
        by = ((self.prediction,),) if self.prediction else ()
        return self._called(count_scores(part, self.score, there, by, self.grid))

    def _called(self, counted: ScoreSummary) -> CalledScores:
        if self.prediction:
            return call_by_column(counted, self.prediction)
        return call_by_threshold(counted, self.threshold)

    def _realised(self, rows: CalledScores) -> Levels:
        return Levels(*(realised(rows, at, self.worth) for at in (CONFIDENCE, self.family)))

    def calls_of(
        self, part: Mapping[str, Column], scores: Vector, kept: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The calls of these rows of a table, given their scores."""
        if self.prediction:
            return binary(take(part[self.prediction], kept))
        return (scores >= self.threshold).astype(np.int64)

    def add(self, part: dict[str, Column], first: int, last: int) -> None:
        """Estimate one chunk."""
        seen = self.count(part)
        learnt, unlike = self.learnt, None
        if self.weighing and seen.n:
            learnt, unlike = self.weighing.weigh(part)
        expected = expect(learnt, seen, self.worth, unlike)
        measures = Levels(expected.at(CONFIDENCE), expected.at(self.family))
        chunk: dict[str, Any] = {
            "first": first, "last": last, "n": seen.n, "measures": told(measures.own),
            "positives": expected.positives.to_dict(), "unlike_reference": expected.unseen,
            "effective_reference": learnt.effective,
        }  # fmt: skip
        real = self._realised(seen) if seen.labelled == seen.n > 0 else None
        if real is not None:
            chunk["realised"] = told(real.own)
            self.verification.add(measures.own, expected.at(self.verification.strict), real.own)
        self.chunks.append(chunk)
        self._warn(expected, learnt, first, last)
        for name in _DECIDING:
            rule, rows = Rule(f"{name}_drop", at_most=DROP), f"rows {first}–{last}"
            self.verdicts.append(judge_chunk(rule, name, _drop, self.was, measures, real, rows))

    def body(self) -> dict[str, Any]:
        """The report's JSON shape, without the verdict."""
        found: dict[str, Any] = {
            "chunks": self.chunks,
            "reference": told(self.was.own),
            "calibrated": self.learnt.choice != "as given",
            "calibration": {
                "choice": self.learnt.choice,
                "error_as_given": self.learnt.error[0], "error": self.learnt.error[1],
                "positives": self.learnt.positives, "rows": self.known.labelled,
            },
            "features": list(self.features),
            "warnings": [*self.verification.warnings(), *self.warnings],
            "provisional": any("realised" not in chunk for chunk in self.chunks),
        }  # fmt: skip
        if self.verification.chunks:
            found["verified"] = self.verification.to_dict()
        return found

    def _about_reference(self) -> list[str]:
        said: list[str] = []
        counts = self.known.counts[:, :2].sum(axis=(0, 2))
        for kind, n in zip(("0", "1"), counts.tolist(), strict=True):
            if n < FEW:
                said.append(f"the reference has {n:,} rows of label {kind}: what scores mean is "
                            "known roughly, and intervals may be too narrow")  # fmt: skip
        if self.learnt.error[1] > MISCALIBRATED:
            said.append(f"scores stay {self.learnt.error[1]:.3f} off after re-calibration on the "
                        "reference: estimates may be off by as much")  # fmt: skip
        return said

    def _warn(self, expected: Expected, learnt: Calibrated, first: int, last: int) -> None:
        if expected.unseen > UNLIKE:
            what = "scores or features" if self.features else "scores"
            self.warnings.append(unlike_warning(first, last, expected.unseen, what))
        before, now = self.learnt.positives, expected.positives
        if now.n and (now.low > 1.25 * before or now.high < 0.8 * before):
            self.warnings.append(
                f"rows {first:,} to {last:,}: {now.value:.3g} are expected to be positive, "
                f"{before:.3g} were; if the base rate moved by itself, not with the inputs, the "
                "meaning of scores moved too and these estimates are off"
            )
        if self.features and learnt.effective < self.known.labelled / 20:
            self.warnings.append(
                f"rows {first:,} to {last:,}: inputs have moved so far that "
                f"{self.known.labelled:,} reference rows are worth {learnt.effective:,.0f}"
            )


class _Weighing:
    """The labelled reference rows one by one, to be weighted for each chunk."""

    def __init__(self, base: Mapping[str, Column], of: EstimatedCalls) -> None:
        self.of = of
        scores, label = floats(base[of.score]), binary(base[of.label])
        kept = np.flatnonzero(~np.isnan(scores) & (label >= 0))
        kept = kept[:: -(-kept.size // ROWS)]
        scores, self.label = scores[kept], label[kept]
        self.raking: Raking = learn_raking(
            {name: take(base[name], kept) for name in of.features},
            scores,
            self.label.astype(float),
        )
        cells = of.grid.cells
        self.place = of.calls_of(base, scores, kept) * cells + of.grid.cell_of(scores)
        self.size = 2 * cells

    def weigh(self, part: Mapping[str, Column]) -> tuple[Calibrated, Vector]:
        """What scores mean among rows like these; by call and bin, the share unlike any."""
        of = self.of
        scores = floats(part[of.score])
        kept = np.flatnonzero(~np.isnan(scores))
        columns = {name: take(part[name], kept) for name in of.features}
        weights, odd = self.raking.weigh(columns, scores[kept])
        parts = (weights * (self.label == 0), weights * (self.label == 1), weights**2)
        counts = np.stack([np.bincount(self.place, w, self.size).reshape(2, -1) for w in parts])
        learnt = calibrate(of.known, of.bins, counts)
        at = of.calls_of(part, scores[kept], kept) * of.grid.cells + of.grid.cell_of(scores[kept])
        all_rows, odd_rows = (
            of.bins.count(np.bincount(a, minlength=self.size).reshape(2, -1)) for a in (at, at[odd])
        )
        return learnt, odd_rows / np.maximum(all_rows, 1)


def _only_calls(values: Column, name: str) -> None:
    odd = [value for value in encode(values)[1] if value not in BINARY]
    if odd:
        remedy = "give calls as --prediction and scores as --score"
        raise neither(odd[0], remedy).at(f"column {name}")


def binary(values: Column) -> NDArray[np.int64]:
    """0 and 1, −1 where missing; other values were refused when they were counted."""
    return placed(values, BINARY)


def _drop(was: Estimate, now: Estimate) -> Estimate:
    low, high = difference((was.low, was.high), (now.low, now.high), was.value, now.value)
    return Estimate(was.value - now.value, low, high, now.confidence, now.n, f"MOVER, {now.method}")
