"""`seawall score` as its users run it: people of the American Community Survey, in bulk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.control import START
from typer.testing import CliRunner

from seawall.adapters.decisions import find, find_subject, ship
from seawall.adapters.signing.envelope import seal
from seawall.adapters.signing.keys import public_pem
from seawall.cli.main import app
from seawall.gateway.state import State
from seawall.kernel import Digest, SystemClock
from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
from seawall.serving.guard import Guard
from seawall.serving.signature import Field, Signature

FEATURES = ("AGEP", "SCHL", "MIL")
SIGNATURE = Signature(
    (
        Field(name="AGEP", kind="integer", minimum=16, maximum=89),
        Field(name="SCHL", kind="integer", minimum=1, maximum=24),
        Field(name="MIL", kind="integer", minimum=0, maximum=4),
    )
)
ROWS = 3_000


class Folder:
    """A gateway's state folder, a table of people, and what a reader of both expects."""

    def __init__(self, folder: Path) -> None:
        from skl2onnx import to_onnx
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        table = pq.read_table("src/seawall/data/acs_employment_ma.parquet")
        people = table.take(np.arange(0, 40 * ROWS, 40))
        rows = np.column_stack([people[n].to_numpy() for n in FEATURES]).astype(np.float32)
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(rows, people["employed"].to_numpy())
        self.expected = model.predict_proba(rows)[:, 1]
        age = rows[:, 0]
        self.refused = [int(i) + 1 for i in np.flatnonzero((age < 16) | (age > 89))]
        self.too, self.unschooled = len(self.refused), int((rows[:, 1] < 1).sum())
        self.data, self.state, self.key = folder / "people.parquet", folder / "state", folder / "k"
        pq.write_table(people, self.data, row_group_size=1_000)
        onnx: Any = to_onnx(model, rows[:1], options={"zipmap": False})
        artefact, key = onnx.SerializeToString(), Ed25519PrivateKey.generate()
        self.key.write_bytes(public_pem(key.public_key()))
        champion = Arm(name="champion", version="work@1", artefact=Digest.of(artefact), weight=1.0)
        bundle = Bundle(
            endpoint="work", number=1, issued=START, salt=b"0123456789abcdef", unit="id",
            signature=SIGNATURE, arms=(champion,),
            guards=(Guard(name="near", action="flag", score_at_least=0.45, score_at_most=0.55),),
        )  # fmt: skip
        state = State(self.state)
        state.keep_artefact(artefact)
        state.keep_envelope("work", seal(PAYLOAD_TYPE, bundle.to_bytes(), key), safe=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("score"))


def ran(*words: object) -> str:
    done = CliRunner().invoke(app, list(map(str, ("score", *words))), env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_people_are_answered_guarded_and_logged_and_each_decision_is_found(
    folder: Folder, tmp_path: Path
):
    out, log = tmp_path / "out.parquet", tmp_path / "log"
    words = (folder.state, folder.data, "-o", out, "--log", log, "--trust", folder.key)
    printed = ran(*words, "--subject", "id", "--purpose", "jobs")
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == ROWS
    assert [i + 1 for i, r in enumerate(rows) if r["verdict"] == "reject"] == folder.refused
    decided = [(i, r) for i, r in enumerate(rows) if r["verdict"] != "reject"]
    np.testing.assert_allclose(
        [r["score"] for _, r in decided], folder.expected[[i for i, _ in decided]], atol=1e-5
    )
    near = [abs(r["score"] - 0.5) <= 0.05 for _, r in decided]
    assert [r["verdict"] == "flag" for _, r in decided] == near
    assert any(near)
    assert "signature" not in printed
    assert f"{len(decided):,} decisions logged in" in printed.replace("\n", "")
    ship(log, str(tmp_path / "table"), clock=SystemClock())
    _, one = decided[7]
    record = find(str(tmp_path / "table"), one["decision_id"])
    assert record is not None
    assert (record.output["score"], record.purpose) == (one["score"], "jobs")
    (same,) = find_subject(str(tmp_path / "table"), str(one["id"]))
    assert same.id == record.id


def test_refused_rows_and_broken_fields_are_told_with_their_numbers_and_kept(
    folder: Folder, tmp_path: Path
):
    out = tmp_path / "out.csv"
    found = json.loads(ran(folder.state, folder.data, "-o", out, "--json"))
    assert found["refused"] == {"rows": folder.too, "first": folder.refused[:1_000]}
    assert found["violations"] == {
        "AGEP": {"out_of_range": folder.too},
        "SCHL": {"out_of_range": folder.unschooled},
    }
    assert sum(found["verdicts"].values()) + folder.too == found["rows"] == ROWS
    assert (found["logged"], found["log"], found["signature_checked"]) == (0, None, False)
    kept = json.loads(Path(f"{out}.json").read_text())
    assert kept == {n: found[n] for n in kept}


def test_what_was_not_done_is_said_plainly(folder: Folder, tmp_path: Path):
    printed = ran(folder.state, folder.data, "-o", tmp_path / "out.csv")
    assert "no decision was logged: give --log to keep them" in printed
    assert "the bundle's signature was not checked: give --trust to check it" in printed
    first = ", ".join(map(str, folder.refused[:10]))
    assert f"{folder.too:,} refused" in printed
    assert f"no decisions: rows {first}, …" in printed
    assert f"AGEP: out of range {folder.too:,}" in printed


def test_a_bundle_signed_by_somebody_else_is_not_used(folder: Folder, tmp_path: Path):
    other = tmp_path / "k"
    other.write_bytes(public_pem(Ed25519PrivateKey.generate().public_key()))
    words = ("score", folder.state, folder.data, "-o", tmp_path / "o.csv", "--trust", other)
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exception is not None
    assert not (tmp_path / "o.csv").exists()
