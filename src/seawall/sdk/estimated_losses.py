"""Estimated error of a regression model, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict
from seawall.sdk.estimated import UNLIKE, family_of, told, unlike_warning
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.verification import Levels, Verification, judge_chunk
from seawall.statistics.column import Column, floats, take
from seawall.statistics.intervals import difference
from seawall.statistics.loss_estimation import (
    ROWS,
    expect_losses,
    learn_losses,
    losses_of,
    realised_losses,
)
from seawall.statistics.tail import upper_tail

RISE = 0.10
"""By which share of the reference's an estimated MAE may be higher by default."""
_HEAVY = {"rmse": "whose errors are far larger than the rest", "mape": "whose labels are near 0"}
Vector = NDArray[np.float64]


class EstimatedLosses:
    """DLE of chunks against one labelled reference."""

    def __init__(
        self, base: Mapping[str, Column], label: str, prediction: str, features: Sequence[str],
        chunks: int,
    ) -> None:  # fmt: skip
        self.label, self.prediction, self.features = label, prediction, tuple(features)
        y, p = _finite(base, label), _finite(base, prediction)
        kept = np.flatnonzero(~np.isnan(y) & ~np.isnan(p))
        self.rows = kept.size
        if np.isin(y[kept], (0.0, 1.0)).all():
            raise BadInput(
                "labels are only 0 and 1", where=f"column {label}",
                remedy="give the column of probabilities as the score",
            )  # fmt: skip
        kept = kept[:: -(-kept.size // ROWS)]
        self.zeros = int((y[kept] == 0).sum())
        columns = {name: take(base[name], kept) for name in features}
        self.learnt = learn_losses(columns, p[kept], y[kept])
        self.family = family_of(chunks, 1)
        self.was = self._realised(p[kept], y[kept])
        self.chunks: list[dict[str, Any]] = []
        self.verdicts: list[Verdict] = []
        self.warnings: list[str] = []
        if self.zeros:
            self.warnings.append(
                f"MAPE is not estimated: {self.zeros:,} labels of the reference are 0"
            )
        heavy = [
            name for name, loss in losses_of(p[kept], y[kept]).items()
            if name in _HEAVY and (tail := upper_tail(loss, np.ones(loss.size), 0.99))
            and tail.heavy
        ]  # fmt: skip
        self.warnings += [
            f"{name} hangs on a few rows of the reference, {_HEAVY[name]}: its intervals are too "
            "narrow; judge by mae"
            for name in heavy
        ]
        self.verification = Verification(chunks, self.learnt.losses.keys() - set(heavy))

    def add(self, part: dict[str, Column], first: int, last: int) -> None:
        """Estimate one chunk."""
        p = _finite(part, self.prediction)
        kept = np.flatnonzero(~np.isnan(p))
        columns = {name: take(part[name], kept) for name in self.features}
        levels = (CONFIDENCE, self.family, self.verification.strict)
        (*both, strict), unlike = expect_losses(self.learnt, columns, p[kept], levels)
        measures, real = Levels(*both), None
        chunk: dict[str, Any] = {
            "first": first, "last": last, "n": kept.size, "measures": told(measures.own),
            "unlike_reference": unlike,
        }  # fmt: skip
        if self.label in part:
            y = _finite(part, self.label)[kept]
            if y.size and not np.isnan(y).any():
                real = self._realised(p[kept], y)
                chunk["realised"] = told(real.own)
                self.verification.add(measures.own, strict, real.own)
        self.chunks.append(chunk)
        if unlike > UNLIKE:
            self.warnings.append(unlike_warning(first, last, unlike, "features or predictions"))
        rule, rows = Rule("mae_rise", at_most=RISE), f"rows {first}–{last}"
        self.verdicts.append(judge_chunk(rule, "mae", _rise, self.was, measures, real, rows))

    def _realised(self, p: Vector, y: Vector) -> Levels:
        return Levels(*(realised_losses(p, y, at) for at in (CONFIDENCE, self.family)))

    def body(self) -> dict[str, Any]:
        """The report's JSON shape, without the verdict."""
        found: dict[str, Any] = {
            "chunks": self.chunks,
            "reference": told(self.was.own),
            "features": list(self.features),
            "warnings": [*self.verification.warnings(), *self.warnings],
            "provisional": any("realised" not in chunk for chunk in self.chunks),
        }
        if self.verification.chunks:
            found["verified"] = self.verification.to_dict()
        return found


def _finite(part: Mapping[str, Column], name: str) -> Vector:
    try:
        found = floats(part[name])
    except BadInput as error:
        raise BadInput(
            "numbers are expected, not text", where=f"column {name}", remedy="convert it"
        ) from error
    if np.isinf(found).any():
        raise BadInput(
            "some values are infinite", where=f"column {name}", remedy="leave those rows out"
        )
    return found


def _rise(was: Estimate, now: Estimate) -> Estimate:
    """now/was − 1, by the difference of logarithms."""
    method = f"MOVER of logarithms, {now.method}"
    if not (was.value > 0 and now.value > 0):
        return Estimate(math.nan, -1.0, math.inf, now.confidence, now.n, method)
    logs = [[math.log(max(x, 1e-300)) for x in (e.low, e.value, e.high)] for e in (now, was)]
    (nl, n, nh), (wl, w, wh) = logs
    low, high = difference((nl, nh), (wl, wh), n, w)
    found = [math.expm1(min(x, 700.0)) for x in (low, n - w, high)]
    return Estimate(found[1], found[0], found[2], now.confidence, now.n, method)
