from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score
from tests.sdk.recorder import Recorder
from tests.sdk.test_training import FEATURES, fitted, people

from seawall.kernel import BadInput, Digest, NotFound, Rule, convert, to_builtins
from seawall.registry.provenance import DataSet, Provenance
from seawall.registry.version import Artefact, Version
from seawall.sdk import validate
from seawall.sdk.datasets import describe, file_digest
from seawall.sdk.training import training_run
from seawall.sdk.validate import gather, validate_version
from seawall.validation.evidence import Evidence
from seawall.validation.plan import GroupPlan, ValidationPlan

PLAN = ValidationPlan(
    name="income",
    label="label",
    owner="ada",
    quality=(Rule("accuracy", at_least=0.6),),
    fairness=(Rule("demographic_parity_difference", at_most=0.2),),
    groups=(GroupPlan(columns=("sex",), minimum_group=10),),
    parity=1e-5,
)


@pytest.fixture(autouse=True)
def few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "LATENCY_CALLS", 200)


@pytest.fixture
def holdout(tmp_path: Path) -> Path:
    path = tmp_path / "holdout.parquet"
    pq.write_table(people(), path)
    return path


def registered(holdout: Path) -> Recorder:
    """A control plane that holds one version whose training named a hold-out."""
    client, table = Recorder(), people()
    cards: dict[str, Any] = {"train": table, "holdout": describe(holdout, name="holdout")}
    with training_run("income", client, data=cards) as run:
        run.save(fitted(table), table, features=FEATURES, label="label")
    body = client.posted.pop()[1]
    version = Version(
        model="income",
        number=1,
        artefact=convert(body["artefact"], Artefact),
        provenance=convert(body["provenance"], Provenance),
        objects={name: Digest.parse(d) for name, d in body["objects"].items()},
        created=datetime(2026, 3, 1, tzinfo=UTC),
    )
    client.documents |= {
        "/versions/income@1": {"version": to_builtins(version)},
        "/versions/income@1/plan": {"plan": to_builtins(PLAN), "digest": str(PLAN.digest)},
    }
    for card in body["datasets"]:
        client.documents[f"/datasets/{card['digest']}"] = to_builtins(convert(card, DataSet))
    return client


def handed_in(client: Recorder) -> Evidence:
    [(path, body)] = client.posted
    assert path == "/versions/income@1/evidence"
    assert body["plan"] == PLAN.digest
    return convert(body["evidence"], Evidence)


def test_the_named_hold_out_is_measured_with_the_deployed_artefact(holdout: Path) -> None:
    client = registered(holdout)
    validate_version(client, "income@1")
    evidence = handed_in(client)
    table = people()
    matrix = np.column_stack([table[n].to_numpy() for n in FEATURES]).astype(np.float32)
    scores, label = fitted(table).predict_proba(matrix)[:, 1], table["label"].to_numpy()
    assert evidence.data == file_digest(holdout)
    assert evidence.rows == 500
    assert evidence.estimates["accuracy"].value == pytest.approx(
        accuracy_score(label, scores >= 0.5), abs=0.005
    )
    auc = evidence.estimates["roc_auc"]
    assert auc.low <= roc_auc_score(label, scores) <= auc.high
    assert "demographic_parity_difference[sex]" in evidence.estimates
    assert evidence.parity is not None
    assert evidence.parity.largest < 1e-5
    assert evidence.violations == {}
    assert evidence.latency is not None
    assert 0 < evidence.latency.low <= evidence.latency.value <= evidence.latency.high


def test_a_hold_out_that_changed_or_went_is_not_used(holdout: Path) -> None:
    client = registered(holdout)
    pq.write_table(people().slice(1), holdout)
    with pytest.raises(NotFound, match="not here as it was"):
        validate_version(client, "income@1")
    holdout.unlink()
    with pytest.raises(NotFound, match="--data FILE"):
        validate_version(client, "income@1")
    assert client.posted == []


def test_another_table_may_be_given_and_is_known_by_its_own_digest(
    holdout: Path, tmp_path: Path
) -> None:
    client, other = registered(holdout), tmp_path / "other.parquet"
    pq.write_table(people().slice(0, 300), other)
    validate_version(client, "income@1", other)
    assert (handed_in(client).data, handed_in(client).rows) == (file_digest(other), 300)


def test_a_version_that_names_no_hold_out_asks_for_a_table(holdout: Path) -> None:
    client = registered(holdout)
    version = client.documents["/versions/income@1"]["version"]
    del version["provenance"]["datasets"]["holdout"]
    with pytest.raises(BadInput, match="names no hold-out"):
        validate_version(client, "income@1")


def test_rows_that_break_the_signature_are_counted_by_field(holdout: Path, tmp_path: Path) -> None:
    client, path = registered(holdout), tmp_path / "odd.parquet"
    table = people()
    age = table["age"].to_numpy().copy()
    age[:7] = 500
    pq.write_table(table.set_column(0, "age", pa.array(age)), path)
    validate_version(client, "income@1", path)
    assert handed_in(client).violations == {"age": 7}


def test_a_label_that_is_not_there_is_named(holdout: Path, tmp_path: Path) -> None:
    client, path = registered(holdout), tmp_path / "unlabelled.parquet"
    pq.write_table(people().drop_columns(["label"]), path)
    with pytest.raises(BadInput, match="no column 'label'"):
        validate_version(client, "income@1", path)


def test_an_artefact_that_answers_otherwise_than_in_training_shows_it(holdout: Path) -> None:
    client = registered(holdout)
    version = convert(client.documents["/versions/income@1"]["version"], Version)
    from seawall.sdk.training import parity_bytes

    sample = np.array([[30, 40.0]], np.float32)
    altered = client.put_object(parity_bytes(sample, np.array([2.0])))
    version.objects["parity"] = altered
    parity = gather(client, version, PLAN, holdout).parity
    assert parity is not None
    assert parity.largest > 1
