"""A control plane with a model in production, a rollout, an incident and decisions, by commands."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tests.app.world import HOUR, START, World, agreeing, table

from seawall.adapters.decisions import DecisionLog
from seawall.app import monitors, respond, watch
from seawall.incidents.alert import make_alert
from seawall.incidents.incident import Incident
from seawall.kernel import Digest, now
from seawall.serving.decision import DecisionRecord
from seawall.serving.endpoint import Endpoint
from seawall.serving.telemetry import Counters, Labels
from seawall.statistics.counting import summarise
from seawall.statistics.grid import latency_grid
from seawall.statistics.score import summarise_scores

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Filled(World):
    """The world of the commands' tests, grown until every page has something to show."""

    def objects(self, columns: dict[str, np.ndarray] | None = None) -> dict[str, Digest]:
        scores = np.random.default_rng(1).uniform(0, 1, 2_000)
        labels = (scores > 0.5).astype(np.int64)
        known = self.app.objects.put(summarise_scores(scores, labels).to_bytes())
        return super().objects(columns) | {"baseline_scores": known}

    def grow(self) -> None:
        """Two days of traffic, a version rejected, one approved, one on its way."""
        self.declare(
            Model={"purpose": HOSTILE},
            Endpoint={"protected": ["SEX"], "retraining": None},
        )
        self.objective("availability", 0.99)
        self.objective("quality", 0.7)
        self.monitor()
        first = self.serving()
        for i in range(30):
            start = START + i * HOUR
            self.answered(start, first, invalid=i == 29)
            self.inputs(start, table(200, seed=i), first)
        self.clock.advance(timedelta(hours=33))
        endpoint = self.app.store.get(Endpoint, "income")
        watch.look_at_drift(self.app, endpoint)
        monitors.look_at_monitors(self.app, endpoint)
        self.waiting = self.validated(b"model 2")
        self.second = self.approved(b"model 3")
        self.moving = self.rollout(self.second)
        self.hour(
            now(self.clock),
            {"champion": (first, 400, 1), "shadow": (self.second, 400, 0)},
            joint=agreeing(400),
        )
        self.clock.advance(HOUR)
        labels = {"alert": "invalid_input", "endpoint": "income", "field": HOSTILE}
        alert = make_alert("page", labels, f"income: {HOSTILE}", now(self.clock))
        (self.incident,) = respond.respond(self.app, endpoint, [alert])
        self.decision = self.decide(first)
        self.app.store.audit.sequence(self.app.log)

    waiting: str
    second: str
    incident: Incident
    decision: str

    def objective(self, indicator: str, target: float) -> None:
        """Declare an objective as a person does."""
        from seawall.app import declare

        document: dict[str, Any] = {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": indicator},
            "spec": {
                "service": "income",
                "indicatorRef": indicator,
                "timeWindow": [{"duration": "30d", "isRolling": True}],
                "budgetingMethod": "Occurrences",
                "objectives": [{"target": target}],
            },
        }
        declare.apply(self.app, self.otto, document)

    def monitor(self) -> None:
        """Declare what is watched without end."""
        from seawall.app import declare

        rate = {"measure": "error_rate", "tolerance": 0.3}
        document = {
            "apiVersion": "seawall/v1",
            "kind": "Monitor",
            "metadata": {"name": "lasting"},
            "spec": {"endpoint": "income", "watches": [{"measure": "distribution"}, rate]},
        }
        declare.apply(self.app, self.otto, document)

    def answered(self, start: datetime, version: str, *, invalid: bool) -> None:
        """One hour: two hundred answers, their latencies, scores and labels."""
        rng = np.random.default_rng(int(start.timestamp()))
        scores = rng.uniform(0, 1, 200)
        truth = (rng.uniform(0, 1, 200) < scores).astype(np.int64)
        sex = np.array(["1", "2"], object)[rng.integers(0, 2, 200)]
        right = int(((scores >= 0.5) == truth).sum())
        known = summarise_scores(scores, truth, {"SEX": sex})
        counted = Counters(
            decisions=200,
            errors=1,
            slow=2,
            rejected=10 if invalid else 0,
            invalid={f"{HOSTILE}: missing": 10} if invalid else {},
            latency_bytes=summarise(rng.gamma(2, 3, 200), latency_grid()).to_bytes(),
        )
        labels = Labels(
            arrived=200, correct=right, wrong=200 - right, added={"SEX": known.to_bytes()}
        )
        grid_scores = summarise(scores, known.grid)
        self.report(
            (version, "champion", "counters", start, counted),
            (version, "champion", "labels", start, labels),
            (version, "champion", "scores", start, grid_scores),
        )

    def decide(self, version: str) -> str:
        """One decision in the log of the gateway beside the control plane."""
        identifier = self.app.ids()
        record = DecisionRecord(
            id=identifier,
            time=now(self.clock),
            endpoint="income",
            model=version,
            arm="champion",
            arm_probability=1.0,
            input={"age": 41, "note": HOSTILE, "id": "token:" + "ab" * 32},
            output={"label": 1, "score": 0.75},
            score=0.75,
            threshold=0.5,
            latency_ms=1.5,
            guards={"range": "pass"},
        )
        folder = self.app.folder / "gateway" / "decisions"
        log = DecisionLog(folder, gateway="g1", clock=self.clock)
        log.append([record], durable=True)
        log.close()
        return identifier


def made(folder: Path, migrated: Path) -> Filled:
    """A world in this folder on a copy of the migrated database."""
    shutil.copy(migrated, folder / "seawall.db")
    return Filled(folder, folder / "seawall.db")


def with_demo(world: Filled, address: str) -> None:
    """Tell the control plane of a running demo."""
    settings = msgspec.structs.replace(world.app.settings, demo_panel=address)
    object.__setattr__(world.app, "settings", settings)
