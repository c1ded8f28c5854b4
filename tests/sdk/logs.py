"""A gateway's state folder with a log of many decisions, made without a gateway."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.control import START, bundle, model, onnx_bytes, training_rows

from seawall.adapters.decisions import DecisionLog, ship
from seawall.adapters.signing.envelope import seal
from seawall.gateway.state import State
from seawall.kernel import FixedClock
from seawall.sdk.gateway_state import GatewayState
from seawall.sdk.guard import Guard
from seawall.serving.bundle import PAYLOAD_TYPE, Bundle
from seawall.serving.fallback import Fallback
from seawall.serving.outcome import Outcome

GRADES = ("low", "mid", "high")
SAFE = Fallback(label=0, reason="the safe answer")
KEY = Ed25519PrivateKey.generate()


class Logged:
    """Hours of decisions, `rows` each; `labels` are the outcomes by decision, of half of them."""

    def __init__(
        self, folder: Path, *, hours: int = 3, rows: int = 400, keys: Any = None, **given: Any
    ) -> None:
        self.folder, self.clock, self.keys = folder, FixedClock(START), keys
        self.table = str(folder / "table")
        self.adopt(bundle(**({"fallback": SAFE} | given)))
        State(folder).keep_artefact(onnx_bytes(3))
        self.ids: list[str] = []
        self.labels: dict[str, int] = {}
        self.matrix = np.empty((0, 3), np.float32)
        for hour in range(hours):
            self._hour(hour, rows)
        self.ship()

    def adopt(self, given: Bundle) -> None:
        state, envelope = State(self.folder), seal(PAYLOAD_TYPE, given.to_bytes(), KEY)
        state.keep_past(given.digest, envelope)
        state.keep_envelope(given.endpoint, envelope, safe=True)

    def log(self) -> DecisionLog:
        return DecisionLog(self.folder / "decisions", gateway="g", clock=self.clock, keys=self.keys)

    def ship(self) -> None:
        ship(self.folder / "decisions", self.table, clock=self.clock, keys=self.keys)

    def _hour(self, hour: int, rows: int) -> None:
        made, rng = training_rows(rows, seed=100 + hour), np.random.default_rng(hour)
        columns = {
            "age": made[:, 0].astype(int),
            "hours": made[:, 1].astype(float),
            "grade": [GRADES[int(v)] for v in made[:, 2]],
            "sex": rng.choice(["f", "m"], rows),
            "who": [f"s{hour}-{i}" for i in range(rows)],
        }
        state = GatewayState(self.folder)
        held = state.current()
        models = state.models(held.arms, held.signature)
        with Guard(held, models, clock=self.clock, log=self.log()) as guard:
            answers = guard.score(columns, subject="who").answers
        truth = rng.random(rows) < model(3).predict_proba(made)[:, 1]
        mine = {a.decision_id: int(t) for a, t in zip(answers, truth, strict=True)}
        self.ids += mine
        self.labels |= dict(list(mine.items())[::2])
        self.matrix = np.concatenate([self.matrix, made])
        log = self.log()
        log.append_outcomes([Outcome(i, t) for i, t in list(mine.items())[::2]])
        log.close()
        self.clock.advance(timedelta(hours=1))
