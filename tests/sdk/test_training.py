from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from tests.sdk.recorder import Recorder

from seawall.kernel import BadInput, Digest, FixedClock, convert, from_json
from seawall.registry.provenance import Provenance
from seawall.sdk.datasets import table_digest
from seawall.sdk.export import Conversion
from seawall.sdk.register import register_file
from seawall.sdk.training import training_run
from seawall.serving.signature import Signature
from seawall.statistics.score import ScoreSummary
from seawall.statistics.summary import TableSummary

FEATURES = ("age", "hours")


def people(rows: int = 500) -> pa.Table:
    rng = np.random.default_rng(0)
    age, hours = rng.integers(18, 90, rows), np.round(rng.normal(40, 5, rows), 1)
    label = (age + hours + rng.normal(0, 10, rows) > 95).astype(int)
    sex = rng.choice(["f", "m"], rows)
    return pa.table({"age": age, "hours": hours, "label": label, "sex": sex})


def fitted(table: pa.Table) -> LogisticRegression:
    matrix = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    return LogisticRegression(max_iter=500).fit(matrix, table["label"].to_numpy())


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, in which the training runs."""
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("print()\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Train")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(client: Recorder, **options: object) -> Provenance:
    table = people()
    with training_run("income", client, data={"train": table}, **options) as run:  # type: ignore[arg-type]
        run.save(fitted(table), table, features=FEATURES, label="label")
    return convert(client.registration["provenance"], Provenance)


def test_a_block_that_raises_registers_nothing() -> None:
    client, table = Recorder(), people()

    def interrupted() -> None:
        with training_run("income", client, data={"train": table}) as run:
            run.save(fitted(table), table, features=FEATURES, label="label")
            run.log(auc=1 / 0)

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert client.posted == []


def test_a_block_that_saves_nothing_says_so() -> None:
    client = Recorder()
    with (
        pytest.raises(BadInput, match="saved nothing"),
        training_run("income", client, data={"train": people()}),
    ):
        pass
    assert client.posted == []


def test_provenance_is_what_the_run_was(checkout: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    client, table = Recorder(), people()
    with training_run(
        "income", client, data={"train": table}, parameters={"C": 1.0}, clock=clock
    ) as run:
        clock.advance(timedelta(minutes=5))
        run.log(auc=0.9)
        run.save(fitted(table), table, features=FEATURES, label="label")
    assert run.version == "income@1"
    told = convert(client.registration["provenance"], Provenance)
    assert told.datasets == {"train": table_digest(table)}
    assert told.parameters == {"C": 1.0}
    assert told.metrics == {"auc": 0.9}
    assert (told.started, told.finished) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 0, 5, tzinfo=UTC),
    )
    assert (told.commit, told.dirty) == (git(checkout, "rev-parse", "HEAD"), False)
    assert told.command == (Path(sys.argv[0]).name, *sys.argv[1:])
    assert told.packages["numpy"] == version("numpy")
    assert told.packages["scikit-learn"] == version("scikit-learn")
    assert told.environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert told.author == ""  # the control plane writes the identity it has proven
    [card] = client.registration["datasets"]
    assert (card["rows"], card["name"]) == (500, "train")


@pytest.mark.parametrize("change", ["edited", "new"])
def test_a_work_tree_that_differs_from_its_commit_is_dirty(checkout: Path, change: str) -> None:
    name = {"edited": "train.py", "new": "other.py"}[change]
    (checkout / name).write_text("print(1)\n")
    assert trained(Recorder()).dirty is True


def test_the_commit_is_the_one_the_run_began_with(checkout: Path) -> None:
    began = git(checkout, "rev-parse", "HEAD")
    client, table = Recorder(), people()
    with training_run("income", client, data={"train": table}) as run:
        git(checkout, "commit", "-qm", "Later", "--allow-empty")
        run.save(fitted(table), table, features=FEATURES, label="label")
    assert client.registration["provenance"]["commit"] == began


def test_without_a_repository_the_commit_is_missing_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    told = trained(Recorder())
    assert (told.commit, told.dirty) == ("", None)
    assert "code commit" in told.missing


def test_what_is_uploaded_is_what_the_version_names() -> None:
    client, table = Recorder(), people()
    with training_run("income", client, data={"train": table}) as run:
        run.save(fitted(table), table, features=FEATURES, label="label", protected=("sex",))
    body = client.registration
    artefact = client.objects[body["artefact"]["digest"]]
    assert body["artefact"]["size"] == len(artefact)
    signature = from_json(client.objects[body["objects"]["signature"]], Signature)
    assert signature.names == FEATURES
    baseline = TableSummary.from_bytes(client.objects[body["objects"]["baseline"]])
    assert set(baseline.columns) == {"age", "hours", "sex"}
    assert baseline.rows == 500
    scores = ScoreSummary.from_bytes(client.objects[body["objects"]["baseline_scores"]])
    assert scores.n == 500
    with np.load(io.BytesIO(client.objects[body["objects"]["parity"]])) as parity:
        expected = fitted(table).predict_proba(parity["sample"].astype(float))[:, 1]
        np.testing.assert_allclose(parity["scores"], expected)
    conversion = from_json(client.objects[body["objects"]["conversion"]], Conversion)
    assert conversion.sample == 500
    assert 0 < conversion.largest <= conversion.tolerance


def test_reviewed_ranges_replace_what_training_saw() -> None:
    client, table = Recorder(), people()
    with training_run("income", client, data={"train": table}) as run:
        given = {"age": (0.0, 120.0)}
        run.save(fitted(table), table, features=FEATURES, label="label", ranges=given)
    signature = from_json(client.objects[client.registration["objects"]["signature"]], Signature)
    assert (signature.fields[0].minimum, signature.fields[0].maximum) == (0.0, 120.0)
    with (
        pytest.raises(BadInput, match="did you mean 'age'"),
        training_run("income", client, data={"train": table}) as run,
    ):
        run.save(
            fitted(table), table, features=FEATURES, label="label", ranges={"agee": (0.0, 1.0)}
        )


def reviewed(*names: str) -> list[dict[str, object]]:
    """What the control plane answers for a signature that was applied."""
    fields = [{"name": n, "kind": "number", "mode": "coerce"} for n in names]
    return [{"name": "income", "fields": fields, "rules": [{"name": "r", "rule": "age > 1.0"}]}]


def test_a_signature_that_was_reviewed_and_applied_is_the_versions() -> None:
    client, table = Recorder(), people()
    client.documents["/declared/Signature/income"] = reviewed(*FEATURES)
    with training_run("income", client, data={"train": table}) as run:
        run.save(fitted(table), table, features=FEATURES, label="label")
    signature = from_json(client.objects[client.registration["objects"]["signature"]], Signature)
    assert [f.mode for f in signature.fields] == ["coerce", "coerce"]
    assert [r.rule for r in signature.rules] == ["age > 1.0"]


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        (("age", "height"), {}, "differ in height, hours"),
        (("hours", "age"), {}, "order"),
        (FEATURES, {"ranges": {"age": (0.0, 120.0)}}, "ranges are given beside a signature"),
    ],
)
def test_a_reviewed_signature_that_does_not_fit_the_training_is_refused(
    names: tuple[str, ...], options: dict[str, object], told: str
) -> None:
    client, table = Recorder(), people()
    client.documents["/declared/Signature/income"] = reviewed(*names)
    with (
        pytest.raises(BadInput, match=told),
        training_run("income", client, data={"train": table}) as run,
    ):
        run.save(fitted(table), table, features=FEATURES, label="label", **options)  # pyright: ignore


def test_a_column_that_is_not_there_is_named() -> None:
    table = people()
    with (
        pytest.raises(BadInput, match="did you mean 'label'"),
        training_run("income", Recorder(), data={"train": table}) as run,
    ):
        run.save(fitted(table), table, features=FEATURES, label="lable")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_model_trained_elsewhere_is_registered_with_its_table(
    tmp_path: Path, suffix: str
) -> None:
    import pyarrow.csv as csv

    from seawall.sdk.export import export

    table = people()
    matrix = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    artefact, data = tmp_path / "m.onnx", tmp_path / f"train.{suffix}"
    artefact.write_bytes(export(fitted(table), matrix).artefact)
    (pq.write_table if suffix == "parquet" else csv.write_csv)(table, data)
    client = Recorder()
    answer = register_file(client, "income", artefact, data=data, label="label", features=FEATURES)
    assert answer == {"version": "income@1"}
    assert client.registration["artefact"]["digest"] == Digest.of(artefact.read_bytes())
    with pytest.raises(BadInput, match="artefact cannot be read"):
        register_file(
            client, "income", tmp_path / "no.onnx", data=data, label="label", features=FEATURES
        )


def test_a_boosters_own_file_is_registered_by_its_name(tmp_path: Path) -> None:
    import xgboost

    table = people()
    matrix = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    told = {"objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(told, xgboost.DMatrix(matrix, table["label"].to_numpy()), 3)
    booster.save_model(tmp_path / "m.ubj")
    pq.write_table(table, tmp_path / "train.parquet")
    client, options = Recorder(), {"label": "label", "features": FEATURES}
    options["data"] = tmp_path / "train.parquet"
    register_file(client, "income", tmp_path / "m.ubj", **options)  # type: ignore[arg-type]
    assert client.registration["artefact"]["format"] == "xgboost"
    scores = ScoreSummary.from_bytes(
        client.objects[client.registration["objects"]["baseline_scores"]]
    )
    assert scores.n == 500
    (tmp_path / "m.pkl").write_bytes(b"")
    with pytest.raises(BadInput, match=r"name does not tell its format .*\.ubj \(xgboost\)"):
        register_file(client, "income", tmp_path / "m.pkl", **options)  # type: ignore[arg-type]
