"""A monitor of several streams of outcomes, window by window, under one alarm budget.

For effects that are small but last: it adds evidence up over windows, where `watch` judges each
window by itself. Streams bet against their tolerances (`statistics.betting`); their average is
compared with one boundary, so that the budget is shared however they depend on one another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Window, nearest
from seawall.monitoring.looking import YEAR
from seawall.statistics.e_detector import Contract, Detector, average, e_bh


class MonitorReading(msgspec.Struct, frozen=True, kw_only=True):
    """One window's part: the log of the shared evidence, of each stream's own, and the boundary.

    `alarm` when the evidence reached the boundary. `streams` then names those that the false
    discovery rate α allows to name (contract `ever`), else the ones above the boundary by
    themselves, else the strongest. `note` says what was not counted and why.
    """

    window: Window
    log_value: float
    log_boundary: float
    alarm: bool
    evidence: dict[str, float]
    streams: tuple[str, ...] = ()
    note: str = ""


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """Detectors of named streams, and how far time has come.

    `contract` `ever`: P(a false alarm, ever) ≤ `alpha`, for what ends. `mean_time`: at least
    1/`alpha` windows between false alarms on average, for what does not end; it begins anew after
    an alarm. Nothing but this is kept; it survives the wire.
    """

    contract: Contract
    alpha: float
    detectors: dict[str, Detector]
    until: datetime | None = None
    left_out: int = 0

    @classmethod
    def until_it_ends(cls, streams: Mapping[str, int], alpha: float = 0.05) -> Monitor:
        """A monitor of a rollout: false with probability at most alpha, however long it takes.

        `streams` gives the bettors of each, the columns of its bets.
        """
        return cls(contract="ever", alpha=alpha, detectors=_fresh("ever", streams))

    @classmethod
    def without_end(
        cls, streams: Mapping[str, int], interval: timedelta, between: timedelta = YEAR
    ) -> Monitor:
        """A permanent monitor that looks once per `interval`: all streams together alarm falsely
        once in `between` on average, or less often."""
        if not timedelta(0) < interval < between:
            raise BadInput("the interval must be positive and below the time between false alarms")
        alpha = interval / between
        return cls(contract="mean_time", alpha=alpha, detectors=_fresh("mean_time", streams))

    def observe(
        self,
        window: Window,
        bets: Mapping[str, NDArray[np.float64]],
        *,
        share: float = 1.0,
        step: int | None = None,
    ) -> tuple[Monitor, MonitorReading]:
        """The monitor after one window's bets by stream, rows in time order.

        `share` is its part of a budget that it has together with others in this window
        (`monitoring.sharing`), and `step` the window's number from 1 in the time that they share,
        for the contract `ever`; both are set before anything of the window is known.

        Windows come in time order. One that starts before the last ended is left out whole, since
        its rows may be counted already, and the reading says so. A stream without rows stands
        still; a window without any is no step. Raises `BadInput` on an unknown stream.
        """
        for name in bets:
            if name not in self.detectors:
                raise BadInput(
                    f"no stream {name!r} is monitored", remedy=nearest(name, self.detectors)
                )
        if self.until is not None and window.start < self.until:
            rows = max((len(b) for b in bets.values()), default=0)
            note = (
                f"left out {rows:,} rows of {window.start.isoformat()}: everything before "
                f"{self.until.isoformat()} was already judged"
            )
            return msgspec.structs.replace(self, left_out=self.left_out + 1), self._read(
                window, note
            )
        if not any(len(b) for b in bets.values()):
            passed = msgspec.structs.replace(self, until=window.end)
            return passed, passed._read(window, "no rows in this window")
        detectors = {
            name: _placed(one, share, step).update(_one_step(bets.get(name), len(one.log_started)))[
                0
            ]
            for name, one in self.detectors.items()
        }
        after = msgspec.structs.replace(self, detectors=detectors, until=window.end)
        reading = after._read(window)
        if reading.alarm and self.contract == "mean_time":
            sizes = {name: len(one.log_started) for name, one in detectors.items()}
            after = msgspec.structs.replace(after, detectors=_fresh("mean_time", sizes))
        return after, reading

    def _read(self, window: Window, note: str = "") -> MonitorReading:
        evidence = {name: one.log_value for name, one in self.detectors.items()}
        value, boundary = float(average(list(evidence.values()))), -math.log(self.alpha)
        alarm = value >= boundary and not note
        return MonitorReading(
            window=window, log_value=value, log_boundary=boundary, alarm=alarm, evidence=evidence,
            streams=self._named(evidence, boundary) if alarm else (), note=note,
        )  # fmt: skip

    def _named(self, evidence: Mapping[str, float], boundary: float) -> tuple[str, ...]:
        order = sorted(evidence, key=lambda name: -evidence[name])
        if self.contract == "ever":
            shown = e_bh([evidence[name] for name in order], self.alpha)
            named = [name for name, one in zip(order, shown, strict=True) if one]
        else:
            named = [name for name in order if evidence[name] >= boundary]
        return tuple(named or order[:1])


def _fresh(contract: Contract, streams: Mapping[str, int]) -> dict[str, Detector]:
    if not streams:
        raise BadInput("a monitor needs at least one stream")
    return {name: Detector.of(contract, bettors) for name, bettors in streams.items()}


def _placed(one: Detector, share: float, step: int | None) -> Detector:
    """The detector before a step of the shared time, with what is staked at it."""
    steps = one.steps if step is None else step - 1
    return msgspec.structs.replace(one, share=share, steps=steps)


def _one_step(bets: NDArray[np.float64] | None, bettors: int) -> NDArray[np.float64]:
    """A window's bets as one: their product. A start lies at the beginning of a window."""
    if bets is None or not len(bets):
        return np.zeros((1, bettors))
    return np.asarray(bets, float).sum(axis=0, keepdims=True)
