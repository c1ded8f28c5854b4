"""A control plane on SQLite with people in it, at a clock that moves only when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from seawall.access.identity import Identity
from seawall.access.role import Role
from seawall.adapters.objects import ObjectStore
from seawall.adapters.settings import Settings
from seawall.adapters.signing.keys import load_or_create_key
from seawall.adapters.sql import SqlStore
from seawall.adapters.tlog import LogFolder
from seawall.app import approve, declare, gate, identities, register, rollouts, telemetry, validate
from seawall.app.bundles import Deployment, current_bundle
from seawall.app.root import ORIGIN, App
from seawall.approvals.approval import Conditions
from seawall.kernel import Digest, Estimate, FixedClock, Ids, now, to_json, to_ns
from seawall.registry.provenance import DataSet, Provenance
from seawall.registry.stage import Stage
from seawall.registry.version import Artefact, Version
from seawall.rollout.rollout import Rollout
from seawall.serving.bundle import PAYLOAD_TYPE, Bundle
from seawall.serving.signature import infer_signature
from seawall.serving.telemetry import Body, Counters, Joint, Labels, Report, Shadow, encode
from seawall.statistics.counting import summarise_table
from seawall.statistics.grid import make_grid
from seawall.statistics.summary import TableSummary
from seawall.validation.evidence import Evidence
from seawall.validation.plan import ValidationPlan

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = {
    "ada": (Role.DEVELOPER,),
    "vera": (Role.VALIDATOR,),
    "abel": (Role.APPROVER,),
    "otto": (Role.OPERATOR,),
    "iris": (Role.AUDITOR,),
}


def documents() -> list[tuple[str, dict[str, Any]]]:
    """What a team declares, each with who declares it."""

    def document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
        head = {"apiVersion": "seawall/v1", "kind": kind, "metadata": {"name": name}}
        return head | {"spec": spec}

    guard = {"measure": "error_difference", "at_most": 0.02}
    steps = [
        {"name": "shadow", "mode": "shadow", "minimum": 3600, "minimum_decisions": 500,
         "guards": [guard], "proofs": [{"measure": "prediction_shift", "at_most": 0.1}]},
        {"name": "20%", "mode": "canary", "share": 0.2, "minimum": 3600,
         "minimum_decisions": 500, "guards": [guard]},
        {"name": "100%", "mode": "full", "minimum": 3600, "minimum_decisions": 500},
    ]  # fmt: skip
    rules = {
        "validated": [
            {"name": "the plan is met", "fact": 'validation.outcome == "pass"'},
            {"name": "accurate", "require": {"measure": "accuracy", "at_least": 0.8}},
        ],
        "production": [
            {
                "name": "approved",
                "fact": 'approvals.outcome == "pass"',
                "message": "no approval in force",
            }
        ],
    }
    gates = [{"to": to, "rules": given} for to, given in rules.items()]
    return [
        ("ada", document("Model", "income", owner="ada", tier="medium", purpose="outreach")),
        ("ada", document("Endpoint", "income", model="income", plan="income", policy="income",
                         rollout="careful", unit="id", runbook="bad-input", retraining="on-drift",
                         fallback={"label": 0, "reason": "a person decides"},
                         label_age_seconds=3600, latency_objective_ms=250, window_hours=4)),
        ("vera", document("Policy", "income", gates=gates)),
        ("vera", document("ValidationPlan", "income", label="employed", owner="ada",
                          signature=False, quality=[{"measure": "accuracy", "at_least": 0.8}])),
        ("otto", document("Rollout", "careful", label_age=3600, steps=steps)),
        ("otto", document("Runbook", "bad-input", match={"alert": "*"},
                          steps=[{"text": "look which field fails"}],
                          automatic=[{"action": "fall_back"}])),
        ("otto", document("Retraining", "on-drift", model="income", cool_down=86_400, tier="high",
                          triggers=[{"on": "drift", "at_most": 0.1}], command=["python", "-V"])),
    ]  # fmt: skip


def table(rows: int = 2_000, *, shift: float = 0.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Two columns of traffic."""
    rng = np.random.default_rng(seed)
    return {
        "age": rng.integers(18, 90, rows).astype(np.int64),
        "hours": np.round(rng.normal(40 + shift, 5, rows), 1),
    }


def estimate(value: float, spread: float = 0.01) -> Estimate:
    """A measure with a narrow interval."""
    return Estimate(value, value - spread, value + spread, 0.95, 5_000, "by hand")


class World:
    """The control plane and shortcuts through the life of a version."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.clock = FixedClock(START)
        settings = Settings(
            data_dir=folder,
            database_url=f"sqlite:///{database}",
            objects=str(folder / "objects"),
            reconcile_seconds=3600.0,
        )
        key = load_or_create_key(folder / "keys" / "seawall.pem")
        audit_key = load_or_create_key(folder / "keys" / "audit.pem")
        self.app = App(
            settings=settings,
            clock=self.clock,
            ids=Ids(self.clock),
            store=SqlStore(settings.database_url, self.clock),
            objects=ObjectStore(settings.objects),
            log=LogFolder(folder / "audit", ORIGIN, ORIGIN, audit_key),
            key=key,
        )
        self.baseline = table()
        self.root = self._person(identities.FIRST, (Role.ADMINISTRATOR,))
        for name, roles in PEOPLE.items():
            setattr(self, name, self._person(name, roles))
        self.gateway = self._person("gateway", (Role.GATEWAY,), account="service")
        self._sequence = 0

    ada: Identity
    vera: Identity
    abel: Identity
    otto: Identity
    iris: Identity

    def _person(self, name: str, roles: tuple[Role, ...], account: Any = "person") -> Identity:
        made = Identity(id=name, account=account, roles=roles, created=now(self.clock))
        with self.app.store.transaction(made.actor) as tx:
            tx.put(made)
            tx.record("access:identity:created", name, {})
        return made

    def close(self) -> None:
        self.app.store.close()

    # -- declared --

    def declare(self, **changes: dict[str, Any]) -> None:
        """Apply every document, its spec changed as given by kind."""
        for who, document in documents():
            if document["kind"] == "Endpoint" and self.app.store.find(Deployment):
                who = "otto"  # once it serves, it is changed by who may deploy
            document["spec"] |= changes.get(document["kind"], {})
            declare.apply(self.app, getattr(self, who), document)

    # -- the life of a version --

    def objects(self, columns: dict[str, np.ndarray] | None = None) -> dict[str, Digest]:
        """The objects that every version needs, stored."""
        columns = columns or self.baseline
        baseline = summarise_table(columns, {n: make_grid(v) for n, v in columns.items()})
        put = self.app.objects.put
        signature = infer_signature(columns)
        return {"signature": put(to_json(signature)), "baseline": put(baseline.to_bytes())}

    def artefact(self, content: bytes, format_: str = "onnx") -> Artefact:
        digest = self.app.objects.put(content)
        return Artefact(digest=digest, format=format_, size=len(content), name="income.onnx")

    def provenance(self, **changes: Any) -> tuple[Provenance, list[DataSet]]:
        data = DataSet(digest=Digest.of(b"rows"), name="train", rows=2_000)
        given: dict[str, Any] = {
            "author": "somebody else",
            "datasets": {"train": data.digest},
            "commit": "a" * 40,
            "dirty": False,
            "command": ("train.py",),
            "parameters": {"depth": 3},
            "packages": {"numpy": "2.0"},
            "environment": {"python": "3.11"},
            "started": now(self.clock),
            "finished": now(self.clock),
        }
        return Provenance(**(given | changes)), [data]

    def registered(
        self,
        content: bytes = b"model 1",
        *,
        who: Identity | None = None,
        columns: dict[str, np.ndarray] | None = None,
    ) -> Version:
        provenance, data = self.provenance()
        return register.register_version(
            self.app,
            who or self.ada,
            "income",
            self.artefact(content),
            provenance,
            data,
            self.objects(columns),
        )

    def plan(self) -> Digest:
        return self.app.store.get(ValidationPlan, "income").digest

    def evidence(self, accuracy: float = 0.9, **changes: Any) -> Evidence:
        given = {"accuracy": estimate(accuracy)}
        return Evidence(data=Digest.of(b"holdout"), rows=5_000, estimates=given, **changes)

    def validated(self, content: bytes = b"model 1", **options: Any) -> str:
        key = self.registered(content, **options).key
        validate.record_evidence(self.app, self.vera, key, self.plan(), self.evidence())
        gate.pass_gate(self.app, self.ada, key, "validated")
        return key

    def approve(self, key: str, **conditions: Any) -> None:
        approve.approve(
            self.app,
            self.abel,
            key,
            suitable=True,
            rating_affirmed=True,
            conditions=Conditions(**conditions),
        )

    def approved(self, content: bytes = b"model 1", **conditions: Any) -> str:
        key = self.validated(content)
        self.approve(key, **conditions)
        return key

    def serving(self, content: bytes = b"model 1", **conditions: Any) -> str:
        """A first version in production."""
        key = self.approved(content, **conditions)
        rollouts.start(self.app, self.otto, "income", key)
        return key

    def rollout(self, key: str) -> Rollout:
        begun = rollouts.start(self.app, self.otto, "income", key)
        assert isinstance(begun, Rollout)
        return begun

    # -- what stands --

    def stage(self, key: str) -> Stage:
        return self.app.store.get(Version, key).stage

    def deployment(self) -> Deployment:
        return self.app.store.get(Deployment, "income")

    def bundle(self) -> Bundle:
        from seawall.adapters.signing.envelope import unseal

        _, envelope = current_bundle(self.app, "income")
        kind, payload = unseal(envelope, [self.app.key.public_key()])
        assert kind == PAYLOAD_TYPE
        return Bundle.from_bytes(payload)

    def actions(self, **about: Any) -> list[str]:
        """The audit trail, oldest first."""
        found = self.app.store.audit.find(limit=1_000, **about)
        return [item.entry.action for item in reversed(found)]

    # -- telemetry --

    def report(self, *rows: tuple[str, str, str, datetime, Body]) -> bool:
        """Deliver (version, arm, stream, start, body) rows as the gateway's next report."""
        self._sequence += 1
        told = tuple(
            ("income", version, arm, stream, to_ns(start), encode(body))
            for version, arm, stream, start, body in rows
        )
        report = Report(gateway="g1", sequence=self._sequence, rows=told)
        return telemetry.absorb(self.app, self.gateway, report)

    def hour(
        self,
        start: datetime,
        arms: dict[str, tuple[str, int, int]],
        *,
        joint: Joint | None = None,
    ) -> None:
        """One hour of traffic: by arm its version, decisions and errors."""
        rows: list[tuple[str, str, str, datetime, Body]] = []
        for arm, (version, decisions, errors) in arms.items():
            rows.append(
                (version, arm, "counters", start, Counters(decisions=decisions, errors=errors))
            )
            if joint is not None and arm == "shadow":
                control = self.deployment().champion
                rows.append((version, arm, "shadow", start, Shadow({control: joint})))
        self.report(*rows)

    def labels(self, start: datetime, version: str, arm: str, correct: int, wrong: int) -> None:
        body = Labels(arrived=correct + wrong, correct=correct, wrong=wrong)
        self.report((version, arm, "labels", start, body))

    def inputs(self, start: datetime, columns: dict[str, np.ndarray], version: str) -> None:
        """One hour of inputs on the grids of the running bundle."""
        from seawall.serving.telemetry import Inputs

        summary: TableSummary = summarise_table(columns, self.bundle().grids)
        self.report((version, "champion", "inputs", start, Inputs({"g": summary.to_bytes()})))


def agreeing(rows: int) -> Joint:
    """A shadow that scores as the champion does."""
    from seawall.serving.telemetry import joint

    scores = np.linspace(0.01, 0.99, rows)
    return joint(scores, scores, thresholds=(0.5, 0.5))
