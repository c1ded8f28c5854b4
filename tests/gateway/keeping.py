"""A log to write to, joins that follow it, and a control plane that adds up what they tell."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.decisions import DecisionLog, Keyring
from seawall.adapters.signing.envelope import seal
from seawall.adapters.signing.keys import public_pem
from seawall.gateway.joins import Joins
from seawall.gateway.outbox import Outbox
from seawall.gateway.state import State
from seawall.gateway.strata import Bundles
from seawall.kernel import Clock, Ids, from_ns
from seawall.serving.bundle import PAYLOAD_TYPE, Bundle
from seawall.serving.decision import DecisionRecord
from seawall.serving.telemetry import Labels, Report, decode, merge


class Told:
    """Absorbs each report once, and says what the cohorts look like."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.bodies: dict[tuple[str, str, int], bytes] = {}

    def absorb(self, report: Report) -> None:
        if (report.gateway, report.sequence) in self.seen:
            return
        self.seen.add((report.gateway, report.sequence))
        for _, version, arm, stream, start, body in report.rows:
            assert stream == "labels"
            key = (version, arm, start)
            self.bodies[key] = merge(self.bodies[key], body) if key in self.bodies else body

    def cohorts(self) -> dict[tuple[str, str, int], tuple[int, ...]]:
        """Arrived, correct, wrong, late, and labels 0 and 1 of each group, by cohort and hour."""
        found: dict[tuple[str, str, int], tuple[int, ...]] = {}
        for key, body in self.bodies.items():
            labels = decode("labels", body)
            assert isinstance(labels, Labels)
            counts = (labels.arrived, labels.correct, labels.wrong, labels.late)
            groups: list[int] = []
            if labels.scores is not None:
                family = labels.scores.family("sex")
                by = dict(zip(family.groups, family.counts.sum(axis=2).tolist(), strict=True))
                for sex in "fm":
                    groups += by.get((sex,), [0, 0, 0])[:2]
            found[key] = (*counts, *(groups or [0] * 4))
        return {key: counts for key, counts in found.items() if any(counts)}


class Place:
    """A gateway's state folder, without the gateway."""

    def __init__(
        self,
        folder: Path,
        given: Bundle,
        key: Any,
        clock: Clock,
        apart_keys: Keyring | None = None,
    ) -> None:
        self.apart_keys = apart_keys
        self.folder, self.clock, self.bundle = folder, clock, given
        self._keys = (public_pem(key.public_key()),)
        self._state = State(folder)
        envelope = seal(PAYLOAD_TYPE, given.to_bytes(), key)
        self._state.keep_envelope(given.endpoint, envelope, safe=True)
        self.log_folder = folder / "decisions"
        self.log = self.writer()
        self.ids = Ids(clock)
        self.told = Told()
        self.joins = self.open()

    def writer(self, seal_rows: int = 50_000) -> DecisionLog:
        return DecisionLog(
            self.log_folder,
            gateway="g",
            clock=self.clock,
            seal_rows=seal_rows,
            apart_keys=self.apart_keys,
        )

    def open(self) -> Joins:
        """What a keeper opens when it starts."""
        self.outbox = Outbox(self.folder / "labels" / "telemetry", "g/labels")
        bundles = Bundles(self._state, self._keys)
        return Joins(
            self.folder / "labels",
            self.log_folder,
            bundles,
            self.outbox,
            self.clock,
            apart_keys=self.apart_keys,
        )

    def record(self, score: float | None, sex: str, at: datetime | None = None) -> DecisionRecord:
        return DecisionRecord(
            id=self.ids(),
            time=at or from_ns(self.clock.now_ns()),
            endpoint="m",
            model="m@1",
            arm="champion",
            bundle_digest=str(self.bundle.digest),
            threshold=0.5,
            score=score,
            input={"age": 40, "sex": sex},
        )

    def deliver(self) -> None:
        while report := self.outbox.next():
            self.told.absorb(report)
            self.outbox.acknowledge(report)


def totals(joins: Joins) -> dict[str, int]:
    return msgspec.structs.asdict(joins.totals)
