"""Calibration error without bins: residuals smoothed along the score."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.reliability import middles
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
POINTS = 2048
"""Where the smoothed residuals are read, evenly over [0, 1]."""
_WIDTHS = np.geomspace(2 / POINTS, 1.0, 96)


def smooth_ece(summary: ScoreSummary, confidence: float) -> Estimate:
    """smECE: the σ at which smECE_σ = ∫|Σᵢ(yᵢ−fᵢ)K_σ(t,fᵢ)|dt/n equals σ, with K_σ the Gaussian
    reflected at 0 and 1 (Błasiok & Nakkiran 2023, definition 1 and section 3).

    smECE_σ falls in σ. By convexity noise adds at most ∫√(Var/n)dt to it, and it concentrates about
    its mean with standard deviation √(E(y−f)²/n); where σ less or plus both, and plus what binning
    may change (`Residuals.hidden`), cross σ are the bounds.
    """
    method = "smoothed residuals, Gaussian concentration"
    rows = Residuals(summary)
    if not rows.total:
        return Estimate(math.nan, 0.0, 1.0, confidence, 0, method)
    spread = math.sqrt((rows.squared + 2) / (rows.total + 4) / rows.total)
    reach = spread * math.sqrt(2 * math.log(2 / (1 - confidence)))
    value = _crossing(lambda width: float(rows.error(np.array([width]))[0]))
    high = _crossing(
        lambda width: float(rows.error(np.array([width]))[0]) + reach + rows.hidden(width)
    )
    hidden = np.array([rows.hidden(float(w)) for w in _WIDTHS])
    least = rows.error(_WIDTHS) - rows.noise(_WIDTHS) - reach - hidden
    first = int(np.argmax(least <= _WIDTHS))
    low = float(_WIDTHS[first - 1]) if first else 0.0
    return Estimate(value, min(low, value), min(high, 1.0), confidence, int(rows.total), method)


def _crossing(falling: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > middle else (low, middle)
    return high


class Residuals:
    """Label − score of the labelled rows, spread over `POINTS` points between their cells' middles.

    Gaussian smoothing with reflection is diagonal in cosines, so each width costs one transform.
    """

    def __init__(self, summary: ScoreSummary) -> None:
        negative = summary.counts[NEGATIVE].astype(float)
        positive = summary.counts[POSITIVE].astype(float)
        middle = middles(summary.grid)
        self.total = float((negative + positive).sum())
        mass = max(self.total, 1.0)
        squares = (positive * (1 - middle) ** 2 + negative * middle**2) / mass
        self.squared = float(squares.sum()) * mass
        half = np.diff(np.clip(summary.grid.edges, 0.0, 1.0)) / 2
        size = (positive * (1 - middle) + negative * middle) / mass
        self._size = float(size.sum())
        self._moved = float((size * half).sum())
        self._hidden = float(((negative + positive) * half).sum()) / mass
        self._residual = _waves(middle, (positive * (1 - middle) - negative * middle) / mass)
        self._square = _waves(middle, squares)
        self._frequency = (math.pi * np.arange(POINTS + 1)) ** 2 / 2
        self._at = (np.arange(POINTS) + 0.5) / POINTS
        self._middle, self._squares = middle, squares

    def error(self, widths: Vector) -> Vector:
        """smECE_σ at each σ."""
        return np.abs(self._smooth(self._residual, widths)).mean(axis=1)

    def noise(self, widths: Vector) -> Vector:
        """∫√(E[(y−f)²K_σ(t,f)²]/n)dt at each σ: the most that noise adds to the error."""
        width = widths[:, None]
        density = self._smooth(self._square, widths / math.sqrt(2)) / (2 * math.sqrt(math.pi))
        # (a+b)² of a point and its image beyond the border has the cross term 2ab
        for at, middle in ((self._at, self._middle), (1 - self._at, 1 - self._middle)):
            near = np.flatnonzero(self._squares)
            facing = np.exp(-((middle[near] / width) ** 2)) @ self._squares[near]
            density += np.exp(-((at / width) ** 2)) * facing[:, None] / (math.pi * width)
        return np.sqrt(np.maximum(density, 0.0) / width / self.total).mean(axis=1)

    def hidden(self, width: float) -> float:
        """How far smECE_σ of the rows may be from that of their cells' middles.

        A score moved by h changes its residual by h and moves the kernel by h, which changes its
        integral by at most h·√(2/π)/σ; spreading over two points changes it by ½h²·0.97/σ².
        """
        if width <= 0:
            return 1.0
        moved = self._moved * math.sqrt(2 / math.pi) / width
        return self._hidden + moved + self._size * 0.97 / (8 * (POINTS * width) ** 2)

    def _smooth(self, waves: NDArray[np.complex128], widths: Vector) -> Vector:
        damped = waves * np.exp(-self._frequency * widths[:, None] ** 2)
        return np.fft.irfft(damped, 2 * POINTS, axis=1)[:, :POINTS]


def _waves(middle: Vector, mass: Vector) -> NDArray[np.complex128]:
    """The transform of the mass on the points, mirrored at both ends."""
    place = middle * POINTS - 0.5
    left = np.floor(place).astype(np.int64)
    part = place - left
    points = np.bincount(np.maximum(left, 0), mass * (1 - part), POINTS)
    points += np.bincount(np.minimum(left + 1, POINTS - 1), mass * part, POINTS)
    points *= POINTS
    return np.fft.rfft(np.concatenate([points, points[::-1]]))
