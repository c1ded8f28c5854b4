"""Real models of every kind, registered with a real control plane and served by a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from tests.app.world import World
from tests.gateway.control import Control

from seawall.adapters.signing.keys import public_pem
from seawall.adapters.sql import migrate
from seawall.app import gate, register, rollouts, telemetry, validate
from seawall.app.bundles import current_bundle
from seawall.kernel import Digest, NotFound, convert
from seawall.registry.provenance import DataSet, Provenance
from seawall.registry.version import Artefact
from seawall.sdk.client import Client
from seawall.sdk.training import training_run
from seawall.serving.telemetry import Report

MARITAL = ("married", "widowed", "divorced", "separated", "never married")


class Case(NamedTuple):
    """A fitted estimator, its columns by name with the label `y`, and rows that it never saw."""

    estimator: Any
    columns: dict[str, Any]
    features: tuple[str, ...]
    rows: np.ndarray
    truth: np.ndarray

    def records(self, count: int) -> list[dict[str, float]]:
        return [dict(zip(self.features, map(float, r), strict=True)) for r in self.rows[:count]]


@cache
def marital_status() -> Case:
    """Which of five marital states, from the American Community Survey."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from seawall.adapters.tables import read_table

    features = ("AGEP", "SCHL", "RELP", "MIL")
    table = read_table("src/seawall/data/acs_employment_ma.parquet", [*features, "MAR"])
    rows = np.column_stack([table[n] for n in features])[::50].astype(np.float64)
    label = np.array(MARITAL)[table["MAR"][::50].astype(int) - 1]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return _case(model, features, rows, label)


@cache
def diabetes() -> Case:
    """How far a disease progressed in a year, from scikit-learn's diabetes data."""
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import GradientBoostingRegressor

    found: Any = load_diabetes()
    model = GradientBoostingRegressor(n_estimators=40, random_state=0)
    return _case(model, tuple(found.feature_names), found.data, found.target)


def _case(model: Any, features: tuple[str, ...], rows: np.ndarray, label: np.ndarray) -> Case:
    rows = rows.astype(np.float32).astype(np.float64)
    order = np.random.default_rng(4).permutation(len(rows))
    half = len(rows) // 2
    seen, unseen = order[:half], order[half:]
    model.fit(rows[seen], label[seen])
    columns = {n: rows[seen, i] for i, n in enumerate(features)} | {"y": label[seen]}
    low, high = rows[seen].min(axis=0), rows[seen].max(axis=0)
    inside = ((rows[unseen] >= low) & (rows[unseen] <= high)).all(axis=1)
    return Case(model, columns, features, rows[unseen][inside], label[unseen][inside])


class Registering(Client):
    """A client that reaches the control plane in this process."""

    def __init__(self, world: World) -> None:
        super().__init__("http://127.0.0.1:9", "swl_x")
        self._world = world

    def put_object(self, data: bytes) -> Digest:
        return self._world.app.objects.put(data)

    def get(self, path: str, **query: Any) -> Any:
        raise NotFound("there is none", where=path)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        assert body is not None
        provenance = convert(body["provenance"], Provenance)
        version = register.register_version(
            self._world.app,
            self._world.ada,
            path.split("/")[2],
            convert(body["artefact"], Artefact),
            provenance,
            [convert(d, DataSet) for d in body["datasets"]],
            {name: Digest.parse(str(d)) for name, d in body["objects"].items()},
        )
        return {"version": version.key}


class Deployed:
    """A control plane where an endpoint `income` serves one such model."""

    def __init__(self, folder: Path, control: Control, case: Case, **spec: Any) -> None:
        database = folder / "seawall.db"
        migrate(f"sqlite:///{database}")
        self.world = world = World(folder / "plane", database)
        world.declare(Endpoint=spec)
        self.control, self.case = control, case
        self.version = self.approved(case)
        rollouts.start(world.app, world.otto, "income", self.version)
        control.bundles["income"] = current_bundle(world.app, "income")[1]
        for arm in world.bundle().arms:
            control.objects[arm.artefact] = world.app.objects.get(arm.artefact)

    def approved(self, case: Case) -> str:
        """A version of the model, trained, registered and approved."""
        world, train = self.world, pa.table(case.columns)
        with training_run("income", Registering(world), data={"train": train}) as run:
            run.save(case.estimator, train, features=case.features, label="y")
        validate.record_evidence(world.app, world.vera, run.version, world.plan(), world.evidence())
        gate.pass_gate(world.app, world.ada, run.version, "validated")
        world.approve(run.version)
        return run.version

    @property
    def settings(self) -> dict[str, Any]:
        """What a gateway that serves it needs beside the usual."""
        return {
            "endpoints": ("income",),
            "public_keys": (public_pem(self.world.app.key.public_key()),),
            "clock": self.world.clock,
        }

    def absorb(self) -> None:
        """Let the control plane have all that gateways have told."""
        told = self.control.bodies
        rows = tuple(("income", *key, body) for key, body in told.items())
        world = self.world
        telemetry.absorb(world.app, world.gateway, Report(gateway="g", sequence=1, rows=rows))

    def close(self) -> None:
        self.world.close()
